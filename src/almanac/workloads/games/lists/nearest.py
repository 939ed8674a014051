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
from almanac.workloads.games.lists.overlap import Overlap

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


def greatest(count: int, games: Rows, scores: Array, rows: Rows) -> Best:
    """Return the `count` greatest scores of some games (rows of `scores`) for the games `rows` (columns)."""
    dropped = max(scores.shape[1] - count, 0)
    columns = np.argpartition(scores, dropped, axis=1)[:, dropped:]
    return Best(games, rows[columns].astype(np.int32), np.take_along_axis(scores, columns, axis=1))


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

    With an overlap, the similarity of games that share little of their content counts less. `kinds` is equal
    for games of much the same content; it only decides how fast the best are found.
    """

    def __init__(self, encoded: Encoded, prior: Array, kinds: Rows, overlap: Overlap | None = None) -> None:
        self.encoded, self.prior, self.overlap = encoded, prior, overlap
        order = np.lexsort((kinds, _bands(prior)))
        parts = (order[start : start + BLOCK] for start in range(0, len(order), BLOCK))
        self.blocks = [_Block(encoded, prior, rows) for rows in parts]
        self.columns = [overlap.columns_of(block.rows) for block in self.blocks] if overlap else []

    def __call__(self, histories: sparse.csr_matrix) -> Array:
        """Return a score for every game (a column) and history (a row of weights that add up to 1)."""
        scores = self.encoded.mean_similarity(histories) * self.prior
        if self.overlap:
            scores *= self.overlap.of_histories(histories)
        return np.asarray(scores, dtype=np.float32)

    def best(self, count: int, exclude: Exclude) -> Iterator[Best]:
        """Yield the `count` best neighbours, some games at a time, for every game once.

        No column of a game is negative, so the greatest values of a block bound the score of every game in
        it; an overlap, at most 1, only lowers it. A block is skipped where its bound is lower than the scores
        so far; the result is that of comparing all pairs.
        """
        best_of = partial(self._best, self._bounds(), count, exclude)
        with threadpool_limits(limits=1), ThreadPoolExecutor(WORKERS) as workers:
            yield from workers.map(best_of, self.blocks)

    def _bounds(self) -> _Bounds:
        dense = [block.dense.max(axis=1) for block in self.blocks]
        rare = [block.sparse.max(axis=1) for block in self.blocks]
        bounds = np.stack(dense, axis=1), sparse.hstack(rare).tocsr()
        return _Bounds(bounds[0] * ROUNDING_MARGIN, bounds[1] * ROUNDING_MARGIN)

    def _best(self, bounds: _Bounds, count: int, exclude: Exclude, own: "_Block") -> Best:
        dense, rare = self.encoded.dense[own.rows], self.encoded.sparse[own.rows]
        of_blocks = bounds.of(dense, rare)
        top = _TopScores(len(own.rows), count)
        most_promising_first = np.argsort(-of_blocks.mean(axis=0))
        for number in most_promising_first:
            games = np.flatnonzero(of_blocks[:, number] > top.least)
            if len(games):
                block = self.blocks[number]
                scores = block.scores(dense[games], rare[games])
                if self.overlap:
                    scores *= self.overlap.of_rows(own.rows[games], self.columns[number])
                exclude(scores, own.rows[games], block.rows)
                top.add(games, scores, block.rows)
        return Best(own.rows, top.neighbours, top.scores)


def _bands(prior: Array) -> Rows:
    """Return the band of the prior for each game, the highest first."""
    blocks = len(prior) / BLOCK
    count = max(round(np.sqrt(blocks) / 2), 1)
    bands: Rows = _ranks(prior) * count // max(len(prior), 1)
    return bands


def _ranks(prior: Array) -> Rows:
    ranks = np.empty(len(prior), dtype=np.int64)
    ranks[np.argsort(-prior, kind="stable")] = np.arange(len(prior))
    return ranks


class _Block:
    """Some games as columns, times their prior."""

    def __init__(self, encoded: Encoded, prior: Array, rows: Rows) -> None:
        self.rows = rows
        factors = prior[rows]
        dense = encoded.dense[rows] * factors[:, np.newaxis]
        rare = sparse.diags(factors) @ encoded.sparse[rows]
        self.dense, self.sparse = np.ascontiguousarray(dense.T), rare.T.tocsr()

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
        is_better = scores > self.least[games][:, np.newaxis]
        game, column = np.nonzero(is_better)
        if not len(game):
            return
        counts = np.bincount(game, minlength=len(games))
        has_better = counts > 0
        places = (np.cumsum(has_better) - 1)[game], _places_in_runs(counts)
        # Better scores side by side, a row per game that has any; rows with fewer end in zeros.
        better_scores = np.zeros((has_better.sum(), counts.max()), dtype=np.float32)
        better_rows = np.zeros(better_scores.shape, dtype=np.int32)
        better_scores[places] = scores[game, column]
        better_rows[places] = rows[column]
        self._merge(games[has_better], better_scores, better_rows)

    def _merge(self, games: Rows, better_scores: Array, better_rows: ShortRows) -> None:
        scores = np.hstack([self.scores[games], better_scores])
        rows = np.hstack([self.neighbours[games], better_rows])
        dropped = better_scores.shape[1]
        best = np.argpartition(scores, dropped, axis=1)[:, dropped:]
        self.scores[games] = np.take_along_axis(scores, best, axis=1)
        self.neighbours[games] = np.take_along_axis(rows, best, axis=1)
        self.least[games] = self.scores[games].min(axis=1)


def _places_in_runs(counts: Rows) -> Rows:
    """Return 0, 1, 2 … for each of some runs with these lengths."""
    starts = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(starts, counts)
