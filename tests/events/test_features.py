"""The features of a batch before it is processed."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import features
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.sources import generator, replayed_trace


def replay(seconds: float, seed: int) -> pd.DataFrame:
    trace = generator.generate(seconds, seed=seed)
    return replayed_trace.history(trace, Prices(), objective_seconds=2.0, seed=1)


def history(*rows: tuple[int, float, float]) -> pd.DataFrame:
    """Return batches a second apart; each is events, kB and seconds."""
    batches = pd.DataFrame(rows, columns=["events", "kb", "seconds"])
    started = pd.date_range("2026-03-01 13:59:58", periods=len(rows), freq="s", tz="UTC")
    frame = replay(30.0, seed=1).head(len(rows))
    return frame.assign(**batches, started_at=started, kinds=[{"a": 3, "b": 1}] * len(rows))


def test_the_features_of_a_batch() -> None:
    built = features.build(history((4, 8.0, 1.0)))
    assert built[features.FEATURES].iloc[0].to_dict() == {
        "count": 4.0,
        "kb": 8.0,
        "kinds": 2.0,
        "main_kind_share": 0.75,
        "hour": 13.0,
        "recent_residual": 0.0,
    }


def test_the_hour_is_that_of_the_start() -> None:
    built = features.build(history(*[(1, 1.0, 1.0)] * 3))
    assert built["hour"].tolist() == [13.0, 13.0, 14.0]


def test_the_recent_residual_compares_the_batches_before_with_the_prediction_of_their_counts() -> None:
    built = features.build(history((2, 1.0, 1.0), (2, 1.0, 2.0), (2, 1.0, 9.0), (2, 1.0, 9.0)))
    # The first has nothing before it. The second took 2 where 0.5 an event predict 1, and the third 9 where
    # 0.75 predict 1.5.
    residuals = [0.0, 0.0, np.log(2), (np.log(2) + np.log(6)) / 2]
    assert built["recent_residual"].tolist() == pytest.approx(residuals)


def test_no_feature_uses_later_batches() -> None:
    whole = replay(120.0, seed=2)
    early = features.build(whole.head(30))
    all_features = features.build(whole).head(30)
    pd.testing.assert_frame_equal(all_features[features.FEATURES], early[features.FEATURES])


def test_batches_are_sorted_by_their_start() -> None:
    rows = history((1, 1.0, 1.0), (2, 1.0, 1.0), (3, 1.0, 1.0))
    assert features.build(rows.iloc[::-1])["count"].tolist() == [1.0, 2.0, 3.0]
