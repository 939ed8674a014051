"""What is known about a batch before it is processed."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import features
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.sources import generator, replayed


def history(*rows: tuple[int, float, float]) -> pd.DataFrame:
    """Return batches a second apart, given as events, kB and seconds."""
    frame = replayed.history(generator.generate(30.0, seed=1), Prices(), objective_seconds=2.0, seed=1).head(
        len(rows)
    )
    events, kb, seconds = zip(*rows, strict=True)
    started = pd.date_range("2026-03-01 13:59:58", periods=len(rows), freq="s", tz="UTC")
    return frame.assign(
        events=events, kb=kb, seconds=seconds, started_at=started, kinds=[{"a": 3, "b": 1}] * len(rows)
    )


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
    assert features.build(history((1, 1.0, 1.0), (1, 1.0, 1.0), (1, 1.0, 1.0)))["hour"].tolist() == [
        13.0,
        13.0,
        14.0,
    ]


def test_the_recent_residual_compares_the_batches_before_with_what_their_counts_made_likely() -> None:
    built = features.build(history((2, 1.0, 1.0), (2, 1.0, 2.0), (2, 1.0, 9.0), (2, 1.0, 9.0)))
    # The first has nothing before it; the second took 2 where 0.5 an event made 1 likely; the third 9 where 0.75 made 1.5 likely.
    assert built["recent_residual"].tolist() == pytest.approx(
        [0.0, 0.0, np.log(2), (np.log(2) + np.log(6)) / 2]
    )


def test_no_batch_knows_what_came_after_it() -> None:
    whole = replayed.history(generator.generate(120.0, seed=2), Prices(), objective_seconds=2.0, seed=1)
    early = features.build(whole.head(30))
    pd.testing.assert_frame_equal(features.build(whole).head(30)[features.FEATURES], early[features.FEATURES])


def test_batches_are_put_into_the_order_in_which_they_began() -> None:
    rows = history((1, 1.0, 1.0), (2, 1.0, 1.0), (3, 1.0, 1.0))
    assert features.build(rows.iloc[::-1])["count"].tolist() == [1.0, 2.0, 3.0]
