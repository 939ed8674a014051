"""How well the predicted 90th percentile holds, by the number of events."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import coverage


def measured(sizes: list[int], within: list[bool]) -> pd.DataFrame:
    """Return the coverage of batches of these sizes, each with a bound of one second."""
    seconds = np.where(within, 0.9, 1.1)
    batches = pd.DataFrame({"count": np.array(sizes, dtype=np.float64), "seconds": seconds})
    return coverage.measure(batches, np.column_stack([np.full(len(sizes), 0.5), np.ones(len(sizes))]))


def test_each_group_has_its_share_and_an_interval_around_it() -> None:
    rows = measured([1] * 10 + [7] * 40, [True] * 9 + [False] + [True] * 30 + [False] * 10)
    assert rows[["events_min", "events_max", "batches"]].to_numpy().tolist() == [
        [1, 1, 10],
        [6, 20, 40],
    ]
    assert rows["covered"].tolist() == pytest.approx([0.9, 0.75])
    # Wilson's interval of 30 of 40.
    assert rows.loc[1, ["low", "high"]].tolist() == pytest.approx([0.598, 0.858], abs=0.001)


def test_predictions_carry_the_share_of_batches_of_their_size() -> None:
    rows = measured([7] * 40 + [30] * 5, [True] * 30 + [False] * 15)
    policy = pd.DataFrame({"backlog_min": [1, 10, 50, 400], "batch_size": [500, 500, 8, 500]})
    shares = coverage.beside(policy, {"coverage": rows.to_dict("records")})["p90_coverage"]
    # Batches of one were not measured, and those of many were too few.
    assert shares.tolist() == pytest.approx([np.nan, 0.75, 0.75, np.nan], nan_ok=True)


def test_a_version_that_was_evaluated_before_has_no_share() -> None:
    policy = pd.DataFrame({"backlog_min": [1], "batch_size": [500]})
    assert coverage.beside(policy, {})["p90_coverage"].isna().all()
