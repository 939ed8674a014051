"""The settings of rules, chosen on earlier traffic: slacks, and the first worth of a missed event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import FAR, Goal, MissPrice
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import MissBudget
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.policy.table import WORTH_AT_FIRST
from almanac.workloads.events.replays.load import Load
from almanac.workloads.events.replays.replay import Replay, ReplayRule, run

# Slacks to try, in objectives.
SLACKS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.6)
POLICY_SLACKS = (0.0, 0.01, 0.02, 0.05)
# At most so many misses of one batch count: more are a burst that no setting could save.
MOST_COUNTED = 16
# At most so many misses of a batch move the price while the first one is sought, so that bursts do not
# decide it for calm hours.
CALM_LEARNT = 4.0
# Worths of a miss to try where the worth stays constant, in objectives.
CONSTANT_WORTHS = tuple(np.geomspace(0.03, 0.6, 14).tolist())


@dataclass
class RecordedPrice(MissPrice):
    """A price of a miss that records what it was when each batch was decided."""

    record: list[float] = field(default_factory=list, init=False, repr=False)

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Record the price, then learn."""
        self.record.append(self.worth_seconds)
        super().learn(missed, events, far)


@dataclass(frozen=True)
class Practice:
    """Earlier traffic to choose settings on, the goal and the prices."""

    load: Load
    goal: Goal
    prices: Prices
    largest: int = LARGEST_BATCH
    rhythm: Rhythm = field(default_factory=Rhythm)

    def rule(self, predict: Predictor, miss_price: MissPrice) -> MissBudget:
        """Return the rule of the policy for this practice."""
        return MissBudget(predict, miss_price, self.largest, self.rhythm)

    def penalized_cost(self, replay: Replay) -> float:
        """Return the cost of a replay.

        Each event missed beyond the goal costs as much as a batch in addition. So a goal that is out of
        reach does not lead to extremes. A burst counts only in part, since nobody could save it.
        """
        late = (replay.latencies > self.goal.objective_seconds).astype(np.int64)
        firsts = np.cumsum(replay.sizes) - replay.sizes
        missed = float(np.minimum(np.add.reduceat(late, firsts), MOST_COUNTED).sum())
        beyond = max(missed - self.goal.missed_share * len(self.load), 0.0)
        return float(replay.costs(self.prices).sum()) + self.prices.fixed * beyond

    def keeps_goal(self, replay: Replay) -> bool:
        """Return whether a replay keeps the share of misses, and the p99 of latency within FAR objectives."""
        objective = self.goal.objective_seconds
        keeps_p99 = np.quantile(replay.latencies, 0.99) <= FAR * objective
        return bool(keeps_p99) and replay.missed_share(objective) <= self.goal.missed_share


def best_slack(
    practice: Practice, rule: Callable[[float], ReplayRule], slacks: Sequence[float] = SLACKS
) -> float:
    """Return the slack in seconds with the least penalized cost; `slacks` are shares of the objective."""

    def cost(slack: float) -> tuple[float, float]:
        return practice.penalized_cost(run(practice.load, rule(slack))), slack

    return min((share * practice.goal.objective_seconds for share in slacks), key=cost)


def first_price(practice: Practice, predict: Predictor) -> MissPrice:
    """Return the price with which the policy begins: the best slack, and the median price in a replay."""
    worth = WORTH_AT_FIRST * practice.goal.objective_seconds

    def rule(slack: float) -> MissBudget:
        return practice.rule(predict, MissPrice(replace(practice.goal, slack_seconds=slack), worth))

    goal = replace(practice.goal, slack_seconds=best_slack(practice, rule, POLICY_SLACKS))
    price = RecordedPrice(goal, worth, CALM_LEARNT)
    run(practice.load, practice.rule(predict, price))
    return MissPrice(goal, float(np.median(price.record)))


def best_constant(
    practice: Practice, predict: Predictor, worths: Sequence[float] = CONSTANT_WORTHS
) -> Replay | None:
    """Return the cheapest replay that keeps the goal with a constant worth of a miss, or None.

    On the traffic that judges the policy this is no contender: it shows how much a better worth could have
    saved.
    """
    objective = practice.goal.objective_seconds
    prices = [MissPrice(practice.goal, worth * objective, rate=0.0) for worth in worths]
    replays = [run(practice.load, practice.rule(predict, price)) for price in prices]
    good = [replay for replay in replays if practice.keeps_goal(replay)]
    return min(good, key=lambda replay: float(replay.costs(practice.prices).sum()), default=None)
