"""Ratings that move with every result and are carried over seasons, promotion and relegation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

FEWEST_PEERS = 4
NEW_FOR_MATCHES = 15.0
# After a summer of transfers a club is less well known again.
KNOWN_AFTER_SUMMER = 20.0


@dataclass(frozen=True)
class Seasons:
    """What happens to ratings between seasons.

    `pull` is the share by which a rating returns to its league's mean, `tier_gap` the distance between two tiers before
    any club has changed between them, `newcomer` where a club from outside all known leagues starts, below that mean.
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
    seasons: Seasons = Seasons(middle=1500.0, pull=0.15, tier_gap=130.0, newcomer=45.0)


@dataclass(frozen=True)
class GoalRules:
    """How attack and defence ratings move, in logarithms of goals."""

    step: float = 0.018
    league_step: float = 0.0005
    seasons: Seasons = Seasons(middle=0.0, pull=0.1, tier_gap=0.32, newcomer=0.1)


QUICK = GoalRules(step=0.036, seasons=Seasons(middle=0.0, pull=0.2, tier_gap=0.32, newcomer=0.1))


@dataclass(frozen=True)
class Pair:
    """One number for the home and one for the away club of each match, as known before it."""

    home: Floats
    away: Floats


def elo(line: Timeline, *, rules: EloRules = EloRules()) -> Pair:
    """Rate clubs by results; a wide margin moves the ratings more, with diminishing weight."""
    rating, matches = np.full(line.clubs, np.nan), np.zeros(line.clubs)
    seen = Pair(np.empty(len(line)), np.empty(len(line)))
    for block, days, begun in _moments(line):
        for clubs, tier in begun:
            _begin(rating, clubs, tier, rules.seasons)
            matches[clubs] = np.minimum(matches[clubs], KNOWN_AFTER_SUMMER)
        seen.home[block], seen.away[block] = rating[line.home[block]], rating[line.away[block]]
        for day in days:
            _move_elo(line, day, rating, matches, rules)
    return seen


def _move_elo(line: Timeline, day: slice, rating: Floats, matches: Floats, rules: EloRules) -> None:
    played = np.arange(day.start, day.stop)[line.played[day]]
    home, away = line.home[played], line.away[played]
    margin = line.home_goals[played] - line.away_goals[played]
    expected = 1 / (1 + 10 ** (-(rating[home] - rating[away] + rules.home_advantage) / 400))
    move = rules.step * (1 + np.log1p(np.abs(margin))) * ((np.sign(margin) + 1) / 2 - expected)
    np.add.at(rating, home, move * _eagerness(matches[home]))
    np.add.at(rating, away, -move * _eagerness(matches[away]))
    _count(matches, home, away)


def goals(line: Timeline, *, rules: GoalRules = GoalRules()) -> Pair:
    """Expect goals from attack and defence ratings that move by the goals scored beyond expectation."""
    state = _GoalState.fresh(line)
    seen = Pair(np.empty(len(line)), np.empty(len(line)))
    for block, days, begun in _moments(line):
        for clubs, tier in begun:
            _begin(state.attack, clubs, tier, rules.seasons)
            _begin(state.defence, clubs, tier, rules.seasons)
            state.matches[clubs] = np.minimum(state.matches[clubs], KNOWN_AFTER_SUMMER)
        seen.home[block], seen.away[block] = state.expected(line, np.arange(block.start, block.stop))
        for day in days:
            state.move(line, np.arange(day.start, day.stop)[line.played[day]], rules)
    return seen


@dataclass(frozen=True)
class _GoalState:
    attack: Floats
    defence: Floats
    level: Floats
    home_edge: Floats
    matches: Floats

    @classmethod
    def fresh(cls, line: Timeline) -> "_GoalState":
        leagues = int(line.league.max()) + 1
        attack, defence = np.full(line.clubs, np.nan), np.full(line.clubs, np.nan)
        return cls(attack, defence, np.full(leagues, 0.25), np.full(leagues, 0.12), np.zeros(line.clubs))

    def expected(self, line: Timeline, at: Integers) -> tuple[Floats, Floats]:
        home, away, league = line.home[at], line.away[at], line.league[at]
        level, edge = self.level[league], self.home_edge[league]
        return (
            np.exp(level + edge + self.attack[home] - self.defence[away]),
            np.exp(level - edge + self.attack[away] - self.defence[home]),
        )

    def move(self, line: Timeline, at: Integers, rules: GoalRules) -> None:
        home, away, league = line.home[at], line.away[at], line.league[at]
        expected_home, expected_away = self.expected(line, at)
        more_home, more_away = line.home_goals[at] - expected_home, line.away_goals[at] - expected_away
        step_home = rules.step * _eagerness(self.matches[home])
        step_away = rules.step * _eagerness(self.matches[away])
        np.add.at(self.attack, home, step_home * more_home)
        np.add.at(self.defence, away, -step_away * more_home)
        np.add.at(self.attack, away, step_away * more_away)
        np.add.at(self.defence, home, -step_home * more_away)
        np.add.at(self.level, league, rules.league_step * (more_home + more_away))
        np.add.at(self.home_edge, league, rules.league_step * (more_home - more_away))
        _count(self.matches, home, away)


def _moments(line: Timeline) -> Iterator[tuple[slice, list[slice], list[tuple[Integers, int]]]]:
    """Yield each block of matches, its days, and the clubs and tier of every league whose season begins in it."""
    members, begun = line.members(), set[int]()
    for block, days in line.blocks():
        places = {int(entry): index for index, entry in enumerate(line.entry[block], block.start)}
        new = [(members[entry], int(line.tier[places[entry]])) for entry in sorted(places.keys() - begun)]
        begun |= places.keys()
        yield block, days, new


def _begin(rating: Floats, clubs: Integers, tier: int, rules: Seasons) -> None:
    rated = clubs[~np.isnan(rating[clubs])]
    linked = len(rated) >= FEWEST_PEERS
    mean = rating[rated].mean() if linked else rules.middle - tier * rules.tier_gap
    rating[rated] -= rules.pull * (rating[rated] - mean)
    rating[np.setdiff1d(clubs, rated)] = mean - (rules.newcomer if linked else 0.0)


def _eagerness(matches: Floats) -> Floats:
    """Move a club that is new to us up to twice as far."""
    return 1 + np.exp(-matches / NEW_FOR_MATCHES)


def _count(matches: Floats, home: Integers, away: Integers) -> None:
    np.add.at(matches, home, 1)
    np.add.at(matches, away, 1)
