"""Generates leagues of invented clubs whose strengths are set, for trials without data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import season_name

SOURCE = "simulated"
FIRST_YEAR = 2019
SEASONS = 6
SEED = 20_250_601
# Two tiers of two countries, so that clubs are promoted and relegated between them.
COUNTRIES = {"Testland": ("E0", "E1"), "Sampleland": ("D1", "D2")}
TIER_SIZES = (14, 12)
SWAPPED = 2
HOME_ADVANTAGE = 0.27
MEAN_LOG_GOALS = 0.22
ROUND_EVERY = timedelta(days=10)
LAST_MONTH, LAST_DAY = 5, 24
GOALS_PER_POINT = 1000
PLACES = "North South East West Upper Lower Old New Far Near High Deep Great".split()
KINDS = ("Rovers", "Harbour")

Pair = tuple[str, str]


@dataclass(frozen=True)
class Strength:
    """Log goals that a club adds by its attack, and takes from its opponent by its defence."""

    attack: float
    defence: float


def clubs(country: str) -> list[str]:
    """Return the invented clubs of a country, best tier first."""
    names = [f"{country} {place} {kind}" for kind in KINDS for place in PLACES]
    return names[: sum(TIER_SIZES)]


def strengths(country: str, seed: int = SEED) -> dict[str, Strength]:
    """Return the true strength of each club in the first season; the same seed gives the same strengths."""
    random = np.random.default_rng([seed, sum(map(ord, country))])
    names = clubs(country)
    level = np.linspace(0.25, -0.25, len(names))
    noise = random.normal(0.0, 0.12, size=(len(names), 2))
    attack, defence = (level[:, np.newaxis] + noise).T.tolist()
    return dict(zip(names, map(Strength, attack, defence), strict=True))


def matches(seed: int = SEED) -> pd.DataFrame:
    """Return six seasons of four leagues up to May 2025, all played, the same for the same seed."""
    return match_frame(row for country in COUNTRIES for row in _country(country, seed))


def _country(country: str, seed: int) -> Iterator[dict[str, object]]:
    random = np.random.default_rng([seed, len(country)])
    power, names = strengths(country, seed), clubs(country)
    tiers = [names[: TIER_SIZES[0]], names[TIER_SIZES[0] :]]
    for year in range(FIRST_YEAR, FIRST_YEAR + SEASONS):
        tables = []
        for league, members in zip(COUNTRIES[country], tiers, strict=True):
            rows = list(_season(league, members, year, power, random))
            tables.append(_table(rows, members))
            yield from rows
        tiers = _next_tiers(*tables)
        power = {name: _next_year(each, random) for name, each in power.items()}


def _season(
    league: str, members: list[str], year: int, power: dict[str, Strength], random: np.random.Generator
) -> Iterator[dict[str, object]]:
    rounds = _rounds(members)
    last = date(year + 1, LAST_MONTH, LAST_DAY)
    for number, pairs in enumerate(rounds, start=1):
        day = last - ROUND_EVERY * (len(rounds) - number)
        for home, away in pairs:
            home_goals, away_goals = random.poisson(np.exp(_log_goals(power[home], power[away])))
            yield {
                "league": league,
                "season": season_name(year),
                "round": f"Matchday {number}",
                "date": day,
                "kickoff": "15:00",
                "home": home,
                "away": away,
                "home_goals": int(home_goals),
                "away_goals": int(away_goals),
                "status": "played",
                "source": SOURCE,
            }


def _log_goals(home: Strength, away: Strength) -> tuple[float, float]:
    at_home = MEAN_LOG_GOALS + HOME_ADVANTAGE / 2
    away_from_home = MEAN_LOG_GOALS - HOME_ADVANTAGE / 2
    return at_home + home.attack - away.defence, away_from_home + away.attack - home.defence


def _rounds(members: list[str]) -> list[list[Pair]]:
    """Return a double round-robin by the circle method: one club stays, the others rotate."""
    fixed, *moving = members
    first = []
    for number in range(len(moving)):
        circle = [fixed, *moving[number:], *moving[:number]]
        pairs = list(zip(circle, reversed(circle), strict=True))[: len(members) // 2]
        first.append(pairs if number % 2 else _returned(pairs))
    return [*first, *map(_returned, first)]


def _returned(pairs: list[Pair]) -> list[Pair]:
    """Return the same pairs with home and away exchanged."""
    return [(away, home) for home, away in pairs]


def _table(rows: list[dict[str, object]], members: list[str]) -> list[str]:
    """Return the clubs by points, then goal difference, best first."""
    points = dict.fromkeys(members, 0.0)
    for row in rows:
        margin = int(str(row["home_goals"])) - int(str(row["away_goals"]))
        points[str(row["home"])] += _points(margin)
        points[str(row["away"])] += _points(-margin)
    return sorted(members, key=lambda name: -points[name])


def _points(margin: int) -> float:
    won = 3 if margin > 0 else int(margin == 0)
    return won + margin / GOALS_PER_POINT


def _next_tiers(upper: list[str], lower: list[str]) -> list[list[str]]:
    relegated = upper[-SWAPPED:]
    promoted = lower[:SWAPPED]
    return [upper[:-SWAPPED] + promoted, relegated + lower[SWAPPED:]]


def _next_year(each: Strength, random: np.random.Generator) -> Strength:
    attack, defence = random.normal(0.0, 0.06, size=2).tolist()
    return Strength(0.9 * each.attack + attack, 0.9 * each.defence + defence)
