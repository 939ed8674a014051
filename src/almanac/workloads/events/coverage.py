"""How many later batches stayed within their predicted 90th percentile, by the number of their events."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from almanac.workloads.events.policy.costs import Floats

COLUMNS = ["events_min", "events_max", "batches", "covered", "low", "high"]
# The most events of each group; the last group is open.
GROUPS = (1, 5, 20, 1_000_000)
# Of fewer batches than this a share says nothing.
FEWEST_BATCHES = 20


def measure(batches: pd.DataFrame, predicted: Floats) -> pd.DataFrame:
    """Return one row per group that has batches: the share within its bound, with its 95 % interval.

    `predicted` are seconds and their 90th percentile, made by models of earlier batches only. The interval
    is Wilson's.
    """
    is_covered = batches["seconds"].to_numpy(dtype=np.float64) <= predicted[:, 1]
    lower = [1, *(most + 1 for most in GROUPS[:-1])]
    counts = batches["count"].to_numpy(dtype=np.float64)
    rows = [
        _row(least, most, is_covered[(counts >= least) & (counts <= most)])
        for least, most in zip(lower, GROUPS, strict=True)
    ]
    return pd.DataFrame([row for row in rows if row["batches"]], columns=COLUMNS)


def beside(predictions: pd.DataFrame, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return predictions with the share that was measured for batches of their size, where there is one.

    `metrics` are those that the evaluation stored with the version.
    """
    measured = pd.DataFrame(metrics.get("coverage", []), columns=COLUMNS)
    enough = measured[measured["batches"] >= FEWEST_BATCHES]
    sizes = predictions["backlog_min"].clip(upper=predictions["batch_size"]).to_numpy()
    shares = np.full(len(predictions), np.nan)
    for row in enough.itertuples():
        shares[(sizes >= row.events_min) & (sizes <= row.events_max)] = row.covered
    return predictions.assign(p90_coverage=shares)


def _row(least: int, most: int, is_covered: np.ndarray[Any, Any]) -> dict[str, float]:
    group: dict[str, float] = {"events_min": least, "events_max": most, "batches": len(is_covered)}
    if not len(is_covered):
        return group
    test = binomtest(int(is_covered.sum()), len(is_covered))
    interval = test.proportion_ci(method="wilson")
    return group | {"covered": test.statistic, "low": float(interval.low), "high": float(interval.high)}
