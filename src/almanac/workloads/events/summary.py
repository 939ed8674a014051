"""What a person sees of events at the end of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.table import WIDE

BACKLOGS = (1, 5, 20, 100, 500)


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a small table of the policy: typical backlogs with a young oldest event, small and large ones."""
    middle = np.sort(predictions["kb_min"].unique())
    wanted = [float(middle[len(middle) // 3]), float(middle[2 * len(middle) // 3])]
    young = predictions[(predictions["age_min_seconds"] == 0) & predictions["kb_min"].isin(wanted)]
    chosen = [
        young[(young["backlog_min"] <= backlog) & (young["backlog_max"] >= backlog)] for backlog in BACKLOGS
    ]
    columns = ["backlog", "kB each", "take", "oldest starts at", "expected", "p90", "cost per event"]
    return columns, [_row(state) for state in pd.concat(chosen).head(rows).itertuples()]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about later batches and later traffic, with T and a plain worker beside the policy."""
    if "seconds_loss" not in metrics:
        return "This version has not been evaluated on later batches yet."
    told = f"On {metrics['n']:.0f} later batches: R² of processing seconds {metrics['r2']:.3f}, {metrics['above_p90']:.1%} above the 90th percentile."
    standings = {row["contender"]: row for row in metrics.get("contenders", [])}
    if "policy" not in standings:
        return told
    named = "; ".join(_standing(name, standings[name]) for name in ("policy", "T", "polling"))
    return f"{told} Replay of later traffic: {named}. A cost is only worth what its misses allow."


def _row(state: Any) -> list[object]:
    start, seconds, p90 = (
        f"{value:.2f} s" for value in (state.start_age_seconds, state.expected_seconds, state.p90_seconds)
    )
    return [
        _band(state),
        f"{state.kb_min:.1f}–{state.kb_max:.1f}",
        state.batch_size,
        start,
        seconds,
        p90,
        f"{state.expected_cost_per_event:.4f}",
    ]


def _band(state: Any) -> str:
    if state.backlog_min == state.backlog_max:
        return f"{state.backlog_min}"
    return (
        f"{state.backlog_min} and more"
        if state.backlog_max >= WIDE
        else f"{state.backlog_min}–{state.backlog_max}"
    )


def _standing(name: str, row: Mapping[str, Any]) -> str:
    beside = f", {row['against_hindsight']:.3f} of hindsight" if row.get("against_hindsight") else ""
    return f"{name} {row['cost_per_event']:.4f} per event at {row['missed_share']:.1%} misses{beside}"
