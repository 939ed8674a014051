"""The policy as a table: one row per state of the queue, made ahead and only looked up."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.workloads.events.contract import POLICY
from almanac.workloads.events.features import FEATURES
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.rhythm import Gain
from almanac.workloads.events.policy.start import (
    OLDEST,
    Goal,
    Stakes,
    Timing,
    best_start,
    linearly,
    spread_of,
)
from almanac.workloads.events.replays.load import Integers

# Beyond the last band nothing is known that the band does not know, so it is wide enough for everything.
WIDE = 1_000_000
SINGLE_COUNTS = 16
COUNT_RATIO = 1.08
KB_RATIO = 1.1
MOST_KB_BANDS = 60
WORTH_AT_FIRST = 0.2
AGE_EDGES = (0.0, 0.5, 0.9, 1.24)


@dataclass(frozen=True)
class Sizes:
    """Which batch sizes a policy may choose: from `smallest` to `largest` in steps."""

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
class Terms:
    """What a policy is made for: the goal, the prices, the sizes, and how many seconds a miss is worth at first."""

    goal: Goal
    prices: Prices
    sizes: Sizes
    worth_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """Return the terms of a deployment, a miss being worth a fifth of the objective at first; raises UsageError."""
        if settings.events_batch_minimum > settings.events_batch_maximum:
            limits = f"{settings.events_batch_minimum} is more than {settings.events_batch_maximum}"
            raise UsageError(
                f"ALMANAC_EVENTS_BATCH_MINIMUM exceeds ALMANAC_EVENTS_BATCH_MAXIMUM: {limits}. Correct one of them."
            )
        goal = Goal(
            settings.events_objective_seconds,
            settings.events_missed_share,
            far_share=settings.events_far_share,
        )
        sizes = Sizes(
            settings.events_batch_minimum, settings.events_batch_maximum, settings.events_batch_step
        )
        return cls(goal, Prices.of(settings), sizes, WORTH_AT_FIRST * goal.objective_seconds)


@dataclass(frozen=True)
class Choice:
    """What the policy says about one state, at exactly this age of its oldest event."""

    state_id: str
    batch_size: int
    age_seconds: float
    start_age_seconds: float
    expected_seconds: float
    p90_seconds: float
    expected_cost: float
    expected_cost_per_event: float
    objective_seconds: float
    patience_seconds: float
    slack_seconds: float | None = None

    def goal(self, goal: Goal) -> Goal:
        """Return a goal with the slack of this policy, in proportion where the objective is another."""
        slack = float(np.nan_to_num(self.slack_seconds or 0.0))
        return replace(goal, slack_seconds=slack * goal.objective_seconds / self.objective_seconds)

    def wait_seconds(self, objective_seconds: float | None = None) -> float:
        """Return how long the oldest may still wait; another objective than the policy's moves the start by the difference."""
        shift = 0.0 if objective_seconds is None else objective_seconds - self.objective_seconds
        return max(0.0, self.start_age_seconds + shift - self.age_seconds)

    def wait(self, ages: Sequence[float], stakes: Stakes, gained: Gain = linearly) -> float:
        """Return how long to wait given the ages of the oldest events, oldest first, and what waiting gains."""
        arrivals = -np.asarray(ages[:OLDEST], dtype=np.float64)
        spread = spread_of(np.array([self.expected_seconds]), np.array([self.p90_seconds]))
        return best_start(arrivals, 0.0, Timing(self.expected_seconds, float(spread[0])), stakes, gained)


def states(recent: pd.DataFrame, event_kb: Floats, terms: Terms) -> pd.DataFrame:
    """Return a row per state: its bands, the features a model wants of its typical batch, and the terms.

    `recent` are the features of the newest batches, whose kinds, hour and residual are taken as they last were; the average sizes
    of these batches and the sizes of single events, `event_kb`, make the bands of kB.
    """
    counts, sizes = _count_bands(terms.sizes.largest), _kb_bands(recent, event_kb)
    ages = _edges(np.array(AGE_EDGES) * terms.goal.objective_seconds)
    frame = counts.merge(ages.add_prefix("age_"), how="cross").merge(sizes.add_prefix("kb_"), how="cross")
    most = np.minimum(frame["backlog_max"].to_numpy(), terms.sizes.largest)
    typical = np.round(np.sqrt(frame["backlog_min"].to_numpy() * most))
    kb = np.sqrt(
        np.maximum(frame["kb_min"], frame["kb_typical_low"])
        * np.minimum(frame["kb_max"], frame["kb_typical_high"])
    )
    frame = frame.assign(count=typical, kb=typical * kb, **_lasting(recent), hour_min=0, hour_max=24)
    return _with_terms(frame, terms)


def table(states: pd.DataFrame, seconds: Floats) -> pd.DataFrame:
    """Return the contract's predictions for states, given two columns: expected seconds and their 90th percentile."""
    expected, p90 = seconds.T
    cost = states["fixed_cost"] + states["event_cost"] * states["count"] + states["second_price"] * expected
    start = _start_ages(states, expected, p90)
    wait = np.maximum(start - states["age_min_seconds"], 0.0)
    filled = states.assign(
        wait_seconds=wait,
        start_age_seconds=start,
        expected_seconds=expected,
        p90_seconds=p90,
        expected_cost=cost,
        expected_cost_per_event=cost / states["count"],
        reason=[
            _reason(*row)
            for row in zip(
                wait, states["age_min_seconds"], states["objective_seconds"], expected, strict=True
            )
        ],
    )
    return filled[POLICY.column_names]


