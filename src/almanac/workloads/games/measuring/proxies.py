"""Proxies, measured without plays: they show that lists make sense, not that players like them."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone

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
    model: Content = clone(content).set_params(weights=weights)
    return model.fit(catalogue)


def cases(catalogue: pd.DataFrame, *, seed: int, most: int = MOST_CASES) -> Rows:
    """Return rows of games with another game of their series by the same developer or publisher."""
    counts = np.array([len(mates) for mates in mates_of(catalogue)])
    rows = np.flatnonzero(counts)
    if len(rows) <= most:
        return rows
    sample = np.random.default_rng(seed).choice(rows, most, replace=False)
    return np.sort(sample)


def mates_of(catalogue: pd.DataFrame) -> list[list[int]]:
    """Return for each game the rows of the other works of its series by the same developer or publisher."""
    mates: list[list[int]] = [[] for _ in range(len(catalogue))]
    games = catalogue[["work", "developer", "publisher"]].fillna("").to_numpy().tolist()
    for name, rows in catalogue.groupby("series").indices.items():
        for row in rows if str(name) else ():
            are_mates = partial(_are_mates, games[row])
            mates[row] = [int(other) for other in rows if are_mates(games[other])]
    return mates


def _are_mates(one: list[str], other: list[str]) -> bool:
    (work, developer, publisher), (other_work, other_developer, other_publisher) = one, other
    if work == other_work:
        return False
    return _is_same(developer, other_developer) or _is_same(publisher, other_publisher)


def _is_same(firm: str, other: str) -> bool:
    return bool(firm) and firm == other


def series_shares(catalogue: pd.DataFrame, scorer: Scorer, rows: Rows) -> Floats:
    """Return for each case the share of its series among its ten best, divided by the most there could be."""
    mates = mates_of(catalogue)
    lists = top_lists(scorer, single_histories(rows, len(catalogue)))
    pairs = zip(rows, lists.tolist(), strict=True)
    return np.array([_share(mates[row], games) for row, games in pairs])


def _share(mates: list[int], games: list[int]) -> float:
    hits = set(mates).intersection(games)
    return len(hits) / min(len(mates), LISTED)


def series_found(content: Content, catalogue: pd.DataFrame, *, seed: int) -> tuple[Floats, Floats]:
    """Return the shares of content without title and makers, and of popularity, on the same cases."""
    rows = cases(catalogue, seed=seed)
    popularity = Popularity().fit(catalogue)
    scorers = [model.scorer(catalogue) for model in (blind(content, catalogue), popularity)]
    ours, theirs = (series_shares(catalogue, scorer, rows) for scorer in scorers)
    return ours, theirs
