"""Games as numbers: each field a block of indicators, rare words heavier, every block as long as its weight says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from almanac.workloads.games.features import TOGETHER

Array = npt.NDArray[np.float32]

# What rarity is learned for, and what would give a series away; `pairs` are two words of genres and themes that stand together.
WORDY = ("themes", "genres", "pairs", "categories", "platforms")
NAMED = ("maker", "seller", "series", "title_words")
SMOOTH = ("year", "popularity")
FIELDS = (*WORDY, *SMOOTH, *NAMED)
# Words that tell how a game is sold, praised or played rather than what it is count for less.
LIGHT = {
    **dict.fromkeys(
        (
            "kickstarter",
            "early access",
            "steam achievements",
            "steam trading cards",
            "steam cloud",
            "stats",
            "masterpiece",
        ),
        0.3,
    ),
    **dict.fromkeys(("captions available", "commentary available"), 0.3),
    **dict.fromkeys(
        ("great soundtrack", "singleplayer", "remake", "cult classic", "short", "based on a novel"), 0.4
    ),
    **dict.fromkeys(("indie", "difficult", "classic", "steam leaderboards"), 0.5),
    **dict.fromkeys(
        ("free to play", "female protagonist", "atmospheric", "steam workshop", "includes level editor"), 0.6
    ),
    **dict.fromkeys(("full controller support", "partial controller support"), 0.6),
    **dict.fromkeys(("casual", "pixel graphics", "multiplayer", "story rich", "first-person"), 0.7),
}
# Bumps along the years and along popularity, so that games somewhat apart still have something in common: where they begin and end, and the step.
BUMPS = {"year": (1980.0, 2035.0, 3.0), "popularity": (0.0, 1.05, 0.1)}
WIDTH = 1.5
# A word of more than one game in so many is kept dense, where multiplying is fastest; all others sparse.
COMMON = 32


@dataclass(frozen=True)
class Encoded:
    """The games of one frame: a dense and a sparse block of columns whose inner products are similarities from 0 to 1."""

    dense: Array
    sparse: sparse.csr_matrix

    def likeness(self, histories: sparse.csr_matrix) -> Array:
        """Return the mean similarity of every game to the games of each history (a row of weights that add up to 1)."""
        told = (histories @ self.dense) @ self.dense.T
        told += ((histories @ self.sparse) @ self.sparse.T).toarray()
        return np.asarray(told, dtype=np.float32)

    def between(self, ones: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> float:
        """Return the mean similarity of pairs of games."""
        dense = np.einsum("ij,ij->i", self.dense[ones], self.dense[others])
        named = np.asarray(self.sparse[ones].multiply(self.sparse[others]).sum(axis=1)).ravel()
        return float((dense + named).mean())


class FieldEncoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Learns how rare each genre, theme, pair of these, category and platform is; `weights` are the fields' shares of the similarity."""

    def __init__(self, *, weights: Mapping[str, float]) -> None:
        self.weights = weights

    def fit(self, X: pd.DataFrame, y: Any = None) -> "FieldEncoder":
        """Count the words of each field over a catalogue."""
        del y
        self.rarity_ = {field: _rarity(X[field]) for field in WORDY}
        return self

    def transform(self, X: pd.DataFrame) -> Encoded:
        """Return the games of a catalogue; a word never seen before counts as the rarest."""
        words = sparse.hstack(
            [self._weighed(X, field) for field in (*WORDY, *NAMED) if self._share(field)]
            or [_nothing(len(X))]
        ).tocsc()
        common = np.diff(words.indptr) * COMMON > len(X)
        smooth = [np.sqrt(self._share(field)) * _bumps(X[field], *BUMPS[field]) for field in SMOOTH]
        return Encoded(
            np.hstack([words[:, common].toarray(), *smooth]).astype(np.float32), words[:, ~common].tocsr()
        )

    def _weighed(self, X: pd.DataFrame, field: str) -> sparse.csr_matrix:
        found = self._words(X, field) if field in WORDY else _unit(indicators(X[field])[0])
        return found * np.float32(np.sqrt(self._share(field)))

    def _share(self, field: str) -> float:
        return float(self.weights.get(field, 0.0)) / float(sum(self.weights.values()))

    def _words(self, X: pd.DataFrame, field: str) -> sparse.csr_matrix:
        known = self.rarity_[field]
        rarest = max(known.values(), default=1.0)
        found, words = indicators(X[field])
        return _unit(
            found @ sparse.diags(np.array([known.get(word, rarest) for word in words], dtype=np.float32))
        )


def indicators(lists: pd.Series) -> tuple[sparse.csr_matrix, list[str]]:
    """Return which word stands in which of the lists (texts parted by semicolons), and the words in the order of the columns.

    >>> found, words = indicators(pd.Series(["RPG;Open World", "", "RPG"]))
    >>> words, found.toarray().tolist()
    (['rpg', 'open world'], [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    """
    places: dict[str, int] = {}
    rows, columns = list[int](), list[int]()
    for row, text in enumerate(lists.fillna("")):
        for word in dict.fromkeys(part for part in str(text).lower().split(";") if part):
            rows.append(row)
            columns.append(places.setdefault(word, len(places)))
    shape = (len(lists), len(places))
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape), list(
        places
    )


def _rarity(lists: pd.Series) -> dict[str, float]:
    found, words = indicators(lists)
    counts = np.asarray(found.sum(axis=0)).ravel()
    return {
        word: float(np.log(1 + len(lists) / count) * _light(word))
        for word, count in zip(words, counts, strict=True)
    }


def _light(word: str) -> float:
    return math.prod(LIGHT.get(part, 1.0) for part in word.split(TOGETHER))


def _nothing(rows: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((rows, 0), dtype=np.float32)


def _unit(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ rows).astype(np.float32).tocsr()


def _bumps(values: pd.Series, first: float, last: float, step: float) -> Array:
    """Return overlapping bumps along a scale; a row of zeros where the value is unknown."""
    known = values.to_numpy(dtype=np.float64, na_value=np.nan)[:, np.newaxis]
    bumps = np.nan_to_num(np.exp(-(((known - np.arange(first, last, step)) / (WIDTH * step)) ** 2)))
    lengths = np.linalg.norm(bumps, axis=1, keepdims=True)
    return np.asarray(bumps / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
