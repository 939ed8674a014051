"""The rules that workers follow; replays judge the same ones on the clock of a trace."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.plain_worker import PlainWorker, Work
from almanac.workloads.events.policy.queue_view import Queue, WaitingEvents
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.splitting import Split
from almanac.workloads.events.policy.start import Predictor, Timing, best_start

# Work that waits is beyond capacity where it takes longer than so many objectives: it is not divided.
CAPACITY = 2.0


class Start(NamedTuple):
    """When a batch starts, unless another event arrives before, and how many events it takes."""

    instant: float
    size: int


class Unlearning:
    """A rule that learns nothing from finished batches."""

    @property
    def goal(self) -> Goal | None:
        """The goal whose misses the rule learns from: none."""
        return None

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Change nothing."""


@dataclass(frozen=True)
class Polling(Unlearning):
    """Take at most `size` waiting events; when none waits, sleep for `every_seconds`: a plain worker."""

    size: int
    every_seconds: float = 2.0

    def start(self, queue: Queue) -> Start:
        """Start at the first poll that finds an event.

        Polls follow the moment at which the worker became free.
        """
        arrived = queue.oldest
        first_poll = queue.free if np.isfinite(queue.free) else arrived
        sleeps = np.ceil(max(0.0, arrived - first_poll) / self.every_seconds)
        instant = max(arrived, float(first_poll + sleeps * self.every_seconds))
        return Start(instant, min(self.size, queue.count_at(instant)))


@dataclass(frozen=True)
class FixedWithTimer(Unlearning):
    """Start when `size` events wait, or `lead_seconds` before the objective of the oldest event."""

    size: int
    objective_seconds: float
    lead_seconds: float

    def start(self, queue: Queue) -> Start:
        """Start at whichever comes first."""
        due = queue.oldest + self.objective_seconds - self.lead_seconds
        instant = max(queue.free, queue.oldest, min(queue.full_at(self.size), due))
        return Start(instant, min(self.size, queue.count_at(instant)))


@dataclass
class MissBudget:
    """The rule of the published policy: T with a budget of misses.

    It spends misses where the next event is much younger than the oldest. It starts before work piles up,
    and divides what would be late, as long as it makes fewer batches than a plain worker.
    """

    predict: Predictor
    miss_price: MissPrice
    largest: int = LARGEST_BATCH
    rhythm: Rhythm = field(default_factory=Rhythm)
    plain: PlainWorker = field(init=False)

    def __post_init__(self) -> None:
        self.plain = PlainWorker(self.predict, self.goal.objective_seconds)

    @property
    def goal(self) -> Goal:
        """The goal whose misses the rule learns from."""
        return self.miss_price.goal

    @property
    def most_seconds(self) -> float:
        """The predicted seconds at which a batch starts, however long its events could still wait."""
        return self.miss_price.most_seconds if self.plain.has_spare else np.inf

    def start(self, queue: Queue) -> Start:
        """Start at the best moment for the waiting events; each arrival before it is a new decision."""
        goal = self.miss_price.current.goal
        options = queue.options(goal.horizon_seconds, self.largest)
        seconds, spreads = self.predict(options.counts, options.kb)
        # Before this instant not even luck could make a batch late for its oldest event.
        soonest = queue.oldest + goal.planned_seconds - seconds * np.exp(3 * spreads)
        soonest = np.where(seconds >= self.most_seconds, -np.inf, soonest)
        for at in np.flatnonzero(soonest < options.following):
            timing = Timing(float(seconds[at]), float(spreads[at]))
            start = self._planned(queue, int(options.counts[at]), timing)
            if start.instant < options.following[at] or start.size == self.largest:
                return start
        raise AssertionError("the last option has no following event")

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Let misses become dearer or cheaper, and count the batch beside those of a plain worker."""
        self.miss_price.learn(missed, events, far)
        if work is not None:
            self.plain.learn(work)

    def _planned(self, queue: Queue, count: int, timing: Timing) -> Start:
        """Return the best start with the first `count` events: of all of them, or at once of some."""
        waiting = queue.waiting(count)
        gained = waiting.gained(self.rhythm)
        instant = waiting.now
        if count < self.largest and timing.seconds < self.most_seconds:
            instant = best_start(waiting.oldest, instant, timing, self.miss_price.current, gained)
        instant = max(instant, self._saved_until(waiting, timing))
        is_beyond_capacity = timing.seconds > CAPACITY * self.goal.objective_seconds
        if is_beyond_capacity or not self.plain.has_spare:
            return Start(instant, count)
        size = Split(waiting, self.predict, self.miss_price, gained).first_size(instant)
        return Start(instant, count) if size is None else Start(waiting.now, size)

    def _saved_until(self, waiting: WaitingEvents, timing: Timing) -> float:
        """Return until when late events wait for more, where the plain worker makes fewer batches.

        It waits for as many events as the plain worker took, but no longer than that one sleeps.
        """
        is_late = waiting.now + timing.seconds > float(waiting.oldest[0]) + self.goal.objective_seconds
        is_smaller = len(waiting.arrivals) < self.plain.size
        if self.plain.is_in_debt and is_late and is_smaller:
            return waiting.now + self.plain.every_seconds
        return waiting.now
