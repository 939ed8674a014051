"""Which games of IGDB are which of the Steam catalogue, and the two made one."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.games.shared.spelling import title_key
from almanac.workloads.games.sources import games

LINK_COLUMNS = ["row", "steam_id", "is_other_kind", "is_same_title", "reviews"]


def merge(catalogue: pd.DataFrame, igdb_games: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogue with the games of IGDB; only games that IGDB links to a Steam id become one row.

    Of a game in both, the Steam row keeps its id, title and reviews, and gets the themes, platforms and
    makers that it lacks.
    """
    links = _links(catalogue, igdb_games)
    chosen = links[links["is_chosen"]].set_index("steam_id")
    linked = igdb_games.loc[chosen["row"]].set_index(chosen.index)
    ours = catalogue[catalogue["game_id"].isin(linked.index)]
    theirs = linked.reindex(ours["game_id"]).set_index(ours.index)
    complete = catalogue.copy()
    complete.loc[ours.index] = games.enriched(ours, theirs)
    new = igdb_games[~igdb_games.index.isin(links["row"])]
    return pd.concat([complete, new[catalogue.columns]], ignore_index=True)


def shared(catalogue: pd.DataFrame, igdb_games: pd.DataFrame) -> pd.DataFrame:
    """Return the games of IGDB that are left out, since another one has their Steam id, as refused rows."""
    links = _links(catalogue, igdb_games)
    left_out = links[~links["is_chosen"]]
    rows = igdb_games.loc[left_out["row"], ["game_id", "title"]].to_numpy().tolist()
    reasons = (f"another game of IGDB has {steam_id} too" for steam_id in left_out["steam_id"])
    pairs = zip(rows, reasons, strict=True)
    return games.skipped(
        (games.SILENT, 0, reason, f"{game_id} {title}") for (game_id, title), reason in pairs
    )


def _links(catalogue: pd.DataFrame, igdb_games: pd.DataFrame) -> pd.DataFrame:
    """Return which games of IGDB (`row`) are which of the catalogue (`steam_id`), and which are chosen.

    Of several Steam ids of a game, that of the same title is meant, otherwise the first that the catalogue
    has. Of several games with one Steam id, a main game with the same title is chosen, otherwise a main game.
    """
    keys = dict(zip(catalogue["game_id"], catalogue["title"].map(title_key), strict=True))
    rows = [_link(row, game, keys) for row, game in igdb_games.iterrows()]
    links = pd.DataFrame(list(filter(None, rows)), columns=LINK_COLUMNS)
    best = links.sort_values(LINK_COLUMNS[2:], ascending=[True, False, False], kind="stable")
    is_chosen = ~best.duplicated("steam_id")
    return links.assign(is_chosen=is_chosen.reindex(links.index).astype(bool))


def _link(row: Any, game: pd.Series, keys: Mapping[str, str]) -> tuple[Any, str, bool, bool, int] | None:
    ids = str(game.get("steam_ids") or game["steam_id"] or "").split(";")
    present = [steam_id for steam_id in ids if steam_id in keys]
    if not present:
        return None
    key = title_key(game["title"])
    steam_id = next((steam_id for steam_id in present if keys[steam_id] == key), present[0])
    is_other_kind = bool(game.get("game_type", 0))
    return row, steam_id, is_other_kind, keys[steam_id] == key, int(game["reviews"])
