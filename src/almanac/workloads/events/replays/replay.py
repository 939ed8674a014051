"""Replays arrivals against one worker: a rule says when each batch starts and how many events it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from almanac.workloads.events.policy.costs import Floats, Integers, Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.plain_worker import Work
from almanac.workloads.events.policy.queue_view import Options, WaitingEvents
from almanac.workloads.events.policy.rules import Start
from almanac.workloads.events.policy.start import OLDEST
from almanac.workloads.events.replays.load import Load


class ReplayQueue(NamedTuple):
    """The queue of a replay from event `first` on, when the worker has been free since `free`.

    Its clock is that of the load.
    """

    load: Load
    first: int
    free: float

    @property
    def oldest(self) -> float:
        """The arrival of the oldest event."""
        return float(self.load.arrivals[self.first])

    @property
    def now(self) -> float:
        """The earliest start of a batch."""
        return max(self.free, self.oldest)

    @property
    def left(self) -> int:
        """The number of events up to the end of the load."""
        return len(self.load) - self.first

    def full_at(self, size: int) -> float:
        """Return when `size` events wait, or infinity beyond the end of the load."""
        if size > self.left:
            return np.inf
        return float(self.load.arrivals[self.first + size - 1])

    def count_at(self, instant: float) -> int:
        """Return how many events have arrived at an instant."""
        return int(np.searchsorted(self.load.arrivals, instant, side="right")) - self.first

    def arrived_within(self, seconds: float) -> int:
        """Return how many events, batched ones too, arrived in the last `seconds`."""
        arrivals, now = self.load.arrivals, self.now
        before = np.searchsorted(arrivals, now - seconds)
        return int(np.searchsorted(arrivals, now, side="right") - before)

    def last_arrivals(self, counts: Integers) -> Floats:
        """Return when the last event of each of some batches arrives."""
        arrivals: Floats = self.load.arrivals[self.first + counts - 1]
        return arrivals

    def options(self, horizon: float, largest: int) -> Options:
        """Return the batches that may start now or within `horizon`, each longer by an event."""
        now = self.now
        fewest = min(self.count_at(now), largest)
        most = min(self.count_at(max(now, self.oldest + horizon)), largest)
        counts = np.arange(fewest, most + 1)
        lasts = self.first + counts
        following = np.append(self.load.arrivals[lasts[:-1]], np.inf)
        return Options(counts, self.load.kb(self.first, lasts), following)

    def waiting(self, count: int) -> WaitingEvents:
        """Return the first `count` events when the last of them has arrived and the worker is free."""
        first, last, load = self.first, self.first + count, self.load
        arrivals = load.arrivals[first:last]
        kb = np.diff(load.kb_before[first : last + 1])
        newest = float(arrivals[-1])
        now = max(self.now, newest)
        newest_at, decided_at = load.begins + newest, load.begins + now
        return WaitingEvents(arrivals[:OLDEST], arrivals, kb, now, load.begins, newest_at, decided_at)


class ReplayedBatch(NamedTuple):
    """A batch of a replay."""

    first: int
    size: int
    start: float
    seconds: float

    @property
    def end(self) -> float:
        """When its events are finished."""
        return self.start + self.seconds


class ReplayRule(Protocol):
    """A rule that a replay can follow: those of workers, and those that only replays compare."""

    @property
    def goal(self) -> Goal | None:
        """The goal whose misses the rule learns from, or None where it learns nothing."""

    def start(self, queue: ReplayQueue) -> Start:
        """Return when the next batch starts and how many events it takes.

        None of them arrives after the start.
        """

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Learn from a finished batch: how many of its events missed the objective, and how many were far."""


@dataclass(frozen=True)
class Replay:
    """What happened: for each batch its first event, its size, start and seconds."""

    load: Load
    first: Integers
    sizes: Integers
    starts: Floats
    seconds: Floats

    def __len__(self) -> int:
        return len(self.first)

    @property
    def kb(self) -> Floats:
        """The kB of each batch."""
        return self.load.kb(self.first, self.first + self.sizes)

    @property
    def oldest_seconds(self) -> Floats:
        """The age of each batch's oldest event at its start."""
        ages: Floats = self.starts - self.load.arrivals[self.first]
        return ages

    @property
    def latencies(self) -> Floats:
        """Finished minus arrived, for each event."""
        latencies: Floats = np.repeat(self.starts + self.seconds, self.sizes) - self.load.arrivals
        return latencies

    def costs(self, prices: Prices) -> Floats:
        """The cost of each batch."""
        return prices.totals(self.sizes, self.seconds)

    def cost_per_event(self, prices: Prices) -> float:
        """The mean cost of an event."""
        return float(self.costs(prices).sum() / len(self.load))

    def missed_share(self, objective_seconds: float) -> float:
        """The share of events finished later than the objective."""
        return float((self.latencies > objective_seconds).mean())


def run(load: Load, rule: ReplayRule) -> Replay:
    """Replay a whole load with one rule, batch by batch."""
    first, free = 0, -np.inf
    batches = []
    while first < len(load):
        start, size = rule.start(ReplayQueue(load, first, free))
        batch = ReplayedBatch(first, size, start, float(load.seconds(first, first + size)))
        batches.append(batch)
        if rule.goal is not None:
            rule.learn(*_outcome(load, batch, rule.goal), _work(load, batch))
        first, free = first + size, batch.end
    return of_rows(load, batches)


def of_rows(load: Load, batches: Sequence[tuple[int, int, float, float]]) -> Replay:
    """Return a replay of batches in their order: first event, size, start and seconds of each."""
    columns = (np.array(column) for column in zip(*batches, strict=True))
    return Replay(load, *columns)


def _work(load: Load, batch: ReplayedBatch) -> Work:
    last = batch.first + batch.size
    kb = np.diff(load.kb_before[batch.first : last + 1])
    return Work(load.arrivals[batch.first : last], kb, batch.seconds)


def _outcome(load: Load, batch: ReplayedBatch, goal: Goal) -> tuple[int, int, int]:
    """Return how many events of a batch missed the objective, how many it has, and how many were far."""
    bounds = [batch.end - goal.objective_seconds, batch.end - goal.far_seconds]
    arrived = np.searchsorted(load.arrivals, bounds) - batch.first
    missed, far = np.clip(arrived, 0, batch.size).tolist()
    return missed, batch.size, far
