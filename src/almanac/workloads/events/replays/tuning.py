"""What rules may set, set on earlier traffic: the slack of a timer, what a missed event is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import FAR, Goal, Patience, Predictor
from almanac.workloads.events.policy.table import WORTH_AT_FIRST
from almanac.workloads.events.replays.load import Load
from almanac.workloads.events.replays.replay import Replay, Rule, run
from almanac.workloads.events.replays.rules import Patient

SLACKS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.6)
POLICY_SLACKS = (0.0, 0.01, 0.02, 0.05)
# So many misses of one batch count; more are a burst that no setting could save.
MOST_COUNTED = 16
# A batch teaches at most so many misses while the first worth is looked for, so that bursts do not decide what it is in calm hours.
CALM_LEARNT = 4.0
# What a miss may be worth for good, in objectives, where the best of these is sought afterwards.
STEADY_WORTHS = tuple(float(worth) for worth in np.geomspace(0.03, 0.6, 14))


@dataclass(frozen=True)
class Practice:
    """Earlier traffic to set a rule on, what is aimed at and what it costs."""

    load: Load
    goal: Goal
    prices: Prices
    largest: int = LARGEST_BATCH
    rhythm: Rhythm = field(default_factory=Rhythm)

    def patient(self, predict: Predictor, patience: Patience) -> Patient:
        """Return the rule of the policy for this practice."""
        return Patient(predict, patience, self.largest, self.rhythm)

    def penalised(self, replay: Replay) -> float:
        """Return the cost of a replay; each event missed beyond the goal counts like the fixed cost of a batch, a burst only in part.

        So a goal that is out of reach does not lead to extremes, and a burst that nobody could save does not set the rule for other hours.
        """
        late = replay.latencies > self.goal.objective_seconds
        missed = np.minimum(
            np.add.reduceat(late.astype(np.int64), np.cumsum(replay.sizes) - replay.sizes), MOST_COUNTED
        ).sum()
        beyond = max(float(missed) - self.goal.missed_share * len(self.load), 0.0)
        return float(replay.costs(self.prices).sum()) + self.prices.fixed * beyond


def best_slack(practice: Practice, rule: Callable[[float], Rule], slacks: Sequence[float] = SLACKS) -> float:
    """Return the slack in seconds that does best of `slacks`, which are shares of the objective."""
    seconds = [share * practice.goal.objective_seconds for share in slacks]
    return min(seconds, key=lambda slack: (practice.penalised(run(practice.load, rule(slack))), slack))


def patience(practice: Practice, predict: Predictor) -> Patience:
    """Return what the policy begins with: the slack that does best, and then the median of what a miss was worth in a replay."""
    goal = practice.goal
    first = WORTH_AT_FIRST * goal.objective_seconds
    slack = best_slack(
        practice,
        lambda slack: practice.patient(predict, Patience(replace(goal, slack_seconds=slack), first)),
        POLICY_SLACKS,
    )
    settled = replace(goal, slack_seconds=slack)
    rule = practice.patient(predict, Patience(settled, first, CALM_LEARNT))
    run(practice.load, rule)
    return Patience(settled, float(np.median(rule.worths)))


def best_steady(
    practice: Practice, predict: Predictor, worths: Sequence[float] = STEADY_WORTHS
) -> Replay | None:
    """Return the cheapest replay that keeps the goal and FAR with one worth of a miss throughout, or None if none keeps them.

    On the traffic that is to judge the policy this is no contender: it shows how much there was to gain by setting the worth better.
    """
    goal, objective = practice.goal, practice.goal.objective_seconds
    rules = [practice.patient(predict, Patience(goal, worth * objective, rate=0.0)) for worth in worths]
    replays = [run(practice.load, rule) for rule in rules]
    kept = [
        each
        for each in replays
        if each.missed_share(objective) <= goal.missed_share
        and np.quantile(each.latencies, 0.99) <= FAR * objective
    ]
    return min(kept, key=lambda each: float(each.costs(practice.prices).sum()), default=None)
