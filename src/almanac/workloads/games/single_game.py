"""One game that somebody names by its title or id, for `almanac predict-one games`."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from almanac.errors import UsageError
from almanac.fields import printable
from almanac.workloads.games.sources.game_index import GameIndex

INPUTS = ("title", "game_id")
EXAMPLE = "Write title='Portal 2' or game_id=steam:620."


def id_of(games: pd.DataFrame, inputs: Mapping[str, str]) -> str:
    """Return the id of the game `title=…` or `game_id=…`; raises UsageError where no game is meant."""
    unknown = sorted(set(inputs) - set(INPUTS))
    if unknown:
        names = ", ".join(f"'{printable(name)}'" for name in unknown)
        raise UsageError(f"A game has no {names}; its inputs are title or game_id. {EXAMPLE}")
    if len(inputs) != 1:
        raise UsageError(f"A game needs a title or a game_id, one of both. {EXAMPLE}")
    index = GameIndex.of(games)
    game_id, title = inputs.get("game_id", ""), inputs.get("title", "")
    meant = index.game_of("", title) if title else next((each for each in index.ids if each == game_id), None)
    if meant is None:
        raise UsageError(_unknown(game_id or title, index.nearest(title)))
    return meant


def first(catalogue: pd.DataFrame, game_id: str, day: date) -> pd.DataFrame:
    """Return the catalogue of a day with one game before the others; raises UsageError where it lacks it."""
    is_meant = catalogue["game_id"] == game_id
    if not is_meant.any():
        raise UsageError(f"'{game_id}' was not released before {day}. Try a later --data-as-of.")
    return pd.concat([catalogue[is_meant], catalogue[~is_meant]], ignore_index=True)


def _unknown(name: str, nearest: list[str]) -> str:
    titles = ", ".join(f"'{printable(title)}'" for title in nearest)
    way_out = f"Nearest: {titles}." if titles else EXAMPLE
    return f"No game is called '{printable(name)}'. {way_out}"
