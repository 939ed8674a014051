"""The columns of the contract that are made from neighbours: list entries with reasons, titles, pools."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from almanac.workloads.games.contract import AGAINST, CONTENT, PLAYERS, PREDICTIONS, UNLISTED
from almanac.workloads.games.features import LIST_COLUMNS
from almanac.workloads.games.lists.filling import Filled
from almanac.workloads.games.lists.neighbours import Neighbours
from almanac.workloads.games.lists.reasons import FALLBACK, Why

PUBLISHED_LISTS = [name for name in LIST_COLUMNS if name in PREDICTIONS.column_names]
# Of a pool, hundreds of liked games are added up.
DECIMALS, POOL_DECIMALS = 4, 5

# A pair of the pool; the third member is missing where content alone has brought the game.
Pair = tuple[str, float] | tuple[str, float, str]


def describe(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogue with the contract's columns that describe a game: lists, main genre, title key."""
    lists: dict[str, Any] = {name: catalogue[name].map(_parts) for name in PUBLISHED_LISTS}
    main_genres = lists["genres"].map(_main_genre)
    return catalogue.rename(columns={"key": "title_key"}).assign(**lists, main_genre=main_genres)


def _parts(text: str) -> list[str]:
    # The same few words are in thousands of lists; each is stored once.
    return [sys.intern(part) for part in text.split(";") if part]


def _main_genre(genres: list[str]) -> str:
    return genres[0].lower() if genres else ""


def entries(catalogue: pd.DataFrame, lists: list[Filled], why: Why) -> list[list[dict[str, object]]]:
    """Return for each game the entries (game_id, title, score, why, by) of its published list."""
    ids, titles = catalogue["game_id"].tolist(), catalogue["title"].tolist()

    def entry(game: int, other: int, score: float, is_by_players: bool) -> dict[str, object]:
        reason = sys.intern(why(game, other, is_by_players) or FALLBACK)
        by = PLAYERS if is_by_players else CONTENT
        return {"game_id": ids[other], "title": titles[other], "score": score, "why": reason, "by": by}

    lists_of_entries = []
    for game, (rows, scores, by_players, _) in enumerate(_rounded((each.listed for each in lists), DECIMALS)):
        facts = zip(rows, scores, by_players, strict=True)
        lists_of_entries.append([entry(game, *of_other) for of_other in facts])
    return lists_of_entries


def of_pool(catalogue: pd.DataFrame, lists: list[Filled]) -> dict[str, Any]:
    """Return the columns that the search and combined lists use: titles of the ten best, and the pool."""
    return {"recommended_titles": _titles(catalogue, lists), "pool": _pools(catalogue, lists)}


def _titles(catalogue: pd.DataFrame, lists: list[Filled]) -> list[str]:
    titles = catalogue["title"].tolist()
    rows_of = (each.listed.rows.tolist() for each in lists)
    return [" · ".join(titles[row] for row in rows) for rows in rows_of]


def _pools(catalogue: pd.DataFrame, lists: list[Filled]) -> list[list[Pair]]:
    ids = catalogue["game_id"].tolist()
    pools = []
    for each, of_rows in zip(lists, _rounded(lists, POOL_DECIMALS), strict=True):
        rows, scores, by_players, is_listed = of_rows
        names = [ids[row] for row in rows]
        pool = list(map(_pair, names, scores, by_players, is_listed))
        pools.append(pool + _against(ids, each.against))
    return pools


def _against(ids: list[str], against: Neighbours) -> list[Pair]:
    scores = against.scores.astype("float64").round(POOL_DECIMALS).tolist()
    pairs = zip(against.rows.tolist(), scores, strict=True)
    return [(ids[row], score, AGAINST) for row, score in pairs if score < 0]


def _pair(game_id: str, score: float, is_by_players: bool, is_listed: bool) -> Pair:
    if not is_by_players:
        return game_id, score
    return game_id, score, PLAYERS if is_listed else UNLISTED


def _rounded(
    lists: Iterable[Filled], decimals: int
) -> Iterator[tuple[list[int], list[float], list[bool], list[bool]]]:
    """Yield rows, scores, and flags of each list; of millions of scores few differ, each is stored once."""
    stored = dict[float, float]()
    for each in lists:
        exact = each.scores.astype("float64").round(decimals).tolist()
        scores = [stored.setdefault(score, score) for score in exact]
        yield each.rows.tolist(), scores, each.by_players.tolist(), each.is_listed.tolist()
