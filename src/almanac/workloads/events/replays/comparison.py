"""Cost, misses and savings of the contenders on the same traffic: the contract's `contenders`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from almanac.judging.scores import Interval
from almanac.workloads.events import evaluation
from almanac.workloads.events.contract import CONTENDERS
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.replays import competition, hindsight
from almanac.workloads.events.replays.competition import Case, Result
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.replay import Replay

WINDOW_SECONDS = 60.0
# Each stage does what the one before it does, and one thing more.
STAGES = {
    "timer": "a timer with a fixed lead",
    "T": "the lead learned from count and kB",
    "policy": "misses spent where they save most",
}


def table(case: Case, results: Mapping[str, Result], points: Sequence[Point], *, seed: int) -> pd.DataFrame:
    """Return the contract's `contenders`: cost, misses and latency of each.

    Each stands beside hindsight at its own share of misses.
    """
    rows = []
    for name, result in competition.with_hindsight(case, results).items():
        saved = saving(result.replay, results["polling"].replay, case.prices, seed=seed)
        interval = {"saving_low": saved.low, "saving": saved.estimate, "saving_high": saved.high}
        rows.append({"contender": name, "doc": result.doc, **_row(case, result.replay, points), **interval})
    return pd.DataFrame(rows, columns=CONTENDERS.column_names)


def saving(ours: Replay, theirs: Replay, prices: Prices, *, seed: int) -> Interval:
    """Return the share of their cost that ours saves, with its bootstrap interval over minutes."""
    last = max(ours.starts[-1], theirs.starts[-1])
    edges = np.arange(0, last + WINDOW_SECONDS, WINDOW_SECONDS)
    spent = _cost_by_window(ours, prices, edges)
    their_spent = _cost_by_window(theirs, prices, edges)
    ratio = evaluation.ratio_interval(spent, their_spent, np.arange(len(spent)), seed=seed)
    return Interval(1 - ratio.estimate, 1 - ratio.high, 1 - ratio.low)


def saving_by_stage(case: Case, results: Mapping[str, Result], *, seed: int) -> pd.DataFrame:
    """Return what each stage saves of the cost of polling, with its interval and its misses."""
    polling = results["polling"].replay
    rows: list[dict[str, Any]] = []
    for name, doc in STAGES.items():
        replay = results[name].replay
        saved = saving(replay, polling, case.prices, seed=seed)
        before = rows[-1]["in_all"] if rows else 0.0
        shares = {"saved": saved.estimate - before, "in_all": saved.estimate, "low": saved.low}
        misses = {"high": saved.high, "missed_share": replay.missed_share(case.goal.objective_seconds)}
        rows.append({"stage": name, "adds": doc} | shares | misses)
    return pd.DataFrame(rows).set_index("stage")


def _row(case: Case, replay: Replay, points: Sequence[Point]) -> dict[str, object]:
    cost = replay.cost_per_event(case.prices)
    objective = case.goal.objective_seconds
    missed = replay.missed_share(objective)
    return {
        "events": len(case.later),
        "batches": len(replay),
        "cost_per_event": cost,
        "missed_share": missed,
        "p99_seconds": float(np.quantile(replay.latencies, 0.99)),
        "against_hindsight": cost / hindsight.cost_at(points, missed),
        "objective_seconds": objective,
    }


def _cost_by_window(replay: Replay, prices: Prices, edges: Floats) -> Floats:
    costs: Floats = np.histogram(replay.starts, bins=edges, weights=replay.costs(prices))[0]
    return costs
