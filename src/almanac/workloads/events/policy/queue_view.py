"""What a rule sees of the queue, by the clock of a worker or of a replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import psycopg

from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.policy.rhythm import Gain, Rhythm
from almanac.workloads.events.policy.start import OLDEST

Connection = psycopg.Connection[Any]
# A worker does not know when the next event arrives.
NEVER = np.array([np.inf])


@dataclass(frozen=True)
class QueueView:
    """The events that wait and that no worker has claimed, at one instant.

    `ages` are the seconds of the oldest eight, oldest first. `next_ages` and `next_kb` belong to the next
    500 events in the order of claiming. Events to retry are not in the backlog, since each is retried
    alone. `instant` is now, and `newest_at` is the arrival of the newest event, both in seconds since 1970.
    """

    backlog: int
    average_kb: float
    ages: Sequence[float]
    oldest_id: str | None
    has_retries: bool
    is_retry_due: bool
    hour: int
    next_ages: Sequence[float] = ()
    next_kb: Sequence[float] = ()
    newest_at: float = 0.0
    instant: float = 0.0

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event."""
        return self.ages[0] if self.ages else 0.0


class WaitingEvents(NamedTuple):
    """The events that wait at `now`.

    `arrivals` and `kb` are in the order of claiming; `oldest` are the arrivals of the oldest events, in
    order. All are seconds on one clock, whose zero is the instant `begins` (seconds since 1970). A gain is
    looked up at `decided_at`: when the newest event arrived or the worker became free.
    """

    oldest: Floats
    arrivals: Floats
    kb: Floats
    now: float
    begins: float = 0.0
    newest_at: float = 0.0
    decided_at: float = 0.0

    def gained(self, rhythm: Rhythm) -> Gain:
        """Return the gain of later starts."""
        gain = rhythm.gained(newest=self.newest_at, now=self.decided_at)
        return lambda starts: gain(self.begins + starts)


class Options(NamedTuple):
    """The batches that may start: their events, their kB, and when the event after each arrives."""

    counts: Integers
    kb: Floats
    following: Floats


class Queue(Protocol):
    """The queue as a rule sees it. In a replay the clock is that of the trace.

    A worker's clock begins with its view.
    """

    @property
    def oldest(self) -> float:
        """The arrival of the oldest event."""

    @property
    def free(self) -> float:
        """When the worker became free."""

    def full_at(self, size: int) -> float:
        """Return when `size` events wait; infinity where that is not known."""

    def count_at(self, instant: float) -> int:
        """Return how many events wait at an instant from now on, as far as is known."""

    def options(self, horizon: float, largest: int) -> Options:
        """Return the batches that may start now, or within `horizon` of the oldest event."""

    def waiting(self, count: int) -> WaitingEvents:
        """Return the first `count` events when the last of them has arrived and the worker is free."""


@dataclass(frozen=True)
class LiveQueue:
    """A view of the database's queue, on a clock whose zero is the view.

    Later arrivals are unknown.
    """

    view: QueueView
    free: float = 0.0

    @property
    def oldest(self) -> float:
        """The arrival of the oldest event."""
        return -self.view.oldest_seconds

    def full_at(self, size: int) -> float:
        """Return now where `size` events wait, else infinity."""
        return 0.0 if self.view.backlog >= size else np.inf

    def count_at(self, instant: float) -> int:
        """Return how many events wait now."""
        del instant
        return self.view.backlog

    def options(self, horizon: float, largest: int) -> Options:
        """Return the one batch that may start: of all that waits, at most `largest` events."""
        del horizon
        counts = np.array([min(self.view.backlog, largest)])
        return Options(counts, self.view.average_kb * counts, NEVER)

    def waiting(self, count: int) -> WaitingEvents:
        """Return the first `count` events, now."""
        view = self.view
        oldest = -np.array(view.ages[:OLDEST])
        arrivals = -np.array(view.next_ages[:count])
        kb = np.array(view.next_kb[:count])
        free_at = view.instant + self.free
        decided_at = min(max(view.newest_at, free_at), view.instant)
        return WaitingEvents(oldest, arrivals, kb, 0.0, view.instant, view.newest_at, decided_at)
