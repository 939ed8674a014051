"""The best neighbours of many games without comparing all pairs: blocks of games alike, and only those blocks that could hold a better one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from almanac.workloads.games.encoding import Array, Encoded

BLOCK = 512
WORKERS = 2
# Bounds and scores are sums in another order; a bound this little too low may not lose a neighbour.
SAFE = np.float32(1.00001)

Places = npt.NDArray[np.int64]
Short = npt.NDArray[np.int32]
# Some games, and for each the places and scores of its best, in no order; a score of 0 is none.
Found = tuple[Places, Short, Array]
# Sets the scores (a row per game of the first places, a column per game of the second) that may not be in lists to less than 0.
Hide = Callable[[Array, Places, Places], None]


class Alike:
    """Scores the games of a catalogue by their mean similarity to those of a history, times their prior.

    `kinds` is the same for games that are much alike; it only decides how fast the best are found.
    """

    def __init__(self, encoded: Encoded, prior: Array, kinds: Places) -> None:
        self.encoded, self.prior = encoded, prior
        order = np.lexsort((kinds, _bands(prior)))
        self.blocks = [
            _Block(encoded, prior, order[start : start + BLOCK]) for start in range(0, len(order), BLOCK)
        ]

    def __call__(self, histories: sparse.csr_matrix) -> Array:
        """Return a score for every game (a column) and history (a row of weights that add up to 1)."""
        return np.asarray(self.encoded.likeness(histories) * self.prior, dtype=np.float32)

    def best(self, count: int, hide: Hide) -> Iterator[Found]:
        """Yield the `count` best for some games after the other, until each game has had its turn.

        No part of a game is negative, so the greatest values of a block give the most that any game in it can score. A block is left
        out where that is less than what was found already: the lists are those that comparing all pairs gives.
        """
        most = np.stack([block.dense.max(axis=1) for block in self.blocks], axis=1) * SAFE
        most_rare = sparse.hstack([block.sparse.max(axis=1) for block in self.blocks]).tocsr() * SAFE
        with threadpool_limits(limits=1), ThreadPoolExecutor(WORKERS) as workers:
            yield from workers.map(
                lambda block: self._best(block, (most, most_rare), count, hide), self.blocks
            )

    def _best(self, asked: "_Block", most: tuple[Array, sparse.csr_matrix], count: int, hide: Hide) -> Found:
        dense, rare = self.encoded.dense[asked.places], self.encoded.sparse[asked.places]
        bounds = dense @ most[0] + (rare @ most[1]).toarray()
        found = _Best(len(asked.places), count)
        for number in np.argsort(-bounds.mean(axis=0)):
            left = np.flatnonzero(bounds[:, number] > found.least)
            if len(left):
                block = self.blocks[number]
                scores = block.scores(dense[left], rare[left])
                hide(scores, asked.places[left], block.places)
                found.take(left, scores, block.places)
        return asked.places, found.places, found.scores


def _bands(prior: Array) -> Places:
    """Return which band of the prior each game stands in, the highest first: as many bands as make blocks alike in both ways."""
    bands = max(round(np.sqrt(len(prior) / BLOCK) / 2), 1)
    ranks = np.empty(len(prior), dtype=np.int64)
    ranks[np.argsort(-prior, kind="stable")] = np.arange(len(prior))
    found: Places = ranks * bands // max(len(prior), 1)
    return found


class _Block:
    """Some candidates side by side, their columns times their prior."""

    def __init__(self, encoded: Encoded, prior: Array, places: Places) -> None:
        self.places = places
        self.dense = np.ascontiguousarray((encoded.dense[places] * prior[places, np.newaxis]).T)
        self.sparse = (sparse.diags(prior[places]) @ encoded.sparse[places]).T.tocsr()

    def scores(self, dense: Array, rare: sparse.csr_matrix) -> Array:
        scores: Array = dense @ self.dense
        told = (rare @ self.sparse).tocoo()
        scores[told.row, told.col] += told.data
        return scores


class _Best:
    """The best found so far: `count` places and scores for each row, and the least of these."""

    def __init__(self, rows: int, count: int) -> None:
        self.places = np.zeros((rows, count), dtype=np.int32)
        self.scores = np.zeros((rows, count), dtype=np.float32)
        self.least = np.zeros(rows, dtype=np.float32)

    def take(self, rows: Places, scores: Array, places: Places) -> None:
        """Let scores of `places` (columns) for some of the rows take the place of lesser ones."""
        row, column = np.nonzero(scores > self.least[rows, np.newaxis])
        if not len(row):
            return
        counts = np.bincount(row, minlength=len(rows))
        better, at = rows[counts > 0], (np.cumsum(counts > 0) - 1)[row]
        slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        told = np.zeros((len(better), counts.max()), dtype=np.float32)
        whose = np.zeros(told.shape, dtype=np.int32)
        told[at, slot], whose[at, slot] = scores[row, column], places[column]
        self._keep(better, np.hstack([self.scores[better], told]), np.hstack([self.places[better], whose]))

    def _keep(self, rows: Places, scores: Array, places: Short) -> None:
        count = self.scores.shape[1]
        chosen = np.argpartition(scores, scores.shape[1] - count, axis=1)[:, -count:]
        self.scores[rows], self.places[rows] = (
            np.take_along_axis(scores, chosen, axis=1),
            np.take_along_axis(places, chosen, axis=1),
        )
        self.least[rows] = self.scores[rows].min(axis=1)
