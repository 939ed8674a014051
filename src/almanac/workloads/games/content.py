"""Recommenders that need no plays: by popularity, and by similarity of content."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from almanac.workloads.games.encoding import Array, FieldEncoder, FromPlayers, Scorer
from almanac.workloads.games.lists.nearest import SimilarityScorer
from almanac.workloads.games.lists.overlap import Overlap

# Tuned on half of the series of `proxies.series_found`; the fields that would give a series away are set by
# hand.
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
# Players take to more than the most similar games: in a blend, single words score better than pairs (on
# simulated players).
BROAD = {
    "themes": 0.46,
    "genres": 0.18,
    "categories": 0.10,
    "year": 0.06,
    "maker": 0.08,
    "seller": 0.03,
    "series": 0.09,
}
# How much popularity and rating count, in the lists and in a blend; tuned as WEIGHTS.
FAME, PRAISE = 0.7, 0.5
BROAD_FAME, BROAD_PRAISE = 1.0, 0.5
# A game without reviews keeps this share of its similarity.
FLOOR = 0.1


class Popularity(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The baseline: the most played games for everybody, or the most reviewed ones without plays."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> "Popularity":
        """Do nothing; the popularity is a column of the catalogue."""
        del X, y
        self.is_fitted_ = True
        return self

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        logs = np.log1p(_counts(catalogue).to_numpy(dtype=np.float64))
        shares = (logs / max(logs.max(), 1e-9)).astype(np.float32)
        return same_for_all(shares)

    def from_players(self, catalogue: pd.DataFrame) -> FromPlayers:
        """Return which entries plays have brought: all games that somebody has played."""
        is_played = catalogue["players"].to_numpy() > 0
        return lambda _, rows: is_played[rows]


def same_for_all(scores: Array) -> Scorer:
    """Return a scorer that gives every history the same scores."""
    return lambda histories: np.tile(scores, (histories.shape[0], 1))


def _counts(catalogue: pd.DataFrame) -> pd.Series:
    """Return the players of each game, or without any plays a number that grows with its reviews."""
    players = catalogue["players"]
    return players if players.any() else np.expm1(10 * catalogue["popularity"])


class Content(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Similarity by words, pairs of words, makers, title and year, times a prior by popularity and rating.

    With `is_focused` it counts for more, the more of its own content a game shares.
    """

    # Models of older releases have no such attribute.
    is_focused: bool = False

    def __init__(
        self,
        *,
        weights: Mapping[str, float] = WEIGHTS,
        fame: float = FAME,
        praise: float = PRAISE,
        is_focused: bool = True,
    ) -> None:
        self.weights = weights
        self.fame = fame
        self.praise = praise
        self.is_focused = is_focused

    def fit(self, X: pd.DataFrame, y: Any = None) -> "Content":
        """Learn how rare each word of the catalogue is."""
        del y
        self.encoder_ = FieldEncoder(weights=dict(self.weights)).fit(X)
        return self

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        tags = catalogue["genres"] + ";" + catalogue["themes"]
        kinds = pd.factorize(tags, sort=True)[0]
        encoded, overlap = self.encoder_.transform(catalogue), self._overlap(catalogue)
        return SimilarityScorer(encoded, self.prior(catalogue), kinds, overlap)

    def _overlap(self, catalogue: pd.DataFrame) -> Overlap | None:
        if not self.is_focused:
            return None
        rarity = {**self.encoder_.rarity_["genres"], **self.encoder_.rarity_["themes"]}
        return Overlap.of(catalogue, rarity, has_makers=bool(self.weights.get("maker")))

    def prior(self, catalogue: pd.DataFrame) -> Array:
        """Return the factor of each game: 1 for the best known and best rated, never 0."""
        fame = _power(catalogue["popularity"], self.fame)
        return np.asarray(fame * _power(catalogue["rating"], self.praise), dtype=np.float32)


def _power(shares: pd.Series, exponent: float) -> Array:
    values = shares.to_numpy(dtype=np.float64)
    raised = (FLOOR + values) / (FLOOR + 1.0)
    factors: Array = (raised**exponent).astype(np.float32)
    return factors
