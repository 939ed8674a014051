"""Replays arrivals against one worker: a rule says when each batch starts and how many events it takes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.replays.load import Integers, Load


class Rule(Protocol):
    """A way of sizing batches. What it may look at is what has arrived by the moment it decides."""

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Return when the batch that begins with event `first` starts, and how many events it takes.

        `free` is when the worker became free. No event of the batch may arrive after its start.
        """


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

    def missed_share(self, objective_seconds: float) -> float:
        """The share of events finished later than the objective."""
        return float((self.latencies > objective_seconds).mean())


def run(load: Load, rule: Rule) -> Replay:
    """Replay a whole load with one rule, batch by batch."""
    first, free, rows = 0, -np.inf, []
    while first < len(load):
        start, size = rule.next(load, first, free)
        seconds = float(load.seconds(first, first + size))
        rows.append((first, size, start, seconds))
        first, free = first + size, start + seconds
    firsts, sizes, starts, taken = zip(*rows, strict=True)
    return Replay(load, np.array(firsts), np.array(sizes), np.array(starts), np.array(taken))
