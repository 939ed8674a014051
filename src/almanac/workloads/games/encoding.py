"""Games as vectors whose inner products are similarities: columns per field, rare words with more weight."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

# Stands between the two words of a pair; no source has it in a word.
PAIR_SEPARATOR = " + "
Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
ArrayLike = npt.NDArray[Any] | list[int]
# From histories (a row per player, weights of the games that add up to 1) to a score for every game of the
# catalogue.
Scorer = Callable[[sparse.csr_matrix], Array]
# From a game (a row of the catalogue) and other rows to those that plays have brought into its list.
FromPlayers = Callable[[int, npt.NDArray[Any]], Flags]


class Recommender(Protocol):
    """A fitted model that ranks the games of a catalogue."""

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""


class Learned(Recommender, Protocol):
    """A recommender that learns from plays."""

    def from_players(self, catalogue: pd.DataFrame) -> FromPlayers:
        """Return a function that tells which entries of a list plays have brought."""


# Fields of words whose rarity is learned; `pairs` are every two words of genres and themes of a game.
WORD_FIELDS = ("themes", "genres", "pairs", "categories", "platforms")
# Fields of names, each as rare as any other; they would give a series away.
NAME_FIELDS = ("maker", "seller", "series", "title_words")
SCALE_FIELDS = ("year", "popularity")
FIELDS = (*WORD_FIELDS, *SCALE_FIELDS, *NAME_FIELDS)
# Words about how a game is sold, praised or played count for less than words about its content.
WORD_WEIGHTS = {
    "captions available": 0.3,
    "commentary available": 0.3,
    "early access": 0.3,
    "kickstarter": 0.3,
    "masterpiece": 0.3,
    "stats": 0.3,
    "steam achievements": 0.3,
    "steam cloud": 0.3,
    "steam trading cards": 0.3,
    "based on a novel": 0.4,
    "cult classic": 0.4,
    "great soundtrack": 0.4,
    "remake": 0.4,
    "short": 0.4,
    "singleplayer": 0.4,
    "classic": 0.5,
    "difficult": 0.5,
    "indie": 0.5,
    "steam leaderboards": 0.5,
    "atmospheric": 0.6,
    "female protagonist": 0.6,
    "free to play": 0.6,
    "full controller support": 0.6,
    "includes level editor": 0.6,
    "partial controller support": 0.6,
    "steam workshop": 0.6,
    "casual": 0.7,
    "first-person": 0.7,
    "multiplayer": 0.7,
    "pixel graphics": 0.7,
    "story rich": 0.7,
}
# Radial basis functions along a scale give games somewhat apart something in common: start, stop and step.
BASES = {"year": (1980.0, 2035.0, 3.0), "popularity": (0.0, 1.05, 0.1)}
# Width of a basis function in steps.
WIDTH = 1.5
# A word that more than one game in so many has is stored dense, where multiplying is fastest; all others
# sparse.
DENSE_FROM_ONE_IN = 32


@dataclass(frozen=True)
class Encoded:
    """The games of one frame: dense and sparse columns whose inner products are similarities, 0 to 1."""

    dense: Array
    sparse: sparse.csr_matrix

    def mean_similarity(self, histories: sparse.csr_matrix) -> Array:
        """Return the mean similarity of every game to the games of each history."""
        similarity = (histories @ self.dense) @ self.dense.T
        similarity += ((histories @ self.sparse) @ self.sparse.T).toarray()
        return np.asarray(similarity, dtype=np.float32)

    def mean_pair_similarity(self, lefts: Rows, rights: Rows) -> float:
        """Return the mean similarity over pairs of games; `lefts` and `rights` are rows of equal length."""
        dense = np.einsum("ij,ij->i", self.dense[lefts], self.dense[rights])
        products = self.sparse[lefts].multiply(self.sparse[rights])
        return float((dense + _row_sums(products)).mean())


class FieldEncoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Learns how rare each word is; `weights` are the shares of the fields in the similarity."""

    def __init__(self, *, weights: Mapping[str, float]) -> None:
        self.weights = weights

    def fit(self, X: pd.DataFrame, y: Any = None) -> "FieldEncoder":
        """Count the words of each field over a catalogue."""
        del y
        self.rarity_ = {field: _rarity(X[field]) for field in WORD_FIELDS}
        return self

    def transform(self, X: pd.DataFrame) -> Encoded:
        """Return the games of a catalogue; a word that the catalogue of `fit` lacks counts as the rarest."""
        words = self._word_columns(X)
        is_dense = np.diff(words.indptr) * DENSE_FROM_ONE_IN > len(X)
        scales = [self._scale_columns(X, field) for field in SCALE_FIELDS]
        dense = np.hstack([words[:, is_dense].toarray(), *scales])
        rare = words[:, ~is_dense].tocsr()
        return Encoded(dense.astype(np.float32), rare)

    def _scale_columns(self, X: pd.DataFrame, field: str) -> npt.NDArray[Any]:
        return np.asarray(self._root_share(field) * _basis_columns(X[field], field))

    def _word_columns(self, X: pd.DataFrame) -> sparse.csc_matrix:
        fields = [field for field in (*WORD_FIELDS, *NAME_FIELDS) if self.share(field)]
        if not fields:
            return sparse.csc_matrix((len(X), 0), dtype=np.float32)
        return sparse.hstack([self._columns_of(X, field) for field in fields]).tocsc()

    def _columns_of(self, X: pd.DataFrame, field: str) -> sparse.csr_matrix:
        columns, words = indicators(X[field])
        if field in WORD_FIELDS:
            columns = columns @ sparse.diags(self._rarities(field, words))
        return _unit_rows(columns) * np.float32(self._root_share(field))

    def _rarities(self, field: str, words: list[str]) -> Array:
        rarity = self.rarity_[field]
        rarest = max(rarity.values(), default=1.0)
        return np.array([rarity.get(word, rarest) for word in words], dtype=np.float32)

    def share(self, field: str) -> float:
        """Return the share of a field in the similarity, 0 to 1."""
        total = float(sum(self.weights.values()))
        return float(self.weights.get(field, 0.0)) / total

    def _root_share(self, field: str) -> np.float64:
        # Both games of a pair carry the root, so that their product has the share.
        root: np.float64 = np.sqrt(np.float64(self.share(field)))
        return root


