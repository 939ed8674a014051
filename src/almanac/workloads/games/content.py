"""Recommenders that need nobody's plays: what is popular, and what is alike."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from almanac.workloads.games.encoding import Array, FieldEncoder
from almanac.workloads.games.nearest import Alike

# From histories (a row per player, weights of the games that add up to 1) to a score for every game of the catalogue.
Scorer = Callable[[sparse.csr_matrix], Array]

# Tuned on the proxy of `proxies.series_found` with half of the series; those that would give a series away are set by hand.
WEIGHTS = {
    "pairs": 0.42,
    "themes": 0.12,
    "genres": 0.04,
    "categories": 0.06,
    "platforms": 0.02,
    "year": 0.05,
    "popularity": 0.05,
    "maker": 0.09,
    "seller": 0.02,
    "series": 0.06,
    "title_words": 0.07,
}
# What players take to is broader than what is most alike: single words serve a blend better than pairs, on generated players.
BROAD = {
    "themes": 0.46,
    "genres": 0.18,
    "categories": 0.10,
    "year": 0.06,
    "maker": 0.08,
    "seller": 0.03,
    "series": 0.09,
}
# Even a game that nobody has reviewed yet keeps this share of its similarity.
FLOOR = 0.1


class Popularity(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The most played games for everybody, or the most reviewed where no plays are known: the baseline."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> "Popularity":
        """Learn nothing; the catalogue itself says what is popular."""
        del X, y
        self.is_fitted_ = True
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        known = catalogue["players"] if catalogue["players"].any() else np.expm1(10 * catalogue["popularity"])
        logs = np.log1p(known.to_numpy(dtype=np.float64))
        shares = (logs / max(logs.max(), 1e-9)).astype(np.float32)
        return lambda histories: np.tile(shares, (histories.shape[0], 1))


class Content(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Nearest neighbours by themes and genres, pairs of them, makers, title words and year, times how well known and liked a game is."""

    def __init__(
        self, *, weights: Mapping[str, float] = WEIGHTS, fame: float = 1.0, praise: float = 0.5
    ) -> None:
        self.weights = weights
        self.fame = fame
        self.praise = praise

    def fit(self, X: pd.DataFrame, y: Any = None) -> "Content":
        """Learn how rare each word of the catalogue is."""
        del y
        self.encoder_ = FieldEncoder(weights=dict(self.weights)).fit(X)
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        kinds = pd.factorize(catalogue["genres"] + ";" + catalogue["themes"], sort=True)[0]
        return Alike(self.encoder_.transform(catalogue), self.prior(catalogue), kinds)

    def prior(self, catalogue: pd.DataFrame) -> Array:
        """Return by how much the similarity of each game counts: 1 for the best known and best liked, never 0."""
        fame = _raised(catalogue["popularity"], self.fame)
        return np.asarray(fame * _raised(catalogue["rating"], self.praise), dtype=np.float32)


def _raised(shares: pd.Series, power: float) -> Array:
    raised: Array = (((FLOOR + shares.to_numpy(dtype=np.float64)) / (FLOOR + 1.0)) ** power).astype(
        np.float32
    )
    return raised
