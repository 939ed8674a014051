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
    lists: dict[str, Any] = {name: [_parts(text) for text in catalogue[name]] for name in PUBLISHED_LISTS}
    main_genres = [genres[0].lower() if genres else "" for genres in lists["genres"]]
    return catalogue.rename(columns={"key": "title_key"}).assign(**lists, main_genre=main_genres)


def _parts(text: str) -> list[str]:
    # The same few words are in thousands of lists; each is stored once.
    return [sys.intern(part) for part in text.split(";") if part]


def entries(catalogue: pd.DataFrame, lists: list[Neighbours], why: Why) -> list[list[dict[str, object]]]:
    """Return for each game the entries (game_id, title, score, why) of its ten best neighbours."""
    ids, titles = catalogue["game_id"].tolist(), catalogue["title"].tolist()

    def entry(game: int, other: int, score: float) -> dict[str, object]:
        reason = sys.intern(why(game, other) or FALLBACK)
        return {"game_id": ids[other], "title": titles[other], "score": score, "why": reason}

    scored = enumerate(_with_scores(lists, LISTED))
    return [[entry(game, other, score) for other, score in pairs] for game, pairs in scored]


def titles(catalogue: pd.DataFrame, lists: list[Neighbours]) -> list[str]:
    """Return for each game the titles of its ten best neighbours as one text."""
    names = catalogue["title"].tolist()
    rows_of = (neighbours.rows[:LISTED].tolist() for neighbours in lists)
    return [" · ".join(names[row] for row in rows) for rows in rows_of]


def pools(catalogue: pd.DataFrame, lists: list[Neighbours]) -> list[list[tuple[str, float]]]:
    """Return for each game the ids and scores of its POOL best neighbours."""
    ids = catalogue["game_id"].tolist()
    return [[(ids[row], score) for row, score in pairs] for pairs in _with_scores(lists, POOL)]


def _with_scores(lists: list[Neighbours], count: int) -> Iterator[list[tuple[int, float]]]:
    # There are millions of scores, but few different ones; each is stored once.
    stored = dict[float, float]()
    for neighbours in lists:
        scores = neighbours.scores[:count].astype(np.float64).round(DECIMALS).tolist()
        rows = neighbours.rows[:count].tolist()
        yield [(row, stored.setdefault(score, score)) for row, score in zip(rows, scores, strict=True)]
