"""The policy as a table: one row per state of the queue, computed ahead and only looked up."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.workloads.events.contract import POLICY
from almanac.workloads.events.features import FEATURES
from almanac.workloads.events.policy.costs import Floats, Integers, Prices
from almanac.workloads.events.policy.goal import Goal, Tradeoff, most_seconds
from almanac.workloads.events.policy.lookup import BANDS
from almanac.workloads.events.policy.start import Timing, best_start, spread_of

# The upper end of each last band: it holds every state beyond.
WIDE = 1_000_000
SINGLE_COUNTS = 16
COUNT_RATIO = 1.08
KB_RATIO = 1.1
MOST_KB_BANDS = 60
# In objectives.
WORTH_AT_FIRST = 0.2
AGE_EDGES = (0.0, 0.5, 0.9, 1.24)
# The newest batches whose kinds, hour and residual hold for all states.
LASTING_BATCHES = 20


@dataclass(frozen=True)
class Sizes:
    """The batch sizes that a policy may choose: from `smallest` to `largest` in steps."""

    smallest: int = 1
    largest: int = 500
    step: int = 1

    def at_least(self, events: Integers) -> Integers:
        """Return the least allowed size that holds so many events, or the largest.

        >>> Sizes(10, 100, 25).at_least(np.array([1, 36, 70, 400])).tolist()
        [10, 60, 85, 100]
        """
        steps = np.ceil(np.maximum(events - self.smallest, 0) / self.step)
        sizes: Integers = np.minimum(self.smallest + steps * self.step, self.largest).astype(np.int64)
        return sizes


@dataclass(frozen=True)
class PolicyTerms:
    """The goal, the prices and the sizes of a policy, and the worth of a missed event in seconds at first."""

    goal: Goal
    prices: Prices
    sizes: Sizes
    worth_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "PolicyTerms":
        """Return the terms of a deployment, with a miss worth a fifth of the objective; raises UsageError."""
        sizes = _sizes(settings)
        objective = settings.events_objective_seconds
        goal = Goal(objective, settings.events_missed_share, far_share=settings.events_far_share)
        return cls(goal, Prices.of(settings), sizes, WORTH_AT_FIRST * objective)


def states(recent: pd.DataFrame, event_kb: Floats, terms: PolicyTerms) -> pd.DataFrame:
    """Return a row per state: its bands, the features of its typical batch, and the terms.

    `recent` are the features of the newest batches: kinds, hour and residual are taken as they last were.
    The bands of kB span the average sizes of these batches and the sizes of single events, `event_kb`.
    """
    counts = _count_bands(terms.sizes.largest)
    sizes = _kb_bands(recent, event_kb)
    ages = _bands(np.array(AGE_EDGES) * terms.goal.objective_seconds)
    frame = counts.merge(ages.add_prefix("age_"), how="cross").merge(sizes.add_prefix("kb_"), how="cross")
    count = _typical_count(frame, terms.sizes.largest)
    features = {"count": count, "kb": count * _typical_kb(frame), **_lasting(recent)}
    return _with_terms(frame.assign(**features, hour_min=0, hour_max=24), terms)


def predictions(states: pd.DataFrame, seconds: Floats) -> pd.DataFrame:
    """Return the contract's predictions for states, given columns of expected seconds and their p90."""
    expected, p90 = seconds.T
    start = _start_ages(states, expected, p90)
    wait = np.maximum(start - states["age_min_seconds"], 0.0)
    cost = _expected_cost(states, expected)
    facts = states["age_min_seconds"], states["objective_seconds"], expected, start
    reasons = zip(wait, *facts, strict=True)
    rows = states.assign(
        wait_seconds=wait,
        start_age_seconds=start,
        expected_seconds=expected,
        p90_seconds=p90,
        p90_coverage=np.nan,
        expected_cost=cost,
        expected_cost_per_event=cost / states["count"],
        reason=[_reason(*state) for state in reasons],
    )
    return rows[POLICY.column_names]


def _sizes(settings: Settings) -> Sizes:
    smallest, largest = settings.events_batch_minimum, settings.events_batch_maximum
    if smallest > largest:
        limits = f"{smallest} is more than {largest}"
        raise UsageError(
            "ALMANAC_EVENTS_BATCH_MINIMUM exceeds ALMANAC_EVENTS_BATCH_MAXIMUM: "
            f"{limits}. Correct one of them."
        )
    return Sizes(smallest, largest, settings.events_batch_step)


def _count_bands(largest: int) -> pd.DataFrame:
    """Return backlog bands: one for each of the first counts, then wider and wider ones, the last open."""
    edges = list(range(1, min(SINGLE_COUNTS, largest) + 1))
    while edges[-1] < largest:
        edges.append(min(_wider(edges[-1]), largest))
    upper = [edge - 1 for edge in edges[1:]]
    return pd.DataFrame({"backlog_min": edges, "backlog_max": [*upper, WIDE]})


