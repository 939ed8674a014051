"""Predicted beside measured seconds."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events.contract import SCOREBOARD
from almanac.workloads.events.replays import scoreboard


def batches(count: int, *, actual: float, predicted: float = 1.0) -> pd.DataFrame:
    """Return features of batches that followed a policy."""
    return pd.DataFrame(
        {
            "started_at": pd.date_range("2026-05-01", periods=count, freq="s", tz="UTC"),
            "count": 3.0,
            "seconds": actual,
            "cost": 0.2,
            "predicted_seconds": predicted,
            "predicted_p90_seconds": predicted * 1.2,
            "predicted_cost": 0.1,
        }
    )


def test_a_window_holds_fifty_batches_and_the_newest_is_whole() -> None:
    windows = scoreboard.of(batches(125, actual=1.1)).windows
    assert windows.columns.tolist() == SCOREBOARD.column_names
    assert windows["batches"].tolist() == [25, 50, 50]
    assert windows["events"].tolist() == [75, 150, 150]
    assert windows["window_end"].iloc[-1] == pd.Timestamp("2026-05-01 00:02:04", tz="UTC")
    assert windows["predicted_seconds"].tolist() == [1.0] * 3
    assert windows["actual_cost"].tolist() == pytest.approx([0.2] * 3)


def test_seconds_within_the_band_give_no_advice() -> None:
    board = scoreboard.of(batches(200, actual=1.15))
    assert board.windows["inside_band"].all()
    assert board.advice is None
    assert str(board) == "4 windows, no advice"


def test_several_windows_outside_the_band_give_the_advice_to_train_again() -> None:
    board = scoreboard.of(batches(150, actual=2.0))
    advice = "retrain advised: in the last 3 windows batches took 2.00 times the predicted seconds"
    assert (board.advice, str(board)) == (advice, advice)


def test_two_windows_outside_the_band_are_not_several() -> None:
    assert scoreboard.of(batches(100, actual=2.0)).advice is None


def test_batches_that_no_policy_sized_do_not_count() -> None:
    board = scoreboard.of(batches(200, actual=2.0, predicted=np.nan))
    assert board.windows.empty
    assert board.advice is None
