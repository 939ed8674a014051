"""Sums over earlier events with the same key, such as the matches of a club, as seen on the morning of a day."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

MOST_DAYS = 1 << 20


@dataclass(frozen=True)
class KeyDays:
    """A key (a club, a pair of clubs, a league) and a day per row."""

    key: Integers
    day: Integers

    @property
    def place(self) -> Integers:
        """One number per row that sorts by key, then day."""
        return self.key * MOST_DAYS + self.day


@dataclass(frozen=True)
class _Running:
    """Cumulative sums within each key, by key and day."""

    events: KeyDays
    sums: Floats

    @classmethod
    def of(cls, events: KeyDays, values: Floats) -> "_Running":
        # Each key has its own sum, so that large values of another key cost it no precision.
        parts = np.split(values, np.flatnonzero(np.diff(events.key)) + 1)
        return cls(events, np.concatenate([np.cumsum(part) for part in parts]))

    def last_before(self, at: KeyDays) -> Integers:
        """Return the place of the last event strictly before each row of `at`."""
        place: Integers = np.searchsorted(self.events.place, at.place, side="left") - 1
        return place

    def until(self, place: Integers, at: KeyDays) -> Floats:
        """Return the sums up to `place`, 0 where the event there has another key."""
        place_or_none = np.maximum(place, -1)
        is_same_key = np.append(self.events.key, -1)[place_or_none] == at.key
        return np.where(is_same_key, np.append(self.sums, 0.0)[place_or_none], 0.0)


def decayed_sums(events: KeyDays, values: Floats, at: KeyDays, *, half_life: float = np.inf) -> Floats:
    """Return, for each row of `at`, the sum of `values` of strictly earlier events with the same key.

    A value counts half after `half_life` days. NaN values are ignored.

    >>> matches = KeyDays(np.array([7, 7, 8]), np.array([1, 2, 2]))
    >>> at = KeyDays(np.array([7, 7, 8]), np.array([2, 3, 2]))
    >>> decayed_sums(matches, np.array([1.0, 10.0, 100.0]), at).tolist()
    [1.0, 11.0, 0.0]
    """
    events, values = _sorted(events, values)
    origin = at.day.min(initial=MOST_DAYS)
    running = _Running.of(events, values * np.exp2((events.day - origin) / half_life))
    sums: Floats = running.until(running.last_before(at), at) * np.exp2(-(at.day - origin) / half_life)
    return sums


def rolling_sums(events: KeyDays, values: Floats, at: KeyDays, *, count: int) -> Floats:
    """Return, for each row of `at`, the sum of `values` of the last `count` strictly earlier events with the same key.

    >>> matches = KeyDays(np.array([7, 7, 7]), np.array([1, 2, 3]))
    >>> rolling_sums(matches, np.array([1.0, 10.0, 100.0]), KeyDays(np.array([7]), np.array([4])), count=2).tolist()
    [110.0]
    """
    running = _Running.of(*_sorted(events, values))
    last = running.last_before(at)
    return running.until(last, at) - running.until(last - count, at)


def _sorted(events: KeyDays, values: Floats) -> tuple[KeyDays, Floats]:
    """Return the events that have a value, by key, then day."""
    real = np.flatnonzero(~np.isnan(values))
    order = real[np.lexsort((events.day[real], events.key[real]))]
    return KeyDays(events.key[order], events.day[order]), values[order]


def shrunk_means(sums: Floats, weights: Floats, *, towards: float, strength: float) -> Floats:
    """Return the means `sums / weights`, shrunk to `towards` as if that had been seen `strength` times.

    >>> shrunk_means(np.array([6.0, 0.0]), np.array([2.0, 0.0]), towards=1.0, strength=2.0).tolist()
    [2.0, 1.0]
    """
    return (sums + strength * towards) / (weights + strength)


def club_events(timeline: Timeline) -> KeyDays:
    """Return every match twice: as an event of its home club, then as one of its away club."""
    return KeyDays(np.concatenate([timeline.home, timeline.away]), np.tile(timeline.day, 2))


def club_snapshots(timeline: Timeline) -> KeyDays:
    """Return the days at which the features of the home clubs, then of the away clubs, are computed."""
    return KeyDays(np.concatenate([timeline.home, timeline.away]), np.tile(timeline.snapshot_day, 2))
