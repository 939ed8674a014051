"""The standings of the contenders, as stored with a version and in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.events.contract import CONTENDERS

# Costs that differ by less count as equal.
AS_GOOD = 0.005


def of_version(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the standings that the evaluation stored with a version; empty where it stored none."""
    return pd.DataFrame(metrics.get("contenders", []), columns=CONTENDERS.column_names)


def verdict(contenders: pd.DataFrame) -> str:
    """Return in words whether the policy beats T, and T with seconds from kB the same from the count."""
    rows = contenders.set_index("contender")
    pairs = [("policy", "T"), ("T", "T count"), ("T", "timer")]
    return " ".join(_comparison(rows, ours, theirs) for ours, theirs in pairs)


def _comparison(rows: pd.DataFrame, ours: str, theirs: str) -> str:
    costs, missed = rows["cost_per_event"].to_dict(), rows["missed_share"].to_dict()
    change = float(costs[ours] / costs[theirs]) - 1
    misses = f"{missed[ours]:.2%} misses against {missed[theirs]:.2%}"
    if abs(change) < AS_GOOD:
        return f"{ours} costs as much as {theirs} ({change:+.1%}, {misses}): the simpler is as good."
    direction = "less" if change < 0 else "more"
    return f"{ours} costs {abs(change):.1%} {direction} than {theirs} ({misses})."
