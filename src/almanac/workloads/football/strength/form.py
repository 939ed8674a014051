"""Recent form of clubs, pairs of clubs and leagues, from earlier matches only."""

import numpy as np

from almanac.workloads.football.strength import league_table
from almanac.workloads.football.strength.ratings import HomeAway
from almanac.workloads.football.strength.running_sums import (
    KeyDays,
    decayed_sums,
    rolling_sums,
    shrunk_means,
)
from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

USUAL_POINTS = 1.37
USUAL_GOALS = 1.35
USUAL_HOME_WIN_RATE = 0.44
USUAL_DRAW_RATE = 0.26
TWO_YEARS = 730
ONE_YEAR = 365
MOST_REST_DAYS = 14
LAST_MATCHES = 5


def points(timeline: Timeline) -> HomeAway:
    """Return each club's points per match, half-life 45 days."""
    return _per_match(timeline, league_table.points(timeline), towards=USUAL_POINTS, half_life=45)


def scored(timeline: Timeline) -> HomeAway:
    """Return each club's goals per match, half-life 90 days."""
    goals = np.concatenate([timeline.home_goals, timeline.away_goals])
    return _per_match(timeline, goals, towards=USUAL_GOALS, half_life=90)


def conceded(timeline: Timeline) -> HomeAway:
    """Return the goals per match against each club, half-life 90 days."""
    goals = np.concatenate([timeline.away_goals, timeline.home_goals])
    return _per_match(timeline, goals, towards=USUAL_GOALS, half_life=90)


def surprise(timeline: Timeline, expected: HomeAway) -> HomeAway:
    """Return by how many goals per match each club did better than expected, half-life 30 days."""
    gain = _gain(timeline, expected)
    return _per_match(timeline, np.concatenate([gain, -gain]), towards=0.0, half_life=30)


def ground(timeline: Timeline, expected: HomeAway) -> Floats:
    """Return the home club's goals beyond expectation at home less those away, half-life two years."""
    gain = _gain(timeline, expected)
    at = KeyDays(timeline.home, timeline.snapshot_day)
    at_home = decayed_sums(KeyDays(timeline.home, timeline.day), gain, at, half_life=TWO_YEARS)
    away = decayed_sums(KeyDays(timeline.away, timeline.day), gain, at, half_life=TWO_YEARS)
    matches = decayed_sums(
        KeyDays.of_clubs(timeline, timeline.day), _ones_of_clubs(timeline), at, half_life=TWO_YEARS
    )
    return shrunk_means(at_home + away, matches, towards=0.0, strength=20.0)


def _gain(timeline: Timeline, expected: HomeAway) -> Floats:
    """Return by how much the home club's goal difference exceeds the expected one."""
    return timeline.margin - (expected.home - expected.away)


def wins_on_ground(timeline: Timeline) -> HomeAway:
    """Return the home club's wins in its last five home matches, the away club's in its last five away."""
    home_wins = _last_wins(timeline, timeline.home, timeline.margin)
    away_wins = _last_wins(timeline, timeline.away, -timeline.margin)
    return HomeAway(home_wins, away_wins)


def _last_wins(timeline: Timeline, club: Integers, margin: Floats) -> Floats:
    won = np.where(timeline.played, margin > 0, np.nan)
    events = KeyDays(club, timeline.day)
    at = KeyDays(club, timeline.snapshot_day)
    return rolling_sums(events, won, at, count=LAST_MATCHES)


def rest_days(timeline: Timeline) -> HomeAway:
    """Return the days since each club's match before, at most 14, whether or not its score is known."""
    events = KeyDays.of_clubs(timeline, timeline.day)
    order = np.argsort(events.place, kind="stable")
    is_same_club = np.diff(events.key[order]) == 0
    gaps = np.diff(events.day[order])
    later = order[1:][is_same_club]
    rest = np.full(len(order), MOST_REST_DAYS, dtype=np.float64)
    rest[later] = np.minimum(gaps[is_same_club], MOST_REST_DAYS)
    return HomeAway.of_halves(rest)


def meetings(timeline: Timeline) -> Floats:
    """Return the home club's mean goal difference in earlier meetings of the two, shrunk to 0.

    The half-life is two years.
    """
    first = np.minimum(timeline.home, timeline.away)
    second = np.maximum(timeline.home, timeline.away)
    pair = first * timeline.club_count + second
    events = KeyDays(pair, timeline.day)
    at = KeyDays(pair, timeline.snapshot_day)
    sign = np.where(timeline.home < timeline.away, 1.0, -1.0)
    margins = decayed_sums(events, sign * timeline.margin, at, half_life=TWO_YEARS)
    matches = decayed_sums(events, _ones(timeline), at, half_life=TWO_YEARS)
    return sign * shrunk_means(margins, matches, towards=0.0, strength=3.0)


def season_points(timeline: Timeline) -> HomeAway:
    """Return each club's points per match of this season, shrunk to the usual as if seen five times."""
    earned = league_table.season_sums(timeline, league_table.points(timeline))
    matches = league_table.season_sums(timeline, _ones_of_clubs(timeline))
    return HomeAway.of_halves(shrunk_means(earned, matches, towards=USUAL_POINTS, strength=5.0))


def season_matches(timeline: Timeline) -> HomeAway:
    """Return how many matches of this season each club has played."""
    return HomeAway.of_halves(league_table.season_sums(timeline, _ones_of_clubs(timeline)))


def rounds(timeline: Timeline) -> Floats:
    """Return how many matches a double round of the league has for each club."""
    opponents = timeline.appearances().members(timeline.edition, timeline.day) - 1
    matches: Floats = 2.0 * np.maximum(opponents, 1)
    return matches


def home_win_rate(timeline: Timeline) -> Floats:
    """Return each league's share of home wins, half-life one year."""
    won = np.where(timeline.played, timeline.margin > 0, np.nan)
    return _per_league(timeline, won, towards=USUAL_HOME_WIN_RATE)


def draw_rate(timeline: Timeline) -> Floats:
    """Return each league's share of draws, half-life one year."""
    drawn = np.where(timeline.played, timeline.margin == 0, np.nan)
    return _per_league(timeline, drawn, towards=USUAL_DRAW_RATE)


def goal_rate(timeline: Timeline) -> Floats:
    """Return each league's goals per match, half-life one year."""
    return _per_league(timeline, timeline.home_goals + timeline.away_goals, towards=2 * USUAL_GOALS)


def _per_league(timeline: Timeline, values: Floats, *, towards: float) -> Floats:
    events = KeyDays(timeline.league, timeline.day)
    at = KeyDays(timeline.league, timeline.snapshot_day)
    sums = decayed_sums(events, values, at, half_life=ONE_YEAR)
    matches = decayed_sums(events, _ones(timeline), at, half_life=ONE_YEAR)
    return shrunk_means(sums, matches, towards=towards, strength=100.0)


def _per_match(timeline: Timeline, values: Floats, *, towards: float, half_life: float) -> HomeAway:
    events = KeyDays.of_clubs(timeline, timeline.day)
    at = KeyDays.of_clubs(timeline, timeline.snapshot_day)
    sums = decayed_sums(events, values, at, half_life=half_life)
    matches = decayed_sums(events, _ones_of_clubs(timeline), at, half_life=half_life)
    return HomeAway.of_halves(shrunk_means(sums, matches, towards=towards, strength=2.0))


def _ones(timeline: Timeline) -> Floats:
    """Return 1 per match, NaN if its score is unknown."""
    return np.where(timeline.played, 1.0, np.nan)


def _ones_of_clubs(timeline: Timeline) -> Floats:
    return np.tile(_ones(timeline), 2)
