"""The served lists as a recommender: published pools, combined as the server does it for liked games."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse

from almanac.workloads.games.contract import PLAYERS
from almanac.workloads.games.encoding import Array, Scorer

# Row of the liked game, row of its neighbour, score, and whether a list may have it.
Entry = tuple[int, int, float, bool]


def scorer(predictions: pd.DataFrame) -> Scorer:
    """Return the scorer of published predictions, in the order of their rows."""
    entries = list(_entries(predictions))
    pools = _matrix(entries, len(predictions))
    lists = _matrix([entry for entry in entries if entry[3]], len(predictions))

    def score(histories: sparse.csr_matrix) -> Array:
        is_single = np.diff(histories.indptr) == 1
        scores = (histories @ pools).toarray()
        scores[is_single] = (histories[is_single] @ lists).toarray()
        return np.asarray(scores, dtype=np.float32)

    return score


def _entries(predictions: pd.DataFrame) -> Iterator[Entry]:
    row_of = dict(zip(predictions["game_id"], range(len(predictions)), strict=True))
    for row, pool in enumerate(predictions["pool"]):
        for game_id, score, *mark in pool:
            yield row, row_of[game_id], score, mark in ([], [PLAYERS])


def _matrix(entries: list[Entry], size: int) -> sparse.csr_matrix:
    rows, columns, scores = ([entry[place] for entry in entries] for place in range(3))
    return sparse.csr_matrix((scores, (rows, columns)), shape=(size, size), dtype=np.float32)
