"""How much of what a game is about another game shares, so that fame does not outweigh one common word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from almanac.workloads.games.encoding import (
    DENSE_FROM_ONE_IN,
    Array,
    Encoded,
    Rows,
    indicators,
    ones_at,
)
from almanac.workloads.games.lists.reasons import GENERIC_TAGS

# A tag that a shop gives to nearly every game says a quarter of what another says.
GENERIC_WEIGHT = 0.25
# Games of one maker have something in common that no tag names.
SAME_MAKER = 0.6


class Columns(NamedTuple):
    """The words and makers of some games, a column for each."""

    dense: Array
    sparse: sparse.csr_matrix
    makers: sparse.csr_matrix


@dataclass(frozen=True)
class Overlap:
    """The words of each game (`own`: with weights that add up to 1), and a column for each maker.

    The overlap of a game with another is the weight of its words that the other has too, 0 to 1.
    """

    own: Encoded
    words: Encoded
    makers: sparse.csr_matrix

    @classmethod
    def of(
        cls, catalogue: pd.DataFrame, rarity: Mapping[str, float], *, has_makers: bool = True
    ) -> "Overlap":
        """Return the overlaps of a catalogue; without makers only words count."""
        columns, words = indicators(catalogue["genres"] + ";" + catalogue["themes"])
        weighted = columns @ sparse.diags(_weights(words, rarity))
        totals = np.asarray(weighted.sum(axis=1)).ravel()
        own = sparse.diags(1.0 / np.where(totals > 0, totals, 1.0)) @ weighted
        is_dense = np.asarray(columns.sum(axis=0)).ravel() * DENSE_FROM_ONE_IN > len(catalogue)
        makers = catalogue["maker"] if has_makers else pd.Series("", index=catalogue.index)
        return cls(_encoded(own, is_dense), _encoded(columns, is_dense), _maker_columns(makers))

    def of_histories(self, histories: sparse.csr_matrix) -> Array:
        """Return the mean overlap of the games of each history (row) with every game (column)."""
        shared = (histories @ self.own.dense) @ self.words.dense.T
        shared += ((histories @ self.own.sparse) @ self.words.sparse.T).toarray()
        by_maker = SAME_MAKER * ((histories @ self.makers) @ self.makers.T).toarray()
        return np.asarray(np.maximum(shared, by_maker), dtype=np.float32)

    def columns_of(self, games: Rows) -> Columns:
        """Return some games as columns; `of_rows` compares others with them."""
        dense = np.ascontiguousarray(self.words.dense[games].T)
        return Columns(dense, self.words.sparse[games].T.tocsr(), self.makers[games].T.tocsr())

    def of_rows(self, games: Rows, others: Columns) -> Array:
        """Return the overlap of each of some games (row) with each of some others (column)."""
        shared = self.own.dense[games] @ others.dense
        _add(shared, self.own.sparse[games] @ others.sparse)
        same = (self.makers[games] @ others.makers).tocoo()
        shared[same.row, same.col] = np.maximum(shared[same.row, same.col], np.float32(SAME_MAKER))
        return np.asarray(shared, dtype=np.float32)


def _add(scores: Array, rare: sparse.csr_matrix) -> None:
    entries = rare.tocoo()
    scores[entries.row, entries.col] += entries.data


def _weights(words: list[str], rarity: Mapping[str, float]) -> Array:
    rarest = max(rarity.values(), default=1.0)
    weights = [rarity.get(word, rarest) ** 0.5 * _factor(word) for word in words]
    return np.array(weights, dtype=np.float32)


def _factor(word: str) -> float:
    return GENERIC_WEIGHT if word in GENERIC_TAGS else 1.0


def _encoded(columns: sparse.csr_matrix, is_dense: npt.NDArray[np.bool_]) -> Encoded:
    by_column = columns.tocsc().astype(np.float32)
    return Encoded(by_column[:, is_dense].toarray(), by_column[:, ~is_dense].tocsr())


def _maker_columns(makers: pd.Series) -> sparse.csr_matrix:
    codes, names = pd.factorize(makers.where(makers != ""))
    rows = np.flatnonzero(codes >= 0)
    return ones_at(rows, codes[rows], (len(makers), max(len(names), 1)))
