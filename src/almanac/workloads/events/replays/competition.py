"""The rules side by side on later traffic; what each may set is set on earlier traffic, for the same goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from almanac.workloads.events import evaluation
from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy import rhythm_learning
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import FixedWithTimer, Polling
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.policy.table import PolicyTerms
from almanac.workloads.events.replays import hindsight, load, trace, tuning
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.load import Load
from almanac.workloads.events.replays.replay import Replay, ReplayRule, run
from almanac.workloads.events.replays.rules import ByRate, FixedSize, LastMoment
from almanac.workloads.events.replays.tuning import Practice

MISS_PRICES = np.array([0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 1.0])
FIXED_SIZE = 50
SIZES = (1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Case:
    """Earlier traffic to set rules on, later traffic to judge them on, the goal and the prices.

    Only arrivals that come by the clock of those who use the policy have a rhythm to learn; replayed or
    simulated ones do not.
    """

    earlier: Load
    later: Load
    goal: Goal
    prices: Prices
    largest: int = LARGEST_BATCH
    is_by_clock: bool = True

    @cached_property
    def rhythm(self) -> Rhythm:
        """The rhythm of the earlier arrivals."""
        if not self.is_by_clock:
            return Rhythm()
        instants = self.earlier.begins + self.earlier.arrivals
        return Rhythm(rhythm_learning.learn(instants, self.goal.objective_seconds))

    @property
    def practice(self) -> Practice:
        """The earlier traffic, to choose settings on."""
        return Practice(self.earlier, self.goal, self.prices, self.largest, self.rhythm)


@dataclass(frozen=True)
class Result:
    """A rule in words, and its replay of the later traffic."""

    doc: str
    replay: Replay


@dataclass(frozen=True)
class Contender:
    """A rule in words, and the rule."""

    doc: str
    rule: ReplayRule

    def result(self, load: Load) -> Result:
        """Replay a load."""
        return Result(self.doc, run(load, self.rule))


def case(batches: pd.DataFrame, traffic: pd.DataFrame, terms: PolicyTerms, *, seed: int) -> Case:
    """Return the case of some traffic, divided after TRAIN_SHARE of its time and of the batches' time.

    `batches` are features with what was measured. Each part's processing is the one that fits the batches
    of that part.
    """
    batch_edge = evaluation.edge_of(batches["started_at"])
    edge = max(batch_edge, evaluation.edge_of(traffic["arrived_at"]))
    is_early = batches["started_at"] <= batch_edge
    is_before = traffic["arrived_at"] <= edge
    earlier = _load(traffic[is_before], batches[is_early], seed)
    later = _load(traffic[~is_before], batches[~is_early], seed + 1)
    return Case(earlier, later, terms.goal, terms.prices, terms.sizes.largest)


def compete(case: Case, predict: Predictor, count_only: Predictor) -> dict[str, Result]:
    """Return the result of each contender on the later traffic."""
    practice = case.practice
    contenders = {
        "polling": Contender("take up to 100; sleep 2 s when there is nothing", Polling(100)),
        "fixed": Contender(f"wait for {FIXED_SIZE} events", FixedSize(FIXED_SIZE)),
        "timer": _timer(practice),
        "rate": _by_rate(practice),
        "T count": _last_moment(practice, count_only, "the count"),
        "T": _last_moment(practice, predict, "count and kB"),
        "policy": _policy(practice, predict),
    }
    return {name: contender.result(case.later) for name, contender in contenders.items()}


def by_size(case: Case, sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Return cost_per_event and missed_share of fixed batch sizes without a timer, one row per size."""
    replays = [run(case.later, FixedSize(size)) for size in sizes]
    costs = [replay.cost_per_event(case.prices) for replay in replays]
    missed = [replay.missed_share(case.goal.objective_seconds) for replay in replays]
    return pd.DataFrame({"size": sizes, "cost_per_event": costs, "missed_share": missed})


def frontier(case: Case, *, miss_prices: Floats = MISS_PRICES) -> list[Point]:
    """Return the hindsight optimum of the later traffic for several prices of a miss."""
    objective = case.goal.objective_seconds
    return hindsight.frontier(case.later, case.prices, objective_seconds=objective, miss_prices=miss_prices)


def with_hindsight(case: Case, results: Mapping[str, Result]) -> dict[str, Result]:
    """Return the results with that of hindsight as the last one, at its fewest misses."""
    objective = case.goal.objective_seconds
    price = float(MISS_PRICES[-1])
    best = hindsight.plan(case.later, case.prices, objective_seconds=objective, miss_price=price)
    doc = "knows all arrivals and all seconds; with its fewest misses"
    return {**results, "hindsight": Result(doc, best)}


def _load(traffic: pd.DataFrame, batches: pd.DataFrame, seed: int) -> Load:
    return load.make(trace.of_frame(traffic), load.fit_processing(batches), seed=seed)


def _timer(practice: Practice) -> Contender:
    objective = practice.goal.objective_seconds
    lead = tuning.best_slack(practice, lambda slack: FixedWithTimer(FIXED_SIZE, objective, slack))
    doc = f"{FIXED_SIZE} events, or {lead:.2f} s before the objective"
    return Contender(doc, FixedWithTimer(FIXED_SIZE, objective, lead))


def _by_rate(practice: Practice) -> Contender:
    objective = practice.goal.objective_seconds
    lead = tuning.best_slack(practice, lambda slack: ByRate(objective, slack))
    doc = f"as many as the rate makes likely, or {lead:.2f} s before the objective"
    return Contender(doc, ByRate(objective, lead))


def _last_moment(practice: Practice, predict: Predictor, inputs: str) -> Contender:
    def rule(slack: float) -> LastMoment:
        return LastMoment(predict, practice.goal.objective_seconds, slack, practice.largest)

    slack = tuning.best_slack(practice, rule)
    return Contender(f"last moment, seconds from {inputs}, slack {slack:.2f} s", rule(slack))


def _policy(practice: Practice, predict: Predictor) -> Contender:
    price = tuning.first_price(practice, predict)
    settings = f"a miss worth {price.worth_seconds:.2f} s at first, slack {price.goal.slack_seconds:.2f} s"
    doc = f"T with a budget of misses, {settings}; divides what would be late; {practice.rhythm}"
    return Contender(doc, practice.rule(predict, price))
