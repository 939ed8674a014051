"""The worker's own clock: it corrects the ages of events, and says when regular tasks are due."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from almanac.workloads.events.policy.queue_view import Connection, QueueView
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.batches import Batch

# Viewing, claiming, recording and committing take time beside the processing. Each batch moves its running
# mean by this share.
LAG_RATE = 0.1
MOST_LAG_SHARE = 0.2


@dataclass
class Clock:
    """Corrects the ages of a view by the worker's own clock and by its lag.

    The lag is the time that a batch takes beside its processing.
    """

    lag_seconds: float = 0.0
    _viewed_at: float = field(default_factory=time.monotonic)
    _oldest: tuple[str | None, float] = (None, 0.0)

    def view(self, connection: Connection) -> QueueView:
        """View the queue.

        Its oldest event is at least as old as the worker's own clock says, if that of the database was set
        back. All events count as older by the lag, so that a batch is committed, not only processed, in
        time.
        """
        self._viewed_at = time.monotonic()
        view = statements.view(connection)
        now = time.monotonic()
        if view.oldest_id != self._oldest[0]:
            self._oldest = (view.oldest_id, now)
        shift = max(0.0, now - self._oldest[1] - view.oldest_seconds) + self.lag_seconds
        return replace(view, ages=_shifted(view.ages, shift), next_ages=_shifted(view.next_ages, shift))

    def learn(self, batch: Batch, objective_seconds: float) -> None:
        """Learn the lag from a batch that was made after the last view."""
        lag = time.monotonic() - self._viewed_at - batch.seconds
        lag = min(lag, MOST_LAG_SHARE * objective_seconds)
        self.lag_seconds += LAG_RATE * (lag - self.lag_seconds)


def _shifted(ages: Sequence[float], shift: float) -> list[float]:
    return [max(0.0, age + shift) for age in ages]


class Timetable:
    """When each regular task is due."""

    def __init__(self, first: Mapping[str, float]) -> None:
        """Plan each task after so many seconds."""
        now = time.monotonic()
        self._due = {task: now + seconds for task, seconds in first.items()}

    def is_due(self, task: str, every_seconds: float) -> bool:
        """Return whether a task is due, and if so plan it again."""
        now = time.monotonic()
        if now < self._due[task]:
            return False
        self._due[task] = now + every_seconds
        return True

    def plan(self, task: str, seconds: float) -> None:
        """Plan a task after so many seconds."""
        self._due[task] = time.monotonic() + seconds
