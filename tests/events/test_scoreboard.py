"""What was promised beside what was measured."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events.contract import SCOREBOARD
from almanac.workloads.events.replays import scoreboard


def batches(count: int, *, actual: float, predicted: float | None = 1.0) -> pd.DataFrame:
    """Return features of batches that followed a policy, or that none had predicted."""
    told = np.nan if predicted is None else predicted
    return pd.DataFrame(
        {
            "started_at": pd.date_range("2026-05-01", periods=count, freq="s", tz="UTC"),
            "count": 3.0,
            "seconds": actual,
            "cost": 0.2,
            "predicted_seconds": told,
            "predicted_p90_seconds": told * 1.2,
            "predicted_cost": 0.1,
        }
    )


def test_a_window_holds_fifty_batches_and_the_newest_is_whole() -> None:
    board = scoreboard.windows(batches(125, actual=1.1))
    assert board.columns.tolist() == SCOREBOARD.column_names
    assert board["batches"].tolist() == [25, 50, 50]
    assert board["events"].tolist() == [75, 150, 150]
    assert board["window_end"].iloc[-1] == pd.Timestamp("2026-05-01 00:02:04", tz="UTC")
    assert board["predicted_seconds"].tolist() == [1.0] * 3
    assert board["actual_cost"].tolist() == pytest.approx([0.2] * 3)


def test_seconds_within_the_band_give_no_advice() -> None:
    board = scoreboard.windows(batches(200, actual=1.15))
    assert board["inside_band"].all()
    assert scoreboard.advice(board) is None


def test_several_windows_outside_the_band_give_the_advice_to_train_again() -> None:
    advice = scoreboard.advice(scoreboard.windows(batches(150, actual=2.0)))
    assert advice == "retrain advised: in the last 3 windows batches took 2.00 times the predicted seconds"


def test_two_windows_outside_the_band_are_not_several() -> None:
    assert scoreboard.advice(scoreboard.windows(batches(100, actual=2.0))) is None


def test_batches_that_no_policy_sized_do_not_count() -> None:
    board = scoreboard.windows(batches(200, actual=2.0, predicted=None))
    assert board.empty
    assert scoreboard.advice(board) is None
