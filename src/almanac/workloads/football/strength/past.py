"""What earlier matches add up to, seen from the morning of a later one."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

DAYS = 1 << 20


@dataclass(frozen=True)
class Events:
    """Things that happened: to whom (`key`) and on which `day`."""

    key: Integers
    day: Integers


def total(events: Events, values: Floats, at: Events, *, half_life: float = np.inf) -> Floats:
    """Return, for each of `at`, the sum of `values` of strictly earlier events with the same key.

    A value weighs half after `half_life` days. Values that are NaN count nothing.

    >>> happened = Events(np.array([7, 7, 8]), np.array([1, 2, 2]))
    >>> total(happened, np.array([1.0, 10.0, 100.0]), Events(np.array([7, 7, 8]), np.array([2, 3, 2]))).tolist()
    [1.0, 11.0, 0.0]
    """
    key, day, real = _sorted(events, values)
    origin = at.day.min(initial=DAYS)
    growing = _running(key, real * np.exp2((day - origin) / half_life))
    place = np.searchsorted(key * DAYS + day, at.key * DAYS + at.day, side="left") - 1
    sums: Floats = _taken(growing, key, place, at) * np.exp2(-(at.day - origin) / half_life)
    return sums


def of_last(events: Events, values: Floats, at: Events, *, count: int) -> Floats:
    """Return, for each of `at`, the sum of `values` of the last `count` strictly earlier events with the same key.

    >>> happened = Events(np.array([7, 7, 7]), np.array([1, 2, 3]))
    >>> of_last(happened, np.array([1.0, 10.0, 100.0]), Events(np.array([7]), np.array([4])), count=2).tolist()
    [110.0]
    """
    key, day, real = _sorted(events, values)
    growing = _running(key, real)
    place = np.searchsorted(key * DAYS + day, at.key * DAYS + at.day, side="left") - 1
    return _taken(growing, key, place, at) - _taken(growing, key, place - count, at)


def _sorted(events: Events, values: Floats) -> tuple[Integers, Integers, Floats]:
    real = ~np.isnan(values)
    order = np.lexsort((events.day[real], events.key[real]))
    return events.key[real][order], events.day[real][order], values[real][order]


def _taken(growing: Floats, key: Integers, place: Integers, at: Events) -> Floats:
    at_or_none = np.maximum(place, -1)
    found = np.append(key, -1)[at_or_none] == at.key
    return np.where(found, np.append(growing, 0.0)[at_or_none], 0.0)


def _running(key: Integers, values: Floats) -> Floats:
    """Add up within runs of one key; each run is added by itself, so that no other key's size costs it precision."""
    edges = np.flatnonzero(np.diff(key)) + 1
    sums: Floats = np.concatenate([np.cumsum(part) for part in np.split(values, edges)])
    return sums


def shrunk(sums: Floats, weights: Floats, *, towards: Floats | float, strength: float) -> Floats:
    """Return the mean `sums / weights`, pulled to `towards` as if it had been seen `strength` times.

    >>> shrunk(np.array([6.0, 0.0]), np.array([2.0, 0.0]), towards=1.0, strength=2.0).tolist()
    [2.0, 1.0]
    """
    return (sums + strength * towards) / (weights + strength)


def of_clubs(line: Timeline) -> Events:
    """Return every match twice: as an event of its home club, then as one of its away club."""
    return Events(np.concatenate([line.home, line.away]), np.concatenate([line.day, line.day]))


def seen_by_clubs(line: Timeline) -> Events:
    """Return the moments at which the features of the home clubs, then of the away clubs, are taken."""
    return Events(np.concatenate([line.home, line.away]), np.concatenate([line.known_on, line.known_on]))
