"""Several recommenders made one, and the pair of lists that is served."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from almanac.workloads.games.content import Scorer
from almanac.workloads.games.encoding import Array
from almanac.workloads.games.played import own_histories

# The member whose word counts more, the fewer have played a game.
FALLBACK = "content"
LEARNED = ("item_item", "ease")


class Blend(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A weighted sum of members, each scaled to its best game; where few players can tell, content speaks instead.

    `weights` has one for each member and one for `new`: content, for games that few have played. A game with `trusted` players counts half
    as known.
    """

    def __init__(
        self, members: list[tuple[str, Any]], *, weights: Mapping[str, float], trusted: float = 20.0
    ) -> None:
        self.members = members
        self.weights = weights
        self.trusted = trusted

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "Blend":
        """Fit a copy of every member."""
        self.fitted_ = [(name, clone(member).fit(X, y)) for name, member in self.members]
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        tell = self.teller(catalogue)
        return lambda histories: combined(tell(histories), self.weights)

    def teller(self, catalogue: pd.DataFrame) -> Callable[[sparse.csr_matrix], dict[str, Array]]:
        """Return what gives the parts of the sum for histories: what each member says, and `new`."""
        scorers = {name: member.on(catalogue) for name, member in self.fitted_}
        players = catalogue["players"].to_numpy(dtype=np.float32)
        known = players / (players + np.float32(self.trusted))

        def tell(histories: sparse.csr_matrix) -> dict[str, Array]:
            trust = np.asarray(histories @ known)[:, np.newaxis]
            told = {name: scaled(scorer(histories)) for name, scorer in scorers.items()}
            return {name: scores * trust if name in LEARNED else scores for name, scores in told.items()} | {
                "new": told[FALLBACK] * (1.0 - known * trust)
            }

        return tell


def combined(told: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    """Return the weighted sum of what the members say; a part without a weight is left out."""
    total = np.zeros_like(told[FALLBACK])
    for name, scores in told.items():
        if weights.get(name):
            total += np.float32(weights[name]) * scores
    return total


def scaled(scores: Array) -> Array:
    """Return scores of which the best of each row is 1; rows without any stay as they are.

    >>> scaled(np.array([[1.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
    [[0.25, 1.0], [0.0, 0.0]]
    """
    best = scores.max(axis=1, keepdims=True)
    return np.asarray(scores / np.where(best > 0, best, 1.0), dtype=np.float32)


class TwoLists(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What is served: `similar` finds games that are alike, `recommended` those that players of a game take to."""

    def __init__(self, similar: Any, recommended: Any) -> None:
        self.similar = similar
        self.recommended = recommended

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "TwoLists":
        """Fit both on a catalogue and its plays."""
        self.similar_ = clone(self.similar).fit(X, y)
        self.recommended_ = clone(self.recommended).fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> Array:
        """Return how well each game of the catalogue (a column) suits players of each game (a row)."""
        return self.recommended_.on(X)(own_histories(range(len(X)), len(X)))  # type: ignore[no-any-return]
