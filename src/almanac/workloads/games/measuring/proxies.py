"""What can be measured where nobody's plays are known. These are proxies: they show that lists make sense, not that players like them."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.games.content import Content, Popularity, Scorer
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.encoding import NAMED
from almanac.workloads.games.played import own_histories

CHUNK = 256
MOST_CASES = 1000


def blind(content: Content, catalogue: pd.DataFrame) -> Content:
    """Return the same model fitted without title and makers, which would give a series away."""
    weights = {name: share for name, share in content.weights.items() if name not in NAMED}
    return Content(weights=weights, fame=content.fame, praise=content.praise).fit(catalogue)


def cases(catalogue: pd.DataFrame, *, seed: int, most: int = MOST_CASES) -> npt.NDArray[np.int64]:
    """Return rows of games of which another of the same series, by the same developer or publisher, is known."""
    rows = np.array([row for row, mates in enumerate(mates_of(catalogue)) if mates], dtype=np.int64)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return rows


def mates_of(catalogue: pd.DataFrame) -> list[list[int]]:
    """Return for each game the rows of the others of its series; editions of the same work are none."""
    mates: list[list[int]] = [[] for _ in range(len(catalogue))]
    columns = [catalogue[name].fillna("").tolist() for name in ("work", "developer", "publisher")]
    for name, rows in catalogue.groupby("series").indices.items():
        for row in rows if str(name) else ():
            mates[row] = [int(other) for other in rows if other != row and _belong(columns, row, int(other))]
    return mates


def _belong(columns: list[list[str]], one: int, other: int) -> bool:
    works, developers, publishers = columns
    same_maker = bool(developers[one]) and developers[one] == developers[other]
    return works[one] != works[other] and (
        same_maker or (bool(publishers[one]) and publishers[one] == publishers[other])
    )


def found(catalogue: pd.DataFrame, scorer: Scorer, rows: npt.NDArray[np.int64]) -> Floats:
    """Return for each case the share of its series among its ten best, of as many as could be there."""
    mates = mates_of(catalogue)
    shares = list[float]()
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        scores = scorer(own_histories(part, len(catalogue)))
        scores[np.arange(len(part)), part] = -np.inf
        best = np.argpartition(-scores, LISTED - 1, axis=1)[:, :LISTED]
        shares += [
            len(set(mates[row]) & set(top.tolist())) / min(len(mates[row]), LISTED)
            for row, top in zip(part, best, strict=True)
        ]
    return np.array(shares)


def series_found(content: Content, catalogue: pd.DataFrame, *, seed: int) -> tuple[Floats, Floats]:
    """Return the shares of series found by content with title and makers hidden, and by popularity, on the same cases."""
    rows = cases(catalogue, seed=seed)
    ours = found(catalogue, blind(content, catalogue).on(catalogue), rows)
    return ours, found(catalogue, Popularity().fit(catalogue).on(catalogue), rows)
