"""How clubs, pairs of clubs and leagues have fared lately, from earlier matches only."""

import numpy as np

from almanac.workloads.football.strength import past
from almanac.workloads.football.strength.ratings import Pair
from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

USUAL_POINTS = 1.37
USUAL_GOALS = 1.35
MOST_REST_DAYS = 14
GOALS_PER_POINT = 1000.0


def points(line: Timeline) -> Pair:
    """Return each club's points per match, half-life 45 days."""
    return _per_match(line, _points(line), towards=USUAL_POINTS, half_life=45)


def scored(line: Timeline) -> Pair:
    """Return each club's goals per match, half-life 90 days."""
    return _per_match(
        line, np.concatenate([line.home_goals, line.away_goals]), towards=USUAL_GOALS, half_life=90
    )


def conceded(line: Timeline) -> Pair:
    """Return the goals per match against each club, half-life 90 days."""
    return _per_match(
        line, np.concatenate([line.away_goals, line.home_goals]), towards=USUAL_GOALS, half_life=90
    )


def surprise(line: Timeline, expected: Pair) -> Pair:
    """Return by how many goals per match each club did better than expected, half-life 30 days."""
    more = line.home_goals - line.away_goals - (expected.home - expected.away)
    return _per_match(line, np.concatenate([more, -more]), towards=0.0, half_life=30)


def ground(line: Timeline, expected: Pair) -> Floats:
    """Return by how many goals per match the home club did better than expected at home rather than away, half-life two years."""
    more = line.home_goals - line.away_goals - (expected.home - expected.away)
    at = past.Events(line.home, line.known_on)
    better = [
        past.total(past.Events(club, line.day), gain, at, half_life=730)
        for club, gain in ((line.home, more), (line.away, more))
    ]
    matches = past.total(past.of_clubs(line), np.tile(_once(line), 2), at, half_life=730)
    return past.shrunk(better[0] + better[1], matches, towards=0.0, strength=20.0)


def wins_on_ground(line: Timeline) -> Pair:
    """Return how many of its last five home matches the home club won, and of its last five away matches the away club."""
    won = np.where(line.played, np.sign(line.home_goals - line.away_goals), np.nan)
    return Pair(
        past.of_last(
            past.Events(line.home, line.day),
            np.where(np.isnan(won), np.nan, won > 0),
            past.Events(line.home, line.known_on),
            count=5,
        ),
        past.of_last(
            past.Events(line.away, line.day),
            np.where(np.isnan(won), np.nan, won < 0),
            past.Events(line.away, line.known_on),
            count=5,
        ),
    )


def rest_days(line: Timeline) -> Pair:
    """Return the days since each club's match before, at most 14, whether or not its score is known."""
    clubs, days = np.concatenate([line.home, line.away]), np.tile(line.day, 2)
    order = np.lexsort((days, clubs))
    gaps = np.full(len(clubs), MOST_REST_DAYS, dtype=np.int64)
    same = np.diff(clubs[order]) == 0
    gaps[order[1:][same]] = np.minimum(np.diff(days[order])[same], MOST_REST_DAYS)
    return _pair(gaps.astype(np.float64))


def meetings(line: Timeline) -> Floats:
    """Return the home club's mean goal difference in earlier meetings of the two, half-life two years, pulled to 0."""
    pair = np.minimum(line.home, line.away) * line.clubs + np.maximum(line.home, line.away)
    sign = np.where(line.home < line.away, 1.0, -1.0)
    events, at = past.Events(pair, line.day), past.Events(pair, line.known_on)
    margin = past.total(events, sign * (line.home_goals - line.away_goals), at, half_life=730)
    met = past.total(events, _once(line), at, half_life=730)
    return sign * past.shrunk(margin, met, towards=0.0, strength=3.0)


def season_points(line: Timeline) -> Pair:
    """Return each club's points per match of this season, pulled to the usual as if seen five times."""
    events, at = _in_season(line, line.day), _in_season(line, line.known_on)
    earned, matches = past.total(events, _points(line), at), past.total(events, np.tile(_once(line), 2), at)
    return _pair(past.shrunk(earned, matches, towards=USUAL_POINTS, strength=5.0))


