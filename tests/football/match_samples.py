"""Matches made up for tests: a few by hand, and the simulated sample with its features."""

from datetime import date
from functools import cache

import pandas as pd

from almanac.workloads.football import features
from almanac.workloads.football.sources import simulated

CUT = date(2025, 5, 10)


def match(day: str, home: str, away: str, score: str | None, *, league: str = "E0") -> dict[str, object]:
    """Return one row of `matches`; without a score it is still to come. A season begins in July."""
    year = int(day[:4]) - (day[5:] < "07")
    goals = [int(part) for part in score.split("-")] if score else [None, None]
    return {
        "match_id": f"{league}-{day}-{home}-{away}",
        "league": league,
        "season": f"{year}-{(year + 1) % 100:02d}",
        "round": None,
        "date": pd.Timestamp(day),
        "kickoff": "15:00",
        "home": home,
        "away": away,
        "home_goals": goals[0],
        "away_goals": goals[1],
        "status": "played" if score else "scheduled",
        "source": "simulated",
    }


def matches(*rows: dict[str, object]) -> pd.DataFrame:
    """Return rows as a frame with the types that the sources give."""
    frame = pd.DataFrame(list(rows))
    return frame.astype({"home_goals": "Int64", "away_goals": "Int64", "date": "datetime64[s]"})


@cache
def sample() -> pd.DataFrame:
    """Return the simulated matches; do not change them."""
    return simulated.matches()


@cache
def sample_features() -> pd.DataFrame:
    """Return the features of the simulated matches at CUT; do not change them."""
    return features.build(sample(), as_of=CUT)
