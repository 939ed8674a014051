"""Proxies, measured without plays: they show that lists make sense, not that players like them."""

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.games.content import Content, Popularity
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.encoding import NAME_FIELDS, Rows, Scorer
from almanac.workloads.games.evaluation import top_lists
from almanac.workloads.games.played import single_histories

MOST_CASES = 1000


def blind(content: Content, catalogue: pd.DataFrame) -> Content:
    """Return the same model fitted without title and makers, which would give a series away."""
    weights = {name: share for name, share in content.weights.items() if name not in NAME_FIELDS}
    return Content(weights=weights, fame=content.fame, praise=content.praise).fit(catalogue)


def cases(catalogue: pd.DataFrame, *, seed: int, most: int = MOST_CASES) -> Rows:
    """Return rows of games with another game of their series by the same developer or publisher."""
    rows = np.array([row for row, mates in enumerate(mates_of(catalogue)) if mates], dtype=np.int64)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def mates_of(catalogue: pd.DataFrame) -> list[list[int]]:
    """Return for each game the rows of the other works of its series by the same developer or publisher."""
    mates: list[list[int]] = [[] for _ in range(len(catalogue))]
    columns = [catalogue[name].fillna("").tolist() for name in ("work", "developer", "publisher")]
    for name, rows in catalogue.groupby("series").indices.items():
        if not str(name):
            continue
        for row in rows:
            mates[row] = [int(other) for other in rows if _are_mates(columns, row, other)]
    return mates


def _are_mates(columns: list[list[str]], one: int, other: int) -> bool:
    works, developers, publishers = columns
    if works[one] == works[other]:
        return False
    return any(names[one] and names[one] == names[other] for names in (developers, publishers))


def series_shares(catalogue: pd.DataFrame, scorer: Scorer, rows: Rows) -> Floats:
    """Return for each case the share of its series among its ten best, divided by the most there could be."""
    mates = mates_of(catalogue)
    lists = top_lists(scorer, single_histories(rows, len(catalogue)))
    shares = [_share(mates[row], games) for row, games in zip(rows, lists.tolist(), strict=True)]
    return np.array(shares)


def _share(mates: list[int], games: list[int]) -> float:
    return len(set(mates) & set(games)) / min(len(mates), LISTED)


def series_found(content: Content, catalogue: pd.DataFrame, *, seed: int) -> tuple[Floats, Floats]:
    """Return the shares of content without title and makers, and of popularity, on the same cases."""
    rows = cases(catalogue, seed=seed)
    popularity = Popularity().fit(catalogue)
    scorers = [model.scorer(catalogue) for model in (blind(content, catalogue), popularity)]
    ours, theirs = (series_shares(catalogue, scorer, rows) for scorer in scorers)
    return ours, theirs
