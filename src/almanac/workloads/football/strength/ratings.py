"""Ratings that move with every result and are carried over seasons, promotion and relegation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

FEWEST_PEERS = 4
NEW_FOR_MATCHES = 15.0
# After a summer of transfers a rating is less certain again.
MATCHES_AFTER_SUMMER = 20.0
ELO_SCALE = 400
USUAL_LEVEL = 0.25
USUAL_HOME_EDGE = 0.12


@dataclass(frozen=True)
class SeasonRules:
    """How ratings change between seasons.

    `pull` is the share by which a rating returns to its league's mean. `tier_gap` is the distance between two
    tiers before any club has moved between them. A club from outside all known leagues starts `newcomer`
    below the mean.
    """

    middle: float
    pull: float
    tier_gap: float
    newcomer: float


@dataclass(frozen=True)
class EloRules:
    """How Elo ratings move, in points on the usual scale of 400."""

    step: float = 8.0
    home_advantage: float = 50.0
    seasons: SeasonRules = SeasonRules(middle=1500.0, pull=0.15, tier_gap=130.0, newcomer=45.0)


@dataclass(frozen=True)
class GoalRules:
    """How attack and defence ratings move, in logarithms of goals."""

    step: float = 0.018
    league_step: float = 0.0005
    seasons: SeasonRules = SeasonRules(middle=0.0, pull=0.1, tier_gap=0.32, newcomer=0.1)


# Chosen out of time on the seasons 2019-20 to 2023-24 (docs/figures.md).
SLOW_RULES = GoalRules(step=0.011, seasons=SeasonRules(middle=0.0, pull=0.0, tier_gap=0.32, newcomer=0.1))
QUICK_RULES = GoalRules(step=0.036, seasons=SeasonRules(middle=0.0, pull=0.2, tier_gap=0.32, newcomer=0.1))


@dataclass(frozen=True)
class HomeAway:
    """One number for the home and one for the away club of each match, as known before it."""

    home: Floats
    away: Floats

    @classmethod
    def empty(cls, timeline: Timeline) -> "HomeAway":
        """Return room for one number per club and match."""
        return cls(np.empty(len(timeline)), np.empty(len(timeline)))

    @classmethod
    def of_halves(cls, values: Floats) -> "HomeAway":
        """Return the values of the home clubs, then of the away clubs, as two arrays."""
        home, away = np.split(values, 2)
        return cls(home, away)


class _Start(NamedTuple):
    """The clubs of a league whose season begins on a day, and those of its season before."""

    clubs: Integers
    peers: Integers
    tier: int


class _Day(NamedTuple):
    """The matches of a day, and the seasons that begin with them."""

    matches: slice
    starts: list[_Start]


def elo(timeline: Timeline, *, rules: EloRules = EloRules()) -> HomeAway:
    """Rate clubs by results; a wide margin moves the ratings more, with diminishing weight."""
    state = _EloState.fresh(timeline)
    before = HomeAway.empty(timeline)
    for days in _snapshots(timeline):
        for day, starts in days:
            for start in starts:
                state.begin_season(start, rules.seasons)
            before.home[day] = state.rating[timeline.home[day]]
            before.away[day] = state.rating[timeline.away[day]]
        for day, _ in days:
            state.move(timeline, _played(timeline, day), rules)
    return before


@dataclass(frozen=True)
class _EloState:
    rating: Floats
    matches: Floats

    @classmethod
    def fresh(cls, timeline: Timeline) -> "_EloState":
        return cls(_unrated(timeline), np.zeros(timeline.club_count))

    def begin_season(self, start: _Start, rules: SeasonRules) -> None:
        _begin(self.rating, start, rules)
        _forget(self.matches, start)

    def move(self, timeline: Timeline, at: Integers, rules: EloRules) -> None:
        """Move the ratings of the clubs that played in the matches `at`."""
        home, away = timeline.home[at], timeline.away[at]
        margin = timeline.margin[at]
        lead = self.rating[home] - self.rating[away] + rules.home_advantage
        expected = 1 / (1 + 10 ** (-lead / ELO_SCALE))
        points = (np.sign(margin) + 1) / 2
        step = rules.step * (1 + np.log1p(np.abs(margin)))
        move = step * (points - expected)
        gain = move * _eagerness(self.matches[home])
        loss = -move * _eagerness(self.matches[away])
        np.add.at(self.rating, home, gain)
        np.add.at(self.rating, away, loss)
        _count(self.matches, home, away)


def goals(timeline: Timeline, *, rules: GoalRules = GoalRules()) -> HomeAway:
    """Return the goals expected from ratings of attack and defence.

    The ratings move by the goals beyond expectation.
    """
    state = _GoalState.fresh(timeline)
    before = HomeAway.empty(timeline)
    for days in _snapshots(timeline):
        for day, starts in days:
            for start in starts:
                state.begin_season(start, rules.seasons)
            before.home[day], before.away[day] = state.expected(timeline, _indices(day))
        for day, _ in days:
            state.move(timeline, _played(timeline, day), rules)
    return before


@dataclass(frozen=True)
class _GoalState:
    attack: Floats
    defence: Floats
    level: Floats
    home_edge: Floats
    matches: Floats

    @classmethod
    def fresh(cls, timeline: Timeline) -> "_GoalState":
        leagues = int(timeline.league.max()) + 1
        return cls(
            attack=_unrated(timeline),
            defence=_unrated(timeline),
            level=np.full(leagues, USUAL_LEVEL),
            home_edge=np.full(leagues, USUAL_HOME_EDGE),
            matches=np.zeros(timeline.club_count),
        )

    def begin_season(self, start: _Start, rules: SeasonRules) -> None:
        _begin(self.attack, start, rules)
        _begin(self.defence, start, rules)
        _forget(self.matches, start)

    def expected(self, timeline: Timeline, at: Integers) -> tuple[Floats, Floats]:
        """Return the home and the away goals that the ratings expect in the matches `at`."""
        home = timeline.home[at]
        away = timeline.away[at]
        league = timeline.league[at]
        level, edge = self.level[league], self.home_edge[league]
        log_home = level + edge + self.attack[home] - self.defence[away]
        log_away = level - edge + self.attack[away] - self.defence[home]
        return np.exp(log_home), np.exp(log_away)

    def move(self, timeline: Timeline, at: Integers, rules: GoalRules) -> None:
        """Move the ratings of the clubs that played in the matches `at`, and their leagues' averages."""
        home = timeline.home[at]
        away = timeline.away[at]
        league = timeline.league[at]
        expected_home, expected_away = self.expected(timeline, at)
        more_home = timeline.home_goals[at] - expected_home
        more_away = timeline.away_goals[at] - expected_away
        step_home = rules.step * _eagerness(self.matches[home])
        step_away = rules.step * _eagerness(self.matches[away])
        np.add.at(self.attack, home, step_home * more_home)
        np.add.at(self.defence, away, -step_away * more_home)
        np.add.at(self.attack, away, step_away * more_away)
        np.add.at(self.defence, home, -step_home * more_away)
        np.add.at(self.level, league, rules.league_step * (more_home + more_away))
        np.add.at(self.home_edge, league, rules.league_step * (more_home - more_away))
        _count(self.matches, home, away)


