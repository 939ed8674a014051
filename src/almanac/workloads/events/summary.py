"""What a person sees of events at the end of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from almanac.workloads.events import standings
from almanac.workloads.events.policy.table import WIDE

BACKLOGS = (1, 5, 20, 100, 500)
COLUMNS = ["backlog", "kB each", "take", "oldest starts at", "expected", "p90", "cost per event"]
CONTENDERS_SHOWN = ("policy", "T", "polling")
NOT_EVALUATED = "This version has not been evaluated on later batches yet."


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a small table of the policy.

    Typical backlogs of small and of large events, with a young oldest event.
    """
    young = predictions[predictions["age_min_seconds"] == 0]
    typical = young[young["kb_min"].isin(_small_and_large(predictions["kb_min"]))]
    states = pd.concat([_at_backlog(typical, backlog) for backlog in BACKLOGS])
    return COLUMNS, [_row(state) for state in states.head(rows).itertuples()]


def _small_and_large(kb: pd.Series) -> list[float]:
    """Return the sizes at one and at two thirds of all bands."""
    bands = np.sort(kb.unique())
    return [float(bands[part * len(bands) // 3]) for part in (1, 2)]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about later batches and later traffic, with T and polling beside the policy."""
    if "seconds_loss" not in metrics:
        return NOT_EVALUATED
    error = _error(metrics)
    contenders = standings.of_version(metrics).set_index("contender").to_dict("index")
    if "policy" not in contenders:
        return error
    rows = "; ".join(_contender(name, contenders[name]) for name in CONTENDERS_SHOWN)
    return f"{error} Replay of later traffic: {rows}. A cost is only worth what its misses allow."


def _error(metrics: Mapping[str, Any]) -> str:
    explained = f"R² of processing seconds {metrics['r2']:.3f}"
    above = f"{metrics['above_p90']:.1%} above the 90th percentile"
    return f"On {metrics['n']:.0f} later batches: {explained}, {above}."


def _at_backlog(states: pd.DataFrame, backlog: int) -> pd.DataFrame:
    return states[(states["backlog_min"] <= backlog) & (states["backlog_max"] >= backlog)]


def _row(state: Any) -> list[object]:
    kb = f"{state.kb_min:.1f}–{state.kb_max:.1f}"
    seconds = (state.start_age_seconds, state.expected_seconds, state.p90_seconds)
    cost = f"{state.expected_cost_per_event:.4f}"
    return [_band(state), kb, state.batch_size, *(f"{value:.2f} s" for value in seconds), cost]


def _band(state: Any) -> str:
    if state.backlog_min == state.backlog_max:
        return f"{state.backlog_min}"
    if state.backlog_max >= WIDE:
        return f"{state.backlog_min} and more"
    return f"{state.backlog_min}–{state.backlog_max}"


def _contender(name: str, row: Mapping[Any, Any]) -> str:
    ratio = row["against_hindsight"]
    hindsight = f", {ratio:.3f} of hindsight" if pd.notna(ratio) and ratio else ""
    cost = f"{row['cost_per_event']:.4f} per event"
    return f"{name} {cost} at {row['missed_share']:.1%} misses{hindsight}"
