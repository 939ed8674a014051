"""The columns of the contract that are made from neighbours: list entries with reasons, titles, pools."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from almanac.workloads.games.contract import LISTED, POOL, PREDICTIONS
from almanac.workloads.games.features import LIST_COLUMNS
from almanac.workloads.games.lists.neighbours import Neighbours
from almanac.workloads.games.lists.reasons import FALLBACK, Why

PUBLISHED_LISTS = [name for name in LIST_COLUMNS if name in PREDICTIONS.column_names]
DECIMALS = 4


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


def entries(catalogue: pd.DataFrame, lists: list[Neighbours], why: Why) -> list[list[dict[str, object]]]:
    """Return for each game the entries (game_id, title, score, why) of its ten best neighbours."""
    ids, titles = catalogue["game_id"].tolist(), catalogue["title"].tolist()

    def entry(game: int, other: int, score: float) -> dict[str, object]:
        reason = sys.intern(why(game, other) or FALLBACK)
        return {"game_id": ids[other], "title": titles[other], "score": score, "why": reason}

    lists_of_entries = []
    for game, pairs in enumerate(_with_scores(lists, LISTED)):
        lists_of_entries.append([entry(game, other, score) for other, score in pairs])
    return lists_of_entries


def of_pool(catalogue: pd.DataFrame, lists: list[Neighbours]) -> dict[str, Any]:
    """Return the columns that the search and combined lists use: titles of the ten best, and the pool."""
    return {"recommended_titles": _titles(catalogue, lists), "pool": _pools(catalogue, lists)}


def _titles(catalogue: pd.DataFrame, lists: list[Neighbours]) -> list[str]:
    titles = catalogue["title"].tolist()
    rows_of = (neighbours.rows[:LISTED].tolist() for neighbours in lists)
    return [" · ".join(titles[row] for row in rows) for rows in rows_of]


def _pools(catalogue: pd.DataFrame, lists: list[Neighbours]) -> list[list[tuple[str, float]]]:
    ids = catalogue["game_id"].tolist()
    return [[(ids[row], score) for row, score in pairs] for pairs in _with_scores(lists, POOL)]


def _with_scores(lists: list[Neighbours], count: int) -> Iterator[list[tuple[int, float]]]:
    # There are millions of scores, but few different ones; each is stored once.
    stored = dict[float, float]()
    for neighbours in lists:
        exact = neighbours.scores[:count].astype(np.float64)
        scores = (stored.setdefault(score, score) for score in exact.round(DECIMALS).tolist())
        yield list(zip(neighbours.rows[:count].tolist(), scores, strict=True))
