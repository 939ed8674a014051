"""The rules that only replays compare with those of the workers.

Each looks at arrivals as a `ReplayQueue`.
"""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.rules import FixedWithTimer, Start, Unlearning
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.replays.replay import ReplayQueue


@dataclass(frozen=True)
class FixedSize(Unlearning):
    """Wait until there are `size` events. Without a timer, they wait long in quiet hours."""

    size: int

    def start(self, queue: ReplayQueue) -> Start:
        """Start when the batch is full, or at the very end of the traffic."""
        size = min(self.size, queue.left)
        return Start(max(queue.free, queue.full_at(size)), size)


@dataclass(frozen=True)
class ByRate(Unlearning):
    """Take as many events as the rate of `memory_seconds` brings within the objective less the lead."""

    objective_seconds: float
    lead_seconds: float
    memory_seconds: float = 30.0

    def start(self, queue: ReplayQueue) -> Start:
        """Start when that many are there, or when the oldest is within the lead of its objective."""
        rate = queue.arrived_within(self.memory_seconds) / self.memory_seconds
        expected = rate * max(self.objective_seconds - self.lead_seconds, 0.0)
        size = int(np.clip(expected, 1, LARGEST_BATCH))
        return FixedWithTimer(size, self.objective_seconds, self.lead_seconds).start(queue)


@dataclass(frozen=True)
class LastMoment(Unlearning):
    """The rule T: take all at the last moment at which the oldest event is not missed."""

    predict: Predictor
    objective_seconds: float
    slack_seconds: float = 0.0
    largest: int = LARGEST_BATCH

    def start(self, queue: ReplayQueue) -> Start:
        """Start when the age of the oldest reaches the objective less slack and predicted seconds."""
        counts, kb, following = queue.options(self.objective_seconds, self.largest)
        seconds, _ = self.predict(counts, kb)
        due = queue.oldest + self.objective_seconds - self.slack_seconds - seconds
        earliest = np.maximum(queue.last_arrivals(counts), queue.now)
        starts = np.maximum(due, earliest)
        at = int(np.argmax(starts < following))
        size = int(counts[at])
        instants = starts if size < self.largest else earliest
        return Start(float(instants[at]), size)
