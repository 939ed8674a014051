"""One suggested pick per match with its confidence and its reason in words; no betting advice."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.football.contract import CHANCE_COLUMNS

SINGLE_FROM = 0.5
DOUBLES = {
    "home_or_draw": ("home", "draw"),
    "home_or_away": ("home", "away"),
    "draw_or_away": ("draw", "away"),
}
COVERS = {**{single: (single,) for single in CHANCE_COLUMNS}, **DOUBLES}
EVEN_ELO = 25
GOOD_RUN = 3

Match = Mapping[Hashable, Any]


def choose(chances: pd.DataFrame) -> pd.DataFrame:
    """Return pick and confidence for rows of home_win, draw, away_win.

    The pick is an outcome with a chance of at least one half, else the most likely double chance.

    >>> chances = pd.DataFrame({"home_win": [0.6, 0.4], "draw": [0.25, 0.25], "away_win": [0.15, 0.35]})
    >>> choose(chances).pick.tolist()
    ['home', 'home_or_away']
    """
    single = pd.DataFrame({name: chances[column] for name, column in CHANCE_COLUMNS.items()})
    double = pd.DataFrame({name: single[list(parts)].sum(axis=1) for name, parts in DOUBLES.items()})
    is_sure = single.max(axis=1) >= SINGLE_FROM
    pick = single.idxmax(axis=1).where(is_sure, double.idxmax(axis=1))
    confidence = single.max(axis=1).where(is_sure, double.max(axis=1))
    return pd.DataFrame({"pick": pick, "confidence": confidence})


def hit(pick: pd.Series, outcome: pd.Series) -> pd.Series:
    """Return whether each pick covers the outcome.

    >>> hit(pd.Series(["home_or_draw", "away"]), pd.Series(["draw", "home"])).tolist()
    [True, False]
    """
    covered = [result in COVERS[chosen] for chosen, result in zip(pick, outcome, strict=True)]
    return pd.Series(covered, index=pick.index, dtype=bool)


def reason(match: Match) -> str:
    """Say in words what supports the pick of one match: strength, goals, and recent results of both clubs."""
    parts = [_strength(match), _goals(match), *_recent_results(match)]
    return "; ".join(parts) + "."


def _strength(match: Match) -> str:
    points = round(match["elo_difference"])
    if abs(points) < EVEN_ELO:
        return "Clubs of about equal strength"
    stronger = match["home"] if points > 0 else match["away"]
    return f"{stronger} stronger by {abs(points)} Elo points"


def _goals(match: Match) -> str:
    home, away = match["expected_home_goals"], match["expected_away_goals"]
    return f"{home:.1f} to {away:.1f} goals expected"


def _recent_results(match: Match) -> list[str]:
    home_wins = round(match["home_wins_at_home"])
    away_wins = round(match["away_wins_away"])
    results = []
    if match["pick"] in {"home", "home_or_draw"} and home_wins >= GOOD_RUN:
        results.append(f"{match['home']} won {home_wins} of the last 5 at home")
    if match["pick"] in {"away", "draw_or_away"} and away_wins >= GOOD_RUN:
        results.append(f"{match['away']} won {away_wins} of the last 5 away")
    if match["pick"] == "home_or_away":
        results.append(f"a draw has {match['draw']:.0%}")
    return results
