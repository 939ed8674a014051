"""The ways of sizing batches that are compared in replays; each is a rule of `replay`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.costs import Floats
from almanac.workloads.events.load import Integers, Load

# Seconds that batches of some counts and kB are expected to take.
Predictor = Callable[[Integers, Floats], Floats]


@dataclass(frozen=True)
class FixedSize:
    """Wait until there are `size` events; no timer, so that in quiet hours they wait long."""

    size: int

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when the batch is full, or at the very end of the traffic."""
        last = min(first + self.size, len(load))
        return max(free, float(load.arrivals[last - 1])), last - first


@dataclass(frozen=True)
class Polling:
    """Take what is there, at most `size`; when nothing is, sleep for `every_seconds`: what a plain worker does."""

    size: int
    every_seconds: float

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start at the first poll that finds an event."""
        arrived = float(load.arrivals[first])
        base = free if np.isfinite(free) else arrived
        sleeps = max(0.0, np.ceil((arrived - base) / self.every_seconds))
        start = base + sleeps * self.every_seconds
        return start, min(self.size, waiting(load, first, start))


@dataclass(frozen=True)
class FixedWithTimer:
    """Start when there are `size` events, or when the oldest is within `lead_seconds` of its objective."""

    size: int
    objective_seconds: float
    lead_seconds: float

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start at whichever comes first."""
        full = load.arrivals[first + self.size - 1] if first + self.size <= len(load) else np.inf
        due = load.arrivals[first] + self.objective_seconds - self.lead_seconds
        start = max(free, float(load.arrivals[first]), min(float(full), float(due)))
        return start, min(self.size, waiting(load, first, start))


@dataclass(frozen=True)
class ByRate:
    """Size a batch by the arrivals of the last `memory_seconds`: as many as are expected within the objective less the lead."""

    objective_seconds: float
    lead_seconds: float
    memory_seconds: float = 30.0

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when that many are there, or when the oldest is within the lead of its objective."""
        now = max(free, float(load.arrivals[first]))
        recent = waiting(load, 0, now) - int(np.searchsorted(load.arrivals, now - self.memory_seconds))
        wait = max(self.objective_seconds - self.lead_seconds, 0.0)
        size = int(np.clip(recent / self.memory_seconds * wait, 1, LARGEST_BATCH))
        return FixedWithTimer(size, self.objective_seconds, self.lead_seconds).next(load, first, free)


@dataclass(frozen=True)
class LastMoment:
    """The rule T: start at the last moment the oldest event can still make it given the predicted seconds, and take all there is."""

    predict: Predictor
    objective_seconds: float
    slack_seconds: float = 0.0
    largest: int = LARGEST_BATCH

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start when the age of the oldest reaches the objective less the predicted seconds of what waits."""
        return when(self, load, first, free)

    def start_ages(self, counts: Integers, kb: Floats) -> Floats:
        """Return the age at which the oldest of so many events must start."""
        return self.objective_seconds - self.slack_seconds - self.predict(counts, kb)

    def take(self, backlog: int, age_seconds: float, kb: float) -> int:
        """Take all."""
        del age_seconds, kb
        return min(backlog, self.largest)


def waiting(load: Load, first: int, instant: float) -> int:
    """Return how many events from `first` on have arrived at an instant."""
    return int(np.searchsorted(load.arrivals, instant, side="right")) - first


def when(rule, load: Load, first: int, free: float) -> tuple[float, int]:
    arrivals = load.arrivals
    oldest = float(arrivals[first])
    now = max(free, oldest)
    backlog = waiting(load, first, now)
    last = min(len(load), first + rule.largest, int(np.searchsorted(arrivals, max(now, oldest + rule.objective_seconds * 1.5), side="right")))
    lowest = min(backlog, rule.largest)
    counts = np.arange(lowest, max(last - first, lowest) + 1)
    kb = load.kb_before[first + counts] - load.kb_before[first]
    starts = np.maximum(np.maximum(oldest + rule.start_ages(counts, kb), arrivals[first + counts - 1]), now)
    following = np.append(arrivals[first + counts[:-1]], np.inf)
    at = int(np.argmax(starts < following))
    start = float(starts[at]) if counts[at] < rule.largest else max(now, float(arrivals[first + counts[at] - 1]))
    n = waiting(load, first, start)
    return start, rule.take(n, start - oldest, float(load.kb_before[first + n] - load.kb_before[first]))
