"""Makes up leagues of invented clubs with known strengths, for trials without data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from almanac.workloads.football.sources import matches as frames

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
_PLACES = (
    "North",
    "South",
    "East",
    "West",
    "Upper",
    "Lower",
    "Old",
    "New",
    "Far",
    "Near",
    "High",
    "Deep",
    "Great",
)
_KINDS = ("Rovers", "Harbour")


@dataclass(frozen=True)
class Strength:
    """Log goals a club adds by its attack, and takes from its opponent by its defence."""

    attack: float
    defence: float


def clubs(country: str) -> list[str]:
    """Return the invented clubs of a country, best tier first."""
    return [f"{country} {place} {kind}" for kind in _KINDS for place in _PLACES][: sum(TIER_SIZES)]


def strengths(country: str, seed: int = SEED) -> dict[str, Strength]:
    """Return the true strength of each club in the first season; the same seed gives the same strengths."""
    random = np.random.default_rng([seed, sum(map(ord, country))])
    names = clubs(country)
    level = np.linspace(0.25, -0.25, len(names))
    noise = random.normal(0.0, 0.12, size=(len(names), 2))
    return {
        name: Strength(float(level[at] + noise[at, 0]), float(level[at] + noise[at, 1]))
        for at, name in enumerate(names)
    }


def matches(seed: int = SEED) -> pd.DataFrame:
    """Return six seasons of four leagues up to May 2025, all played, the same for the same seed."""
    return frames.frame(row for country in COUNTRIES for row in _country(country, seed))


def _country(country: str, seed: int) -> Iterator[dict[str, object]]:
    random = np.random.default_rng([seed, len(country)])
    power = strengths(country, seed)
    tiers = [clubs(country)[: TIER_SIZES[0]], clubs(country)[TIER_SIZES[0] :]]
    for year in range(FIRST_YEAR, FIRST_YEAR + SEASONS):
        tables = []
        for league, members in zip(COUNTRIES[country], tiers, strict=True):
            rows = list(_season(league, members, year, power, random))
            tables.append(_table(rows, members))
            yield from rows
        tiers = [tables[0][:-SWAPPED] + tables[1][:SWAPPED], tables[0][-SWAPPED:] + tables[1][SWAPPED:]]
        power = {name: _next_year(each, random) for name, each in power.items()}


def _season(
    league: str, members: list[str], year: int, power: dict[str, Strength], random: np.random.Generator
) -> Iterator[dict[str, object]]:
    rounds = _rounds(members)
    last = date(year + 1, 5, 24)
    for number, pairs in enumerate(rounds, start=1):
        day = last - ROUND_EVERY * (len(rounds) - number)
        for home, away in pairs:
            scored = random.poisson(np.exp(_log_goals(power[home], power[away])))
            yield {
                "league": league,
                "season": f"{year}-{(year + 1) % 100:02d}",
                "round": f"Matchday {number}",
                "date": day,
                "kickoff": "15:00",
                "home": home,
                "away": away,
                "home_goals": int(scored[0]),
                "away_goals": int(scored[1]),
                "status": "played",
                "source": SOURCE,
            }


def _log_goals(home: Strength, away: Strength) -> tuple[float, float]:
    return (
        MEAN_LOG_GOALS + HOME_ADVANTAGE / 2 + home.attack - away.defence,
        MEAN_LOG_GOALS - HOME_ADVANTAGE / 2 + away.attack - home.defence,
    )


def _rounds(members: list[str]) -> list[list[tuple[str, str]]]:
    """Return a double round-robin by the circle method: one club stays, the others move round it."""
    fixed, *moving = members
    first = []
    for number in range(len(moving)):
        turned = [fixed, *moving[number:], *moving[:number]]
        pairs = list(zip(turned, reversed(turned), strict=True))[: len(members) // 2]
        first.append([pair if number % 2 else pair[::-1] for pair in pairs])
    return first + [[pair[::-1] for pair in pairs] for pairs in first]


def _table(rows: list[dict[str, object]], members: list[str]) -> list[str]:
    points = dict.fromkeys(members, 0.0)
    for row in rows:
        margin = int(str(row["home_goals"])) - int(str(row["away_goals"]))
        points[str(row["home"])] += (3 if margin > 0 else int(margin == 0)) + margin / 1000
        points[str(row["away"])] += (3 if margin < 0 else int(margin == 0)) - margin / 1000
    return sorted(members, key=lambda name: -points[name])


def _next_year(each: Strength, random: np.random.Generator) -> Strength:
    drift = random.normal(0.0, 0.06, size=2)
    return Strength(0.9 * each.attack + float(drift[0]), 0.9 * each.defence + float(drift[1]))
