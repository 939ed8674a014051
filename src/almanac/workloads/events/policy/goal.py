"""The latency goal of a policy, and the price of a missed event that makes it come true."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

LEARNING_RATE = 0.1
# Bounds of the price of a miss, in objectives.
LEAST_WORTH, MOST_WORTH = 0.02, 4.0
# While a miss has its greatest worth, a batch may grow to this share of the objective in predicted seconds.
# Where misses are cheaper it may grow longer, by this power of the worth.
MOST_WORK, WORK_POWER = 0.3, 0.5
# While the price is at its upper bound, at most so many misses are carried over.
MOST_OWED = 100.0
# A batch with more misses than this beyond its share is a burst. It says little about the price afterwards.
MOST_LEARNT = 50.0
# An event is far when its latency exceeds FAR objectives: the limit of the 99th percentile.
# Batches are planned to end a little before, at LATEST objectives.
FAR, LATEST = 1.25, 1.24
# The few events that may be far may take so many objectives.
FARTHEST = 2.0


@dataclass(frozen=True)
class Goal:
    """Finish events within `objective_seconds`, except for `missed_share` of them.

    No event is planned to take longer than `latest_seconds`, except for `far_share` of all events: these
    may take FARTHEST objectives. `far_now` is how many of these are left at the moment. Late arrivals make
    a batch longer, so batches are planned to end `slack_seconds` before the objective.
    """

    objective_seconds: float
    missed_share: float
    slack_seconds: float = 0.0
    far_share: float = 0.0
    far_now: int = 0

    @property
    def planned_seconds(self) -> float:
        """The planned latency of an event that is not to be missed."""
        return self.objective_seconds - self.slack_seconds

    @property
    def latest_seconds(self) -> float:
        """The greatest planned latency of a missed event that is not far."""
        return LATEST * self.objective_seconds

    @property
    def far_seconds(self) -> float:
        """The latency beyond which an event is far."""
        return FAR * self.objective_seconds

    @property
    def horizon_seconds(self) -> float:
        """The greatest planned latency of any event at the moment."""
        return FARTHEST * self.objective_seconds if self.far_now else self.latest_seconds


class Tradeoff(NamedTuple):
    """The goal at the moment, and the worth of a missed event in seconds of a later start."""

    goal: Goal
    worth_seconds: float


def most_seconds(objective_seconds: float, worth_seconds: float) -> float:
    """Return the predicted seconds at which a batch starts, however long its events could still wait.

    More work than that would be late if a burst began meanwhile.

    >>> [most_seconds(10.0, worth) for worth in (40.0, 10.0)]
    [3.0, 6.0]
    """
    cheapness = MOST_WORTH * objective_seconds / worth_seconds
    return float(MOST_WORK * objective_seconds * cheapness**WORK_POWER)


@dataclass
class MissPrice:
    """The worth of a missed event, in seconds of a later start.

    It is learned from the misses of finished batches. This is the price of the constraint on misses, found
    by stochastic approximation: each miss raises it, and each event in time lowers it, so that the share of
    misses settles at the goal.
    """

    goal: Goal
    worth_seconds: float
    most_learnt: float = MOST_LEARNT
    rate: float = LEARNING_RATE
    _far_left: float = field(default=0.0, init=False, repr=False)
    _owed: float = field(default=0.0, init=False, repr=False)

    @property
    def current(self) -> Tradeoff:
        """The goal and the price now. Only as many events may be far as the finished batches have left."""
        return Tradeoff(replace(self.goal, far_now=max(0, int(self._far_left))), self.worth_seconds)

    @property
    def most_seconds(self) -> float:
        """The predicted seconds at which a batch starts at the present worth of a miss."""
        return most_seconds(self.goal.objective_seconds, self.worth_seconds)

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Learn from a finished batch: how many of its events missed the objective, and how many were far."""
        self._far_left += self.goal.far_share * events - far
        surplus = min(missed - self.goal.missed_share * events, self.most_learnt)
        self._move(surplus)

    def _move(self, surplus: float) -> None:
        """Multiply the price by exp(rate × surplus) within its bounds.

        Carry over what exceeds the upper one.
        """
        most = MOST_WORTH * self.goal.objective_seconds
        excess = float(np.log(self.worth_seconds / most)) + self.rate * (self._owed + surplus)
        self._owed = min(max(excess / self.rate, 0.0), MOST_OWED) if self.rate else 0.0
        worth = float(most * np.exp(min(excess, 0.0)))
        self.worth_seconds = max(worth, LEAST_WORTH * self.goal.objective_seconds)
