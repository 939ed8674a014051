"""A blend of several recommenders, and the pair of recommenders that makes both lists."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from almanac.workloads.games.encoding import Array, Flags, FromPlayers, Rows, Scorer
from almanac.workloads.games.played import single_histories

# The member that counts for more, the fewer have played a game.
FALLBACK = "content"
LEARNED = ("item_item", "ease")


class Blend(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A weighted sum of members, each scaled to its best game; for games that few have played, content.

    `weights` has one weight for each member and one for `new`: content, for games that few have played. A
    game with `trusted` players counts as half known.
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

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        score_parts = self.part_scorer(catalogue)
        return lambda histories: weighted_sum(score_parts(histories), self.weights)

    def from_players(self, catalogue: pd.DataFrame) -> FromPlayers:
        """Return which entries plays have brought: those that a member which learns from plays connects."""
        learned = [member for name, member in self.fitted_ if name in LEARNED and self.weights.get(name)]
        tests = [member.from_players(catalogue) for member in learned]

        def are_connected(game: int, rows: Rows) -> Flags:
            flags = np.zeros(len(rows), dtype=bool)
            for test in tests:
                flags |= test(game, rows)
            return flags

        return are_connected

    def part_scorer(self, catalogue: pd.DataFrame) -> Callable[[sparse.csr_matrix], dict[str, Array]]:
        """Return a function from histories to the parts of the sum: the scores of each member, and `new`."""
        scorers = {name: member.scorer(catalogue) for name, member in self.fitted_}
        players = catalogue["players"].to_numpy(dtype=np.float32)
        familiarity = np.asarray(players / (players + np.float32(self.trusted)), dtype=np.float32)

        def score_parts(histories: sparse.csr_matrix) -> dict[str, Array]:
            parts = {name: scaled_to_best(scorer(histories)) for name, scorer in scorers.items()}
            trust = np.asarray(histories @ familiarity)[:, np.newaxis]
            return _trusted(parts, trust, familiarity)

        return score_parts


def _trusted(parts: dict[str, Array], trust: Array, familiarity: Array) -> dict[str, Array]:
    """Return learned scores times the trust in each history, and `new`, which takes the place of the rest."""
    new = parts[FALLBACK] * (1.0 - familiarity * trust)
    learned = {name: parts[name] * trust for name in LEARNED if name in parts}
    return parts | learned | {"new": new}


def weighted_sum(parts: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    """Return the weighted sum of parts; a part without a weight is left out."""
    total = np.zeros_like(parts[FALLBACK])
    for name, scores in parts.items():
        if weights.get(name):
            total += np.float32(weights[name]) * scores
    return total


def scaled_to_best(scores: Array) -> Array:
    """Return scores of which the best of each row is 1; rows without a positive score stay as they are.

    >>> scaled_to_best(np.array([[1.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
    [[0.25, 1.0], [0.0, 0.0]]
    """
    best = scores.max(axis=1, keepdims=True)
    divisors = np.where(best > 0, best, 1.0)
    return np.asarray(scores / divisors, dtype=np.float32)


class TwoLists(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The recommenders of both lists: `similar` ranks by content, `recommended` by what players take to."""

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
        histories = single_histories(range(len(X)), len(X))
        return self.recommended_.scorer(X)(histories)  # type: ignore[no-any-return]
