"""The ways of sizing batches that are compared in replays; each is a rule of `replay`."""

from dataclasses import dataclass, field

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.dividing import Waiting, first_part
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import OLDEST, Patience, Predictor, Timing, best_start
from almanac.workloads.events.replays.load import Integers, Load


@dataclass(frozen=True)
class FixedSize:
    """Wait until there are `size` events; without a timer, so that in quiet hours they wait long."""

    size: int

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when the batch is full, or at the very end of the traffic."""
        last = min(first + self.size, len(load))
        return max(free, float(load.arrivals[last - 1])), last - first


@dataclass(frozen=True)
class Polling:
    """Take what is there, at most `size`; when nothing is, sleep for `every_seconds`: what a plain worker does."""

    size: int
    every_seconds: float = 2.0

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start at the first poll that finds an event."""
        arrived = float(load.arrivals[first])
        begun = free if np.isfinite(free) else arrived
        sleeps = np.ceil(max(0.0, arrived - begun) / self.every_seconds)
        start = max(arrived, float(begun + sleeps * self.every_seconds))
        return start, min(self.size, waiting(load, first, start))


@dataclass(frozen=True)
class FixedWithTimer:
    """Start when there are `size` events, or when the oldest is within `lead_seconds` of its objective."""

    size: int
    objective_seconds: float
    lead_seconds: float

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start at whichever comes first."""
        oldest = float(load.arrivals[first])
        full = float(load.arrivals[first + self.size - 1]) if first + self.size <= len(load) else np.inf
        start = max(free, oldest, min(full, oldest + self.objective_seconds - self.lead_seconds))
        return start, min(self.size, waiting(load, first, start))


@dataclass(frozen=True)
class ByRate:
    """Take as many as the arrivals of the last `memory_seconds` make likely within the objective less the lead."""

    objective_seconds: float
    lead_seconds: float
    memory_seconds: float = 30.0

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when that many are there, or when the oldest is within the lead of its objective."""
        now = max(free, float(load.arrivals[first]))
        recent = waiting(load, 0, now) - int(np.searchsorted(load.arrivals, now - self.memory_seconds))
        expected = recent / self.memory_seconds * max(self.objective_seconds - self.lead_seconds, 0.0)
        size = int(np.clip(expected, 1, LARGEST_BATCH))
        return FixedWithTimer(size, self.objective_seconds, self.lead_seconds).next(load, first, free)


@dataclass(frozen=True)
class LastMoment:
    """The rule T: start at the last moment the oldest event can still make it given the predicted seconds, and take all there is."""

    predict: Predictor
    objective_seconds: float
    slack_seconds: float = 0.0
    largest: int = LARGEST_BATCH

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when the age of the oldest reaches the objective less slack and predicted seconds."""
        counts, now = _possible(load, first, free, horizon=self.objective_seconds, largest=self.largest)
        seconds, _ = self.predict(counts, load.kb(first, first + counts))
        due = load.arrivals[first] + self.objective_seconds - self.slack_seconds - seconds
        starts = np.maximum(np.maximum(due, load.arrivals[first + counts - 1]), now)
        at = int(np.argmax(starts < _following(load, first, counts, self.largest)))
        start = starts[at] if counts[at] < self.largest else max(now, load.arrivals[first + counts[at] - 1])
        return float(start), int(counts[at])


@dataclass
class Patient:
    """T with a budget of misses, spent where the next oldest event is much younger; the published policy is this rule."""

    predict: Predictor
    patience: Patience
    largest: int = LARGEST_BATCH
    rhythm: Rhythm = field(default_factory=Rhythm)
    worths: list[float] = field(default_factory=list, init=False, repr=False)
    _last: tuple[int, int] | None = field(default=None, init=False, repr=False)

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start at the best moment for the events that are there; every arrival before it is a new decision."""
        self._look_back(load, free)
        goal = self.patience.present.goal
        counts, now = _possible(load, first, free, horizon=goal.horizon_seconds, largest=self.largest)
        seconds, spreads = self.predict(counts, load.kb(first, first + counts))
        following = _following(load, first, counts, self.largest)
        # Before this no start is worth trying, since luck could not make the batch late for its oldest event.
        soonest = load.arrivals[first] + goal.planned_seconds - seconds * np.exp(3 * spreads)
        start, size = now, int(counts[0])
        for at in np.flatnonzero(soonest < following):
            last = first + int(counts[at])
            seen = max(now, float(load.arrivals[last - 1]))
            waiting = Waiting(
                load.arrivals[first:last], np.diff(load.kb_before[first : last + 1]), seen, load.begins
            )
            start, size = self._planned(waiting, Timing(float(seconds[at]), float(spreads[at])))
            if start < following[at] or size == self.largest:
                break
        self._last = first, size
        return start, size

    def _planned(self, waiting: Waiting, timing: Timing) -> tuple[float, int]:
        """Return when to start with what waits, and with how many."""
        start, count, gained = waiting.now, len(waiting.arrivals), waiting.gained(self.rhythm)
        if count < self.largest:
            start = best_start(waiting.arrivals[:OLDEST], start, timing, self.patience.present, gained)
        part = first_part(waiting, start, self.predict, self.patience, gained)
        return (start, count) if part is None else (waiting.now, part)

    def _look_back(self, load: Load, free: float) -> None:
        """Learn from the batch that has just ended at `free`, and note what a miss is worth now."""
        if self._last is not None:
            first, size = self._last
            goal = self.patience.goal
            late, far = np.searchsorted(
                load.arrivals, [free - goal.objective_seconds, free - goal.far_seconds]
            )
            self.patience.learn(int(np.clip(late - first, 0, size)), size, int(np.clip(far - first, 0, size)))
        self.worths.append(self.patience.worth_seconds)


def waiting(load: Load, first: int, instant: float) -> int:
    """Return how many events from `first` on have arrived at an instant."""
    return int(np.searchsorted(load.arrivals, instant, side="right")) - first


def _possible(load: Load, first: int, free: float, *, horizon: float, largest: int) -> tuple[Integers, float]:
    """Return the sizes a batch could have that starts within `horizon` of its oldest event, or at once, and the earliest start."""
    now = max(free, float(load.arrivals[first]))
    most = min(waiting(load, first, max(now, float(load.arrivals[first]) + horizon)), largest)
    return np.arange(min(waiting(load, first, now), largest), most + 1), now


def _following(load: Load, first: int, counts: Integers, largest: int) -> Floats:
    """Return when the next event after each size arrives; never after the greatest size."""
    following = np.append(load.arrivals[first + counts[:-1]], np.inf)
    if counts[-1] < largest and first + counts[-1] < len(load):
        following[-1] = np.inf
    return following