def _wider(edge: int) -> int:
    return max(edge + 1, int(edge * COUNT_RATIO))


def _kb_bands(recent: pd.DataFrame, event_kb: Floats) -> pd.DataFrame:
    """Return bands of average kB in a geometric series, with the least and the greatest typical size."""
    average = (recent["kb"] / recent["count"]).to_numpy(dtype=np.float64)
    low = max(float(np.quantile(average, 0.01)), 1e-3)
    high = max(float(np.quantile(event_kb, 0.999)), 2e-3)
    edges = np.geomspace(low, max(high, low * KB_RATIO), _kb_steps(low, high) + 1)
    bands = _bands(np.append(0.0, edges))
    return bands.assign(typical_low=low, typical_high=edges[-1] * KB_RATIO)


def _kb_steps(low: float, high: float) -> int:
    steps = np.log(high / low) / np.log(KB_RATIO)
    return int(np.clip(steps, 1, MOST_KB_BANDS))


def _bands(edges: Floats) -> pd.DataFrame:
    upper = np.append(edges[1:], float(WIDE))
    return pd.DataFrame({"min": edges, "max": upper})


def _typical_count(frame: pd.DataFrame, largest: int) -> Floats:
    most = np.minimum(frame["backlog_max"].to_numpy(), largest)
    count: Floats = np.round(np.sqrt(frame["backlog_min"].to_numpy() * most))
    return count


def _typical_kb(frame: pd.DataFrame) -> pd.Series:
    """Return the typical average size of each band: the geometric mean of its ends."""
    lower = np.maximum(frame["kb_min"], frame["kb_typical_low"])
    upper = np.minimum(frame["kb_max"], frame["kb_typical_high"])
    kb: pd.Series = np.sqrt(lower * upper)
    return kb


def _lasting(recent: pd.DataFrame) -> Mapping[str, float]:
    """Return the features that do not depend on the size of a batch, as they were in the newest batches."""
    newest = recent.iloc[-LASTING_BATCHES:]
    return {name: float(newest[name].median()) for name in FEATURES if name not in ("count", "kb")}


def _with_terms(frame: pd.DataFrame, terms: PolicyTerms) -> pd.DataFrame:
    states = frame.rename(columns={"age_min": "age_min_seconds", "age_max": "age_max_seconds"})
    backlog = states["backlog_max"].to_numpy(dtype=np.int64)
    return states.assign(
        state_id=_state_ids(states),
        batch_size=terms.sizes.at_least(np.minimum(backlog, terms.sizes.largest)),
        objective_seconds=terms.goal.objective_seconds,
        latest_age_seconds=terms.goal.latest_seconds,
        patience_seconds=terms.worth_seconds,
        slack_seconds=terms.goal.slack_seconds,
        fixed_cost=terms.prices.fixed,
        event_cost=terms.prices.per_event,
        second_price=terms.prices.per_second,
    )


def _state_ids(states: pd.DataFrame) -> list[str]:
    places = [states[name].rank(method="dense").astype(int) - 1 for name in BANDS]
    return list(map("b{:02d}-a{:02d}-k{:02d}-h{:02d}".format, *places))


def _expected_cost(states: pd.DataFrame, expected: Floats) -> pd.Series:
    by_events: pd.Series = states["event_cost"] * states["count"]
    return states["fixed_cost"] + by_events + states["second_price"] * expected


def _start_ages(states: pd.DataFrame, expected: Floats, p90: Floats) -> Floats:
    """Return the best age to start at, for an oldest event of which nothing else is known."""
    first = states.iloc[0]
    goal = Goal(float(first["objective_seconds"]), 0.0, float(first["slack_seconds"]))
    tradeoff = Tradeoff(goal, float(first["patience_seconds"]))
    timings = map(Timing, expected, spread_of(expected, p90))
    ages = np.array([_start_age(timing, tradeoff) for timing in timings])
    return np.where(expected < most_seconds(goal.objective_seconds, tradeoff.worth_seconds), ages, 0.0)


def _start_age(timing: Timing, tradeoff: Tradeoff) -> float:
    """Return the start of an event that waits alone.

    It is never let go, since nobody knows when the next one arrives.
    """
    start = best_start(np.zeros(1), 0.0, timing, tradeoff)
    return min(start, max(0.0, tradeoff.goal.planned_seconds - timing.seconds))


def _reason(wait: float, age: float, objective: float, seconds: float, start: float) -> str:
    if wait > 0:
        processing = f"processing takes about {seconds:.2f} s of {objective:g} s"
        return f"wait up to {wait:.2f} s: {processing}"
    if age + seconds <= objective and start == 0:
        return f"start now: processing takes about {seconds:.2f} s, and more work would be late in a burst"
    if age + seconds > objective:
        return "start now: the oldest is late already, and waiting would make others late"
    return f"start now: the oldest needs about {seconds:.2f} s and has little more"
