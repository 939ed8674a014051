"""When a batch is to start: as late as pays, given how many seconds a missed event is worth."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.rhythm import Gain
from almanac.workloads.events.replays.load import Integers

# Median seconds of batches of some counts and kB, and the deviation of their logarithm.
Predictor = Callable[[Integers, Floats], tuple[Floats, Floats]]

# How many of the oldest events may be let go for a later start.
OLDEST = 8
# Standard deviations of luck at which a start is tried.
TRIED = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
Z_90 = 1.2815515655446004
LEARNING_RATE = 0.1
# What a miss may be worth, in objectives, and how many misses beyond the share are remembered where it is worth the most.
LEAST_WORTH, MOST_WORTH = 0.02, 4.0
MOST_OWED = 100.0
# A batch with more misses than this beyond its share is a burst, which says little about what a miss is worth afterwards.
MOST_LEARNT = 50.0
# The 99th percentile of latency is not to pass so many objectives; a batch is planned to end a little before.
FAR, LATEST = 1.25, 1.24
# So many objectives may pass for the few events that may be far, and so much later, in objectives, a start has to be to be worth one.
FARTHEST = 2.0
FAR_WORTH = 0.1
LEAST_SPREAD = 0.005


@dataclass(frozen=True)
class Goal:
    """Finish events within `objective_seconds` but for `missed_share` of them; none is to wait longer than `latest_seconds` knowingly.

    But for `far_share` of them, which may wait for FARTHEST objectives; `far_now` is how many of these are left at the moment.
    Batches are planned to end `slack_seconds` before the objective, since what arrives in the last moment makes them longer.
    """

    objective_seconds: float
    missed_share: float
    slack_seconds: float = 0.0
    far_share: float = 0.0
    far_now: int = 0

    @property
    def planned_seconds(self) -> float:
        """The latency that is planned for an event that is to make it."""
        return self.objective_seconds - self.slack_seconds

    @property
    def latest_seconds(self) -> float:
        """The latency that is not passed knowingly, not even by an event that is let go."""
        return LATEST * self.objective_seconds

    @property
    def far_seconds(self) -> float:
        """The latency beyond which an event is far."""
        return FAR * self.objective_seconds

    @property
    def horizon_seconds(self) -> float:
        """The latency that no event at all passes knowingly at the moment."""
        return FARTHEST * self.objective_seconds if self.far_now else self.latest_seconds


class Stakes(NamedTuple):
    """What a start is chosen for: the goal as it stands, and how many seconds a missed event is worth."""

    goal: Goal
    worth_seconds: float


class Timing(NamedTuple):
    """Processing seconds of a batch: log-normal, so half of the batches take longer; `spread` is the deviation of the logarithm."""

    seconds: float
    spread: float


@dataclass
class Patience:
    """How many seconds a missed event is worth; learns from what was missed, so that the share comes out as the goal says.

    This is the price of the constraint found by stochastic approximation: each miss makes misses dearer, each event in time cheaper.
    """

    goal: Goal
    worth_seconds: float
    most_learnt: float = MOST_LEARNT
    rate: float = LEARNING_RATE
    _far_left: float = field(default=0.0, init=False, repr=False)
    _owed: float = field(default=0.0, init=False, repr=False)

    @property
    def present(self) -> Stakes:
        """What is at stake now: as many events may be far as the batches so far have left, so that their share is never passed knowingly."""
        return Stakes(replace(self.goal, far_now=max(0, int(self._far_left))), self.worth_seconds)

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Take in one finished batch, of whose events `missed` took longer than the objective and `far` longer than FAR of it."""
        self._far_left += self.goal.far_share * events - far
        surplus = min(missed - self.goal.missed_share * events, self.most_learnt)
        least, most = LEAST_WORTH * self.goal.objective_seconds, MOST_WORTH * self.goal.objective_seconds
        grown = np.log(self.worth_seconds / most) + self.rate * (self._owed + surplus)
        # What is missed while a miss cannot become dearer is made up for later.
        self._owed = float(np.clip(grown / self.rate, 0.0, MOST_OWED)) if self.rate else 0.0
        self.worth_seconds = float(max(most * np.exp(min(grown, 0.0)), least))


def spread_of(seconds: Floats, p90_seconds: Floats) -> Floats:
    """Return the deviation of the logarithm that a log-normal with this median and 90th percentile has."""
    spread: Floats = np.maximum(
        np.log(np.maximum(p90_seconds, 1e-9) / np.maximum(seconds, 1e-9)) / Z_90, LEAST_SPREAD
    )
    return spread


def linearly(starts: Floats) -> Floats:
    """Return what starts gain where nothing is known of arrivals: each second is a second."""
    return starts


def best_start(
    oldest: Floats, earliest: float, timing: Timing, stakes: Stakes, gained: Gain = linearly
) -> float:
    """Return the instant at which seconds gained less the worth of the expected misses is greatest; of equal ones the latest.

    `oldest` are the arrivals of the oldest events, at most OLDEST, in order; all instants are on one clock, and `earliest` is now.
    With a high worth this is the last moment at which the oldest still makes it: the rule T.
    """
    goal = stakes.goal
    deadlines = oldest + goal.planned_seconds
    latest = oldest + goal.latest_seconds
    dues = np.concatenate([deadlines, latest]) if goal.far_now else deadlines
    candidates = (dues[:, np.newaxis] - timing.seconds * np.exp(timing.spread * TRIED)).ravel()
    last = max(earliest, _last_end(oldest, goal) - timing.seconds)
    starts = np.sort(np.clip(np.append(candidates, last), earliest, last))
    missed = missed_chance(deadlines - starts[:, np.newaxis], timing.seconds, timing.spread).sum(axis=1)
    values = gained(starts) - stakes.worth_seconds * missed
    if goal.far_now:
        far = missed_chance(
            oldest + goal.far_seconds - starts[:, np.newaxis], timing.seconds, timing.spread
        ).sum(axis=1)
        values -= FAR_WORTH * goal.objective_seconds * far
    return float(starts[len(starts) - 1 - int(np.argmax(values[::-1]))])


def _last_end(oldest: Floats, goal: Goal) -> float:
    """Return when the batch is to end at the latest: before one more becomes far than may, and where all are that are known, in time for the last."""
    end = float(oldest[0]) + goal.latest_seconds
    if not goal.far_now:
        return end
    bounds = [float(oldest[0]) + goal.horizon_seconds]
    if goal.far_now < len(oldest):
        bounds.append(float(oldest[goal.far_now]) + goal.latest_seconds)
    if len(oldest) == OLDEST:
        bounds.append(float(oldest[-1]) + goal.planned_seconds)
    return max(end, min(bounds))


def missed_chance(room: Floats, seconds: float | Floats, spread: float) -> Floats:
    """Return how likely a batch takes longer than the `room` seconds that are left, given its median seconds and their spread."""
    chance: Floats = ndtr(np.log(seconds / np.maximum(room, 1e-9)) / spread)
    return chance
