"""One suggested pick per match with its confidence and its reason in words; no betting advice."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

SINGLE_FROM = 0.5
SINGLES = {"home": "home_win", "draw": "draw", "away": "away_win"}
DOUBLES = {
    "home_or_draw": ("home", "draw"),
    "home_or_away": ("home", "away"),
    "draw_or_away": ("draw", "away"),
}
COVERS = {**{single: (single,) for single in SINGLES}, **DOUBLES}
EVEN_ELO = 25
GOOD_RUN = 3


def choose(chances: pd.DataFrame) -> pd.DataFrame:
    """Return pick and confidence for rows of home_win, draw, away_win: an outcome of at least one half, else the likeliest double chance.

    >>> choose(pd.DataFrame({"home_win": [0.6, 0.4], "draw": [0.25, 0.25], "away_win": [0.15, 0.35]})).pick.tolist()
    ['home', 'home_or_away']
    """
    single = pd.DataFrame({name: chances[column] for name, column in SINGLES.items()})
    double = pd.DataFrame({name: single[list(parts)].sum(axis=1) for name, parts in DOUBLES.items()})
    sure = single.max(axis=1) >= SINGLE_FROM
    return pd.DataFrame(
        {
            "pick": single.idxmax(axis=1).where(sure, double.idxmax(axis=1)),
            "confidence": single.max(axis=1).where(sure, double.max(axis=1)),
        }
    )


def hit(pick: pd.Series, outcome: pd.Series) -> pd.Series:
    """Return whether each pick covers what happened.

    >>> hit(pd.Series(["home_or_draw", "away"]), pd.Series(["draw", "home"])).tolist()
    [True, False]
    """
    covered = [happened in COVERS[chosen] for chosen, happened in zip(pick, outcome, strict=True)]
    return pd.Series(covered, index=pick.index, dtype=bool)


def reason(match: Mapping[Hashable, Any]) -> str:
    """Say in words what speaks for the pick of one match: strength, goals, and how both clubs have fared."""
    return "; ".join([_strength(match), _goals(match), *_fared(match)]) + "."


def _strength(match: Mapping[Hashable, Any]) -> str:
    points = round(match["elo_difference"])
    if abs(points) < EVEN_ELO:
        return "Clubs of about equal strength"
    return f"{match['home'] if points > 0 else match['away']} stronger by {abs(points)} Elo points"


def _goals(match: Mapping[Hashable, Any]) -> str:
    home, away = match["expected_home_goals"], match["expected_away_goals"]
    return f"{home:.1f} to {away:.1f} goals expected"


def _fared(match: Mapping[Hashable, Any]) -> list[str]:
    home, away = round(match["home_wins_at_home"]), round(match["away_wins_away"])
    told = []
    if match["pick"] in {"home", "home_or_draw"} and home >= GOOD_RUN:
        told.append(f"{match['home']} won {home} of the last 5 at home")
    if match["pick"] in {"away", "draw_or_away"} and away >= GOOD_RUN:
        told.append(f"{match['away']} won {away} of the last 5 away")
    if match["pick"] == "home_or_away":
        told.append(f"a draw has {match['draw']:.0%}")
    return told
