"""Rhythms: when the steps of a workload are due, in UTC intervals or at local times."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

DEFAULT = "default"
# Longer than any change of the clock, so that a walk never begins inside the hour that comes twice.
BEFORE_A_CHANGE = timedelta(hours=26)
# With catch-up `none`, a slot that is seen later than this is missed.
TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class CatchUp:
    """Which of the slots that nobody ran in time are run later: the `most` newest, at least the latest one.

    With `most` 0, a slot that is later than TOLERANCE is missed.
    """

    name: str = "latest"
    most: int = 1


@dataclass(frozen=True)
class Arrival:
    """A run starts as soon as `rows` entries wait, or one entry waits for `seconds`."""

    rows: int
    seconds: float


@dataclass(frozen=True)
class Rhythm:
    """One schedule of a workload: its name, its steps (none are all steps), and when it is due.

    It is due at each full `every` of UTC, or at the times of the cron expression `cron` in `zone`. `upstream`
    names the schedule whose slot before has to succeed first.
    """

    workload: str
    name: str
    steps: tuple[str, ...] = ()
    every: timedelta | None = None
    cron: str = ""
    zone: str = "UTC"
    upstream: str = ""
    catch_up: CatchUp = CatchUp()
    arrival: Arrival | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Workload and name, which together name one schedule of an installation."""
        return self.workload, self.name

    @property
    def words(self) -> str:
        """When it is due, in words."""
        if self.every:
            return f"every {in_words(self.every)}"
        minute, hour, _, _, day = self.cron.split()
        days = "" if day == "*" else f"{day} "
        return f"{days}{int(hour):02d}:{int(minute):02d} {self.zone}"

    def latest(self, instant: datetime) -> datetime:
        """Return the last slot at or before an instant, in UTC."""
        if self.every:
            return _floor(instant, self.every)
        # A week and a change of the clock: no rhythm is rarer.
        return list(self._walk(instant - timedelta(days=8), instant))[-1]

    def following(self, instant: datetime) -> datetime:
        """Return the first slot after an instant, in UTC."""
        if self.every:
            return _floor(instant, self.every) + self.every
        return next(self._walk(instant))

    def between(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """Return the slots after one instant and up to another, at most the `most` newest, oldest first."""
        if self.every:
            last = _floor(until, self.every)
            count = min(most, max(0, math.ceil((last - _floor(after, self.every)) / self.every)))
            return [last - self.every * number for number in reversed(range(count))]
        return list(self._walk(after, until))[-most:]

    def _walk(self, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
        """Yield the slots after an instant. A time that comes twice is due at the first of them only.

        A time that the clock leaps over is due where the clock leaps.
        """
        start = (after - BEFORE_A_CHANGE).astimezone(ZoneInfo(self.zone))
        slots = (slot.astimezone(UTC) for slot in CronSim(self.cron, start))
        later = (slot for slot in slots if slot > after)
        return later if until is None else takewhile(lambda slot: slot <= until, later)


def in_words(duration: timedelta) -> str:
    """Return a duration in its largest whole unit.

    >>> in_words(timedelta(hours=6)), in_words(timedelta(minutes=90))
    ('6h', '90m')
    """
    seconds = int(duration.total_seconds())
    unit, size = next(pair for pair in (("h", 3600), ("m", 60), ("s", 1)) if seconds % pair[1] == 0)
    return f"{seconds // size}{unit}"


def _floor(instant: datetime, every: timedelta) -> datetime:
    seconds = every.total_seconds()
    return datetime.fromtimestamp(math.floor(instant.timestamp() / seconds) * seconds, tz=UTC)