def indicators(lists: pd.Series) -> tuple[sparse.csr_matrix, list[str]]:
    """Return a matrix of lists (rows) and words (columns), and the words in the order of the columns.

    `lists` are texts separated by semicolons.

    >>> columns, words = indicators(pd.Series(["RPG;Open World", "", "RPG"]))
    >>> words, columns.toarray().tolist()
    (['rpg', 'open world'], [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    """
    column_of: dict[str, int] = {}
    rows, columns = list[int](), list[int]()
    for row, word in _words_by_row(lists):
        rows.append(row)
        columns.append(column_of.setdefault(word, len(column_of)))
    shape = len(lists), len(column_of)
    return ones_at(rows, columns, shape), list(column_of)


def _words_by_row(lists: pd.Series) -> Iterator[tuple[int, str]]:
    for row, text in enumerate(lists.fillna("")):
        for word in dict.fromkeys(str(text).lower().split(";")):
            if word:
                yield row, word


def ones_at(rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a sparse matrix with ones at these rows and columns."""
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=shape)


def _rarity(lists: pd.Series) -> dict[str, float]:
    """Return the weight of each word: the logarithm of its inverse frequency times its WORD_WEIGHTS."""
    columns, words = indicators(lists)
    counts = np.asarray(columns.sum(axis=0)).ravel()
    rarity = dict[str, float]()
    for word, count in zip(words, counts, strict=True):
        inverse_frequency = np.log(1 + len(lists) / count)
        rarity[word] = float(inverse_frequency * _word_weight(word))
    return rarity


def _word_weight(word: str) -> float:
    return math.prod(WORD_WEIGHTS.get(part, 1.0) for part in word.split(PAIR_SEPARATOR))


def _unit_rows(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(_row_sums(rows.multiply(rows)))
    scale = sparse.diags(1.0 / _nonzero(lengths))
    return (scale @ rows).astype(np.float32).tocsr()


def _row_sums(rows: sparse.csr_matrix) -> npt.NDArray[Any]:
    return np.asarray(rows.sum(axis=1)).ravel()


def _nonzero(lengths: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(lengths > 0, lengths, 1.0)


def _basis_columns(values: pd.Series, field: str) -> Array:
    """Return radial basis functions along a scale, rows of length 1; zeros where the value is unknown."""
    bases = _bases(values, *BASES[field])
    lengths = np.linalg.norm(bases, axis=1, keepdims=True)
    return np.asarray(bases / _nonzero(lengths), dtype=np.float32)


def _bases(values: pd.Series, start: float, stop: float, step: float) -> npt.NDArray[np.float64]:
    column = values.to_numpy(dtype=np.float64, na_value=np.nan)[:, np.newaxis]
    distances = (column - np.arange(start, stop, step)) / (WIDTH * step)
    return np.asarray(np.nan_to_num(np.exp(-(distances**2))))
