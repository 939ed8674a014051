"""The best neighbours of many games without comparing all pairs: only blocks that could hold a better one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from almanac.workloads.games.encoding import Array, Encoded, Rows

BLOCK = 512
WORKERS = 2
# Bounds and scores are sums in another order; a bound a little too low must not lose a neighbour.
ROUNDING_MARGIN = np.float32(1.00001)

ShortRows = npt.NDArray[np.int32]
# Sets scores (a row per game of the first rows, a column per game of the second) below 0 where a list may not
# have them.
Exclude = Callable[[Array, Rows, Rows], None]


class Best(NamedTuple):
    """Some games, and rows and scores of the best neighbours of each, in no order; a score of 0 is none."""

    rows: Rows
    neighbours: ShortRows
    scores: Array


class _Bounds(NamedTuple):
    """The greatest value of each column in each block (a column per block)."""

    dense: Array
    sparse: sparse.csr_matrix

    def of(self, dense: Array, rare: sparse.csr_matrix) -> Array:
        """Return a score that no game of a block (column) exceeds for each of some games (row)."""
        bounds: Array = dense @ self.dense + (rare @ self.sparse).toarray()
        return bounds


class SimilarityScorer:
    """Scores the games of a catalogue by their mean similarity to those of a history, times their prior.

    `kinds` is equal for games of much the same content; it only decides how fast the best are found.
    """

    def __init__(self, encoded: Encoded, prior: Array, kinds: Rows) -> None:
        self.encoded, self.prior = encoded, prior
        order = np.lexsort((kinds, _bands(prior)))
        starts = range(0, len(order), BLOCK)
        self.blocks = [_Block(encoded, prior, order[start : start + BLOCK]) for start in starts]

    def __call__(self, histories: sparse.csr_matrix) -> Array:
        """Return a score for every game (a column) and history (a row of weights that add up to 1)."""
        similarity = self.encoded.mean_similarity(histories)
        return np.asarray(similarity * self.prior, dtype=np.float32)

    def best(self, count: int, exclude: Exclude) -> Iterator[Best]:
        """Yield the `count` best neighbours, some games at a time, for every game once.

        No column of a game is negative, so the greatest values of a block bound the score of every game in
        it. A block is skipped where its bound is lower than the scores so far; the result is that of
        comparing all pairs.
        """
        best_of = partial(self._best, self._bounds(), count, exclude)
        with threadpool_limits(limits=1), ThreadPoolExecutor(WORKERS) as workers:
            yield from workers.map(best_of, self.blocks)

    def _bounds(self) -> _Bounds:
        dense = np.stack([block.dense.max(axis=1) for block in self.blocks], axis=1)
        rare = sparse.hstack([block.sparse.max(axis=1) for block in self.blocks]).tocsr()
        return _Bounds(dense * ROUNDING_MARGIN, rare * ROUNDING_MARGIN)

    def _best(self, bounds: _Bounds, count: int, exclude: Exclude, games: "_Block") -> Best:
        dense, rare = self.encoded.dense[games.rows], self.encoded.sparse[games.rows]
        block_bounds = bounds.of(dense, rare)
        top = _TopScores(len(games.rows), count)
        for number in np.argsort(-block_bounds.mean(axis=0)):
            hopeful = np.flatnonzero(block_bounds[:, number] > top.least)
            if len(hopeful):
                block = self.blocks[number]
                scores = block.scores(dense[hopeful], rare[hopeful])
                exclude(scores, games.rows[hopeful], block.rows)
                top.add(hopeful, scores, block.rows)
        return Best(games.rows, top.neighbours, top.scores)


def _bands(prior: Array) -> Rows:
    """Return the band of the prior for each game, the highest first."""
    count = max(round(np.sqrt(len(prior) / BLOCK) / 2), 1)
    ranks = np.empty(len(prior), dtype=np.int64)
    ranks[np.argsort(-prior, kind="stable")] = np.arange(len(prior))
    bands: Rows = ranks * count // max(len(prior), 1)
    return bands


class _Block:
    """Some games as columns, times their prior."""

    def __init__(self, encoded: Encoded, prior: Array, rows: Rows) -> None:
        self.rows = rows
        self.dense = np.ascontiguousarray((encoded.dense[rows] * prior[rows, np.newaxis]).T)
        self.sparse = (sparse.diags(prior[rows]) @ encoded.sparse[rows]).T.tocsr()

    def scores(self, dense: Array, rare: sparse.csr_matrix) -> Array:
        scores: Array = dense @ self.dense
        rare_scores = (rare @ self.sparse).tocoo()
        scores[rare_scores.row, rare_scores.col] += rare_scores.data
        return scores


class _TopScores:
    """The best neighbours so far: `count` rows and scores for each game, and the least of these scores."""

    def __init__(self, games: int, count: int) -> None:
        self.neighbours = np.zeros((games, count), dtype=np.int32)
        self.scores = np.zeros((games, count), dtype=np.float32)
        self.least = np.zeros(games, dtype=np.float32)

    def add(self, games: Rows, scores: Array, rows: Rows) -> None:
        """Replace lesser scores of some of the games by those of the neighbours `rows` (columns)."""
        game, column = np.nonzero(scores > self.least[games, np.newaxis])
        if not len(game):
            return
        counts = np.bincount(game, minlength=len(games))
        has_better = counts > 0
        place = (np.cumsum(has_better) - 1)[game]
        slot = np.arange(len(game)) - np.repeat(np.cumsum(counts) - counts, counts)
        # Better scores side by side, a row per game that has any; rows with fewer end in zeros.
        better_scores = np.zeros((has_better.sum(), counts.max()), dtype=np.float32)
        better_rows = np.zeros(better_scores.shape, dtype=np.int32)
        better_scores[place, slot] = scores[game, column]
        better_rows[place, slot] = rows[column]
        self._merge(games[has_better], better_scores, better_rows)

    def _merge(self, games: Rows, scores: Array, rows: ShortRows) -> None:
        scores = np.hstack([self.scores[games], scores])
        rows = np.hstack([self.neighbours[games], rows])
        count = self.scores.shape[1]
        best = np.argpartition(scores, scores.shape[1] - count, axis=1)[:, -count:]
        self.scores[games] = np.take_along_axis(scores, best, axis=1)
        self.neighbours[games] = np.take_along_axis(rows, best, axis=1)
        self.least[games] = self.scores[games].min(axis=1)
