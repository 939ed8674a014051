"""Sums over earlier events with the same key, such as the matches of a club before a day."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.football.strength.timeline import MOST_DAYS, Floats, Integers, Timeline


@dataclass(frozen=True)
class KeyDays:
    """A key (a club, a pair of clubs, a league) and a day per row."""

    key: Integers
    day: Integers

    @classmethod
    def of_clubs(cls, timeline: Timeline, days: Integers) -> "KeyDays":
        """Return the home clubs, then the away clubs, each with the day of its match."""
        return cls(timeline.clubs, np.tile(days, 2))

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
        edges = np.flatnonzero(np.diff(events.key)) + 1
        sums = [np.cumsum(part) for part in np.split(values, edges)]
        return cls(events, np.concatenate(sums))

    def last_before(self, at: KeyDays) -> Integers:
        """Return the place of the last event strictly before each row of `at`."""
        first_after = np.searchsorted(self.events.place, at.place, side="left")
        return first_after - 1

    def until(self, place: Integers, at: KeyDays) -> Floats:
        """Return the sums up to `place`, 0 where the event there has another key."""
        # No event has key -1, so place -1 is the end of the sums and stands for none.
        place_or_none = np.maximum(place, -1)
        keys = np.append(self.events.key, -1)
        sums = np.append(self.sums, 0.0)
        is_same_key = keys[place_or_none] == at.key
        return np.where(is_same_key, sums[place_or_none], 0.0)


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
    growth = np.exp2((events.day - origin) / half_life)
    decay = np.exp2(-(at.day - origin) / half_life)
    running = _Running.of(events, values * growth)
    sums: Floats = running.until(running.last_before(at), at) * decay
    return sums


def rolling_sums(events: KeyDays, values: Floats, at: KeyDays, *, count: int) -> Floats:
    """Return, for each row of `at`, the sum over the last `count` strictly earlier events with the same key.

    >>> matches = KeyDays(np.array([7, 7, 7]), np.array([1, 2, 3]))
    >>> at = KeyDays(np.array([7]), np.array([4]))
    >>> rolling_sums(matches, np.array([1.0, 10.0, 100.0]), at, count=2).tolist()
    [110.0]
    """
    running = _Running.of(*_sorted(events, values))
    last = running.last_before(at)
    older = running.until(last - count, at)
    return running.until(last, at) - older


def _sorted(events: KeyDays, values: Floats) -> tuple[KeyDays, Floats]:
    """Return the events that have a value, by key, then day."""
    real = np.flatnonzero(~np.isnan(values))
    order = real[np.argsort(events.place[real], kind="stable")]
    return KeyDays(events.key[order], events.day[order]), values[order]


def shrunk_means(sums: Floats, weights: Floats, *, towards: float, strength: float) -> Floats:
    """Return the means `sums / weights`, shrunk to `towards` as if that had been seen `strength` times.

    >>> shrunk_means(np.array([6.0, 0.0]), np.array([2.0, 0.0]), towards=1.0, strength=2.0).tolist()
    [2.0, 1.0]
    """
    return (sums + strength * towards) / (weights + strength)
