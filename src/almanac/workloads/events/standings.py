"""Where the contenders stand, in words and tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.events.contract import CONTENDERS
from almanac.workloads.events.evaluation import Case, Outcome, saving

# Each does what the one before it does, and one thing more.
STAGES = {
    "timer": "a timer with a fixed lead",
    "T": "the lead learned from count and kB",
    "policy": "misses spent where they save most",
}
AS_GOOD = 0.005


def decomposed(case: Case, outcomes: Mapping[str, Outcome], *, seed: int) -> pd.DataFrame:
    """Return what each stage from polling to the policy saves of the cost of polling, with its interval and its misses."""
    rows, before = [], 0.0
    for name, doc in STAGES.items():
        found = saving(outcomes[name].replay, outcomes["polling"].replay, case.prices, seed=seed)
        missed = outcomes[name].replay.missed_share(case.goal.objective_seconds)
        rows.append(
            {
                "stage": name,
                "adds": doc,
                "saved": found.estimate - before,
                "in_all": found.estimate,
                "low": found.low,
                "high": found.high,
            }
        )
        rows[-1] |= {"missed_share": missed}
        before = found.estimate
    return pd.DataFrame(rows).set_index("stage")


def verdict(standings: pd.DataFrame) -> str:
    """Return in a sentence whether the policy is better than T, and T with seconds from kB better than from the count alone."""
    known = standings.set_index("contender")
    told = [_compared(known, "policy", "T"), _compared(known, "T", "T count"), _compared(known, "T", "timer")]
    return " ".join(told)


def kept(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the contenders that were kept with a version (the contract's `contenders`); empty where none were."""
    return pd.DataFrame(metrics.get("contenders", []), columns=CONTENDERS.column_names)


def _compared(known: pd.DataFrame, ours: str, theirs: str) -> str:
    mine, other = known.loc[ours], known.loc[theirs]
    change = float(mine.to_dict()["cost_per_event"] / other.to_dict()["cost_per_event"]) - 1
    misses = f"{mine['missed_share']:.2%} misses against {other['missed_share']:.2%}"
    if abs(change) < AS_GOOD:
        return f"{ours} costs as much as {theirs} ({change:+.1%}, {misses}): the simpler is as good."
    return f"{ours} costs {abs(change):.1%} {'less' if change < 0 else 'more'} than {theirs} ({misses})."
