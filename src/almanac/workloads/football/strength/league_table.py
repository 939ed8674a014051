"""The table of a league's season on the morning of a match: points, goal difference, positions."""

import numpy as np

from almanac.workloads.football.strength.ratings import HomeAway
from almanac.workloads.football.strength.running_sums import KeyDays, decayed_sums
from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

GOALS_PER_POINT = 1000.0


def points(timeline: Timeline) -> Floats:
    """Return the points that the home clubs, then the away clubs, won in each match; NaN without a score."""
    sign = np.sign(_margins(timeline))
    # A defeat has sign -1, and NaN stays NaN.
    without_wins = np.where(sign == 0, 1.0, sign + 1.0)
    return np.where(sign > 0, 3.0, without_wins)


def season_sums(timeline: Timeline, values: Floats) -> Floats:
    """Return the sums over each club's earlier matches of this season, for the home, then the away clubs."""
    return decayed_sums(_season_events(timeline), values, _season_snapshots(timeline))


def positions(timeline: Timeline) -> HomeAway:
    """Return each club's position by points, then goal difference: 0 is the top, 1 the bottom.

    Before the first match of a season all positions are 0.5. All matches of the season count in full: no
    source tells of deducted points, and halved points and groups after a split are left aside.
    """
    rivals, sizes = _rivals(timeline)
    scores = decayed_sums(_season_events(timeline), _scores(timeline), rivals)
    own = HomeAway.of_halves(season_sums(timeline, _scores(timeline)))
    return HomeAway(_position(scores, own.home, sizes), _position(scores, own.away, sizes))


def _rivals(timeline: Timeline) -> tuple[KeyDays, Integers]:
    """Return the members of the league on the day of each match, match after match, and their number."""
    clubs = timeline.appearances()
    by_edition = np.argsort(clubs.edition, kind="stable")
    first = np.searchsorted(clubs.edition[by_edition], timeline.edition)
    sizes = clubs.members(timeline.edition, timeline.day)
    # Within an edition the clubs are sorted by day, so the members on a day are the first ones.
    places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rivals = clubs.club[by_edition][np.repeat(first, sizes) + places]
    key = _season_key(timeline, np.repeat(timeline.edition, sizes), rivals)
    return KeyDays(key, np.repeat(timeline.snapshot_day, sizes)), sizes


def _position(scores: Floats, own: Floats, sizes: Integers) -> Floats:
    starts = np.cumsum(sizes) - sizes
    mine = np.repeat(own, sizes)
    better = np.add.reduceat(scores > mine, starts, dtype=float)
    worse = np.add.reduceat(scores < mine, starts, dtype=float)
    # Equals share the middle of their positions.
    position: Floats = (better + sizes - 1 - worse) / 2
    return np.clip(position / np.maximum(sizes - 1, 1), 0.0, 1.0)


def _scores(timeline: Timeline) -> Floats:
    """Return points in which goal difference only separates equals."""
    return points(timeline) + _margins(timeline) / GOALS_PER_POINT


def _margins(timeline: Timeline) -> Floats:
    return np.concatenate([timeline.margin, -timeline.margin])


def _season_events(timeline: Timeline) -> KeyDays:
    return KeyDays(_season_keys(timeline), np.tile(timeline.day, 2))


def _season_snapshots(timeline: Timeline) -> KeyDays:
    return KeyDays(_season_keys(timeline), np.tile(timeline.snapshot_day, 2))


def _season_keys(timeline: Timeline) -> Integers:
    return _season_key(timeline, np.tile(timeline.edition, 2), timeline.clubs)


def _season_key(timeline: Timeline, edition: Integers, club: Integers) -> Integers:
    keys: Integers = edition * timeline.club_count + club
    return keys