@dataclass(frozen=True)
class Lookup:
    """The published policy in memory: finding a state is four bisections."""

    rows: pd.DataFrame

    @classmethod
    def of(cls, policy: pd.DataFrame) -> "Lookup":
        """Sort the rows of a published policy."""
        return cls(
            policy.sort_values(["backlog_min", "age_min_seconds", "kb_min", "hour_min"]).reset_index(
                drop=True
            )
        )

    def find(self, *, backlog: int, age_seconds: float, avg_kb: float, hour: int = 0) -> Choice | None:
        """Return what the policy says about a state, or None where it says nothing."""
        place = self._place(backlog, age_seconds, avg_kb, hour)
        if backlog < 1 or place is None:
            return None
        row = self._records[place]
        return Choice(
            age_seconds=age_seconds,
            **{name: row[name] for name in Choice.__dataclass_fields__ if name in row},
        )

    def seconds(self, counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
        """Return expected seconds, and the deviation of their logarithm, of batches: a predictor for replays."""
        expected, spread = self._grid
        at = (
            np.searchsorted(self._edges["backlog_min"], counts, side="right") - 1,
            np.searchsorted(self._edges["kb_min"], kb / counts, side="right") - 1,
        )
        return expected[at], spread[at]

    @cached_property
    def _edges(self) -> dict[str, Floats]:
        return {
            name: np.unique(self.rows[name].to_numpy(dtype=np.float64))
            for name in ("backlog_min", "age_min_seconds", "kb_min", "hour_min")
        }

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        shape = [len(edge) for edge in self._edges.values()]
        expected, p90 = (
            self.rows[name].to_numpy(dtype=np.float64).reshape(shape)[:, 0, :, 0]
            for name in ("expected_seconds", "p90_seconds")
        )
        return expected, spread_of(expected, p90)

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        return [{str(name): value for name, value in row.items()} for row in self.rows.to_dict("records")]

    def _place(self, *state: float) -> int | None:
        place = 0
        for edges, value in zip(self._edges.values(), state, strict=True):
            at = bisect_right(edges, value) - 1
            if at < 0:
                return None
            place = place * len(edges) + at
        return place


def _count_bands(largest: int) -> pd.DataFrame:
    """Return backlog bands: one for each of the first counts, then wider and wider ones, the last open."""
    edges = list(range(1, min(SINGLE_COUNTS, largest) + 1))
    while edges[-1] < largest:
        edges.append(min(max(edges[-1] + 1, int(edges[-1] * COUNT_RATIO)), largest))
    return pd.DataFrame({"backlog_min": edges, "backlog_max": [*(edge - 1 for edge in edges[1:]), WIDE]})


def _kb_bands(recent: pd.DataFrame, event_kb: Floats) -> pd.DataFrame:
    average = (recent["kb"] / recent["count"]).to_numpy(dtype=np.float64)
    low, high = max(float(np.quantile(average, 0.01)), 1e-3), max(float(np.quantile(event_kb, 0.999)), 2e-3)
    bands = int(np.clip(np.log(high / low) / np.log(KB_RATIO), 1, MOST_KB_BANDS))
    edges = np.geomspace(low, max(high, low * KB_RATIO), bands + 1)
    return _edges(np.concatenate([[0.0], edges])).assign(typical_low=low, typical_high=edges[-1] * KB_RATIO)


def _edges(edges: Floats) -> pd.DataFrame:
    return pd.DataFrame({"min": edges, "max": np.append(edges[1:], float(WIDE))})


def _lasting(recent: pd.DataFrame) -> dict[str, float]:
    """Return what does not depend on the size of a batch, as it was at the end of the recent batches."""
    return {name: float(recent[name].iloc[-20:].median()) for name in FEATURES if name not in ("count", "kb")}


def _with_terms(frame: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    named = frame.rename(columns={"age_min": "age_min_seconds", "age_max": "age_max_seconds"})
    places = [
        named[name].rank(method="dense").astype(int) - 1
        for name in ("backlog_min", "age_min_seconds", "kb_min", "hour_min")
    ]
    ids = [f"b{b:02d}-a{a:02d}-k{k:02d}-h{h:02d}" for b, a, k, h in zip(*places, strict=True)]
    return named.assign(
        state_id=ids,
        batch_size=terms.sizes.at_least(
            np.minimum(named["backlog_max"].to_numpy(dtype=np.int64), terms.sizes.largest)
        ),
        objective_seconds=terms.goal.objective_seconds,
        latest_age_seconds=terms.goal.latest_seconds,
        patience_seconds=terms.worth_seconds,
        slack_seconds=terms.goal.slack_seconds,
        fixed_cost=terms.prices.fixed,
        event_cost=terms.prices.per_event,
        second_price=terms.prices.per_second,
    )


def _start_ages(states: pd.DataFrame, expected: Floats, p90: Floats) -> Floats:
    """Return the best age to start at for an oldest event of which nothing else is known."""
    goal = Goal(float(states["objective_seconds"].iloc[0]), 0.0, float(states["slack_seconds"].iloc[0]))
    stakes = Stakes(goal, float(states["patience_seconds"].iloc[0]))
    alone, spreads = np.zeros(1), spread_of(expected, p90)
    return np.array(
        [_start_age(alone, Timing(*pair), stakes) for pair in zip(expected, spreads, strict=True)]
    )


def _start_age(alone: Floats, timing: Timing, stakes: Stakes) -> float:
    """An event that is alone is not let go: who knows when the next one comes."""
    return min(best_start(alone, 0.0, timing, stakes), max(0.0, stakes.goal.planned_seconds - timing.seconds))


def _reason(wait: float, age: float, objective: float, seconds: float) -> str:
    if wait > 0:
        return f"wait up to {wait:.2f} s: processing takes about {seconds:.2f} s of {objective:g} s"
    if age + seconds > objective:
        return "start now: the oldest is late already, and waiting would make others late"
    return f"start now: the oldest needs about {seconds:.2f} s and has little more"