def season_matches(line: Timeline) -> Pair:
    """Return how many matches of this season each club has behind it."""
    return _pair(
        past.total(_in_season(line, line.day), np.tile(_once(line), 2), _in_season(line, line.known_on))
    )


def rounds(line: Timeline) -> Floats:
    """Return how many matches a double round of the league has for each club."""
    return np.array([2.0 * max(len(clubs) - 1, 1) for clubs in line.members()])[line.entry]


def positions(line: Timeline) -> Pair:
    """Return each club's place in its table by points, then goal difference: 0 is the top, 1 the bottom, 0.5 before the first match."""
    members = line.members()
    rivals = np.array([len(clubs) for clubs in members])[line.entry]
    seats = _club_in_season(
        line, np.repeat(line.entry, rivals), np.concatenate([members[entry] for entry in line.entry])
    )
    happened = _in_season(line, line.day)
    standing = past.total(happened, _standing(line), past.Events(seats, np.repeat(line.known_on, rivals)))
    own = _pair(past.total(happened, _standing(line), _in_season(line, line.known_on)))
    return Pair(_place(standing, own.home, rivals), _place(standing, own.away, rivals))


def _place(standing: Floats, own: Floats, rivals: Integers) -> Floats:
    starts, mine = np.cumsum(rivals) - rivals, np.repeat(own, rivals)
    better, worse = (
        np.add.reduceat(standing > mine, starts, dtype=float),
        np.add.reduceat(standing < mine, starts, dtype=float),
    )
    place: Floats = (better + rivals - 1 - worse) / 2 / np.maximum(rivals - 1, 1)
    return np.clip(place, 0.0, 1.0)


def home_win_rate(line: Timeline) -> Floats:
    """Return each league's share of home wins, half-life one year."""
    return _per_league(line, np.where(line.played, line.home_goals > line.away_goals, np.nan), towards=0.44)


def draw_rate(line: Timeline) -> Floats:
    """Return each league's share of draws, half-life one year."""
    return _per_league(line, np.where(line.played, line.home_goals == line.away_goals, np.nan), towards=0.26)


def goal_rate(line: Timeline) -> Floats:
    """Return each league's goals per match, half-life one year."""
    return _per_league(line, line.home_goals + line.away_goals, towards=2 * USUAL_GOALS)


def _per_league(line: Timeline, values: Floats, *, towards: float) -> Floats:
    events, at = past.Events(line.league, line.day), past.Events(line.league, line.known_on)
    sums, weights = (
        past.total(events, values, at, half_life=365),
        past.total(events, _once(line), at, half_life=365),
    )
    return past.shrunk(sums, weights, towards=towards, strength=100.0)


def _per_match(line: Timeline, values: Floats, *, towards: float, half_life: float) -> Pair:
    events, at = past.of_clubs(line), past.seen_by_clubs(line)
    sums = past.total(events, values, at, half_life=half_life)
    weights = past.total(events, np.tile(_once(line), 2), at, half_life=half_life)
    return _pair(past.shrunk(sums, weights, towards=towards, strength=2.0))


def _points(line: Timeline) -> Floats:
    won, lost = np.sign(line.home_goals - line.away_goals), np.sign(line.away_goals - line.home_goals)
    sign = np.concatenate([won, lost])
    return np.where(sign > 0, 3.0, np.where(sign == 0, 1.0, sign + 1.0))


def _standing(line: Timeline) -> Floats:
    margin = line.home_goals - line.away_goals
    return _points(line) + np.concatenate([margin, -margin]) / GOALS_PER_POINT


def _once(line: Timeline) -> Floats:
    return np.where(line.played, 1.0, np.nan)


def _in_season(line: Timeline, day: Integers) -> past.Events:
    clubs = np.concatenate([line.home, line.away])
    return past.Events(_club_in_season(line, np.tile(line.entry, 2), clubs), np.tile(day, 2))


def _club_in_season(line: Timeline, entry: Integers, club: Integers) -> Integers:
    seats: Integers = entry * line.clubs + club
    return seats


def _pair(values: Floats) -> Pair:
    home, away = np.split(values, 2)
    return Pair(home, away)