def _snapshots(timeline: Timeline) -> Iterator[list[_Day]]:
    """Yield the days of each snapshot.

    A season begins for a club with its first match of it. So fixtures of later days change nothing.
    """
    starts = _starts(timeline)
    for _, days in timeline.blocks():
        yield [_Day(day, starts.get(int(timeline.day[day.start]), [])) for day in days]


def _starts(timeline: Timeline) -> dict[int, list[_Start]]:
    """Return which clubs begin a season on each day."""
    clubs = timeline.appearances()
    edges = np.flatnonzero(np.diff(clubs.day)) + 1
    league_of = np.full(timeline.club_count, -1)
    peers: dict[int, Integers] = {}
    starts = {}
    for day in np.split(np.arange(len(clubs.day)), edges):
        editions, firsts = np.unique(clubs.edition[day], return_index=True)
        for edition, first in zip(editions.tolist(), day[firsts], strict=True):
            peers.setdefault(edition, np.flatnonzero(league_of == clubs.league[first]))
        starts[int(clubs.day[day[0]])] = [
            _Start(clubs.club[day][clubs.edition[day] == edition], peers[edition], int(clubs.tier[first]))
            for edition, first in zip(editions.tolist(), day[firsts], strict=True)
        ]
        league_of[clubs.club[day]] = clubs.league[day]
    return starts


def _indices(block: slice) -> Integers:
    return np.arange(block.start, block.stop)


def _played(timeline: Timeline, day: slice) -> Integers:
    """Return the matches of a day whose score is known."""
    return _indices(day)[timeline.played[day]]


def _unrated(timeline: Timeline) -> Floats:
    return np.full(timeline.club_count, np.nan)


def _begin(rating: Floats, start: _Start, rules: SeasonRules) -> None:
    """Pull the ratings of starting clubs to the mean of their league, and give newcomers one below it."""
    peers = rating[start.peers]
    peers = peers[~np.isnan(peers)]
    is_linked = len(peers) >= FEWEST_PEERS
    mean = peers.mean() if is_linked else rules.middle - start.tier * rules.tier_gap
    is_new = np.isnan(rating[start.clubs])
    rated = start.clubs[~is_new]
    rating[rated] -= rules.pull * (rating[rated] - mean)
    rating[start.clubs[is_new]] = mean - (rules.newcomer if is_linked else 0.0)


def _forget(matches: Floats, start: _Start) -> None:
    """Limit the number of matches behind each rating, so that ratings move faster after a summer."""
    matches[start.clubs] = np.minimum(matches[start.clubs], MATCHES_AFTER_SUMMER)


def _eagerness(matches: Floats) -> Floats:
    """Return the factor of a rating's step: up to 2 for a club with few matches."""
    return 1 + np.exp(-matches / NEW_FOR_MATCHES)


def _count(matches: Floats, home: Integers, away: Integers) -> None:
    np.add.at(matches, home, 1)
    np.add.at(matches, away, 1)
