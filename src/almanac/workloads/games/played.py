"""Recommenders that learn from what players took to together: item-item cosine and EASE."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from almanac.workloads.games.content import Scorer
from almanac.workloads.games.encoding import Array


class _Neighbours(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Weights from game to game, kept for the `most_games` most played ones, and of each only the `kept` strongest."""

    most_games: int
    kept: int

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "_Neighbours":
        """Learn from plays `y` (user_id, game_id); the catalogue is not looked at."""
        del X
        matrix, games = matrix_of(y, most_games=self.most_games)
        self.games_ = np.array(games, dtype=str)
        kept = strongest(self._weigh(matrix), self.kept)
        # Plain arrays, so that a saved model holds nothing that has to be trusted.
        self.values_, self.columns_, self.starts_ = kept.data, kept.indices, kept.indptr
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue; games without plays get 0."""
        place = pd.Series(np.arange(len(self.games_)), index=self.games_).reindex(catalogue["game_id"])
        inside = np.flatnonzero(place.notna())
        ones = np.ones(len(inside), dtype=np.float32)
        chosen = sparse.csr_matrix(
            (ones, (inside, place.iloc[inside].astype(int))), shape=(len(catalogue), len(self.games_))
        )
        weights = sparse.csr_matrix(
            (self.values_, self.columns_, self.starts_), shape=(len(self.games_), len(self.games_))
        )
        return lambda histories: np.asarray(
            (histories @ chosen @ weights @ chosen.T).toarray(), dtype=np.float32
        )

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        raise NotImplementedError


class ItemItem(_Neighbours):
    """Cosine of two games' players, held down for pairs of games that few have played (by `shrink` players)."""

    def __init__(self, *, shrink: float = 10.0, most_games: int = 6000, kept: int = 100) -> None:
        self.shrink = shrink
        self.most_games = most_games
        self.kept = kept

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        together: Array = (matrix.T @ matrix).toarray().astype(np.float32)
        players = np.diag(together).copy()
        together /= np.sqrt(np.outer(players, players)) + np.float32(self.shrink)
        np.fill_diagonal(together, 0.0)
        return together


class Ease(_Neighbours):
    """Embarrassingly shallow autoencoder (Steck 2019): ridge regression of every game on all others, in closed form."""

    def __init__(self, *, penalty: float = 200.0, most_games: int = 3000, kept: int = 200) -> None:
        self.penalty = penalty
        self.most_games = most_games
        self.kept = kept

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        gram = (matrix.T @ matrix).toarray().astype(np.float64)
        inverse = np.linalg.inv(gram + self.penalty * np.eye(len(gram)))
        weights: Array = (inverse / -np.diag(inverse)).astype(np.float32)
        np.fill_diagonal(weights, 0.0)
        return weights


class Trending(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What has been played lately, for everybody: a play counts half after `half_life_days`; plays without a time count as one that old."""

    def __init__(self, *, half_life_days: float = 60.0) -> None:
        self.half_life_days = half_life_days

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "Trending":
        """Count the plays `y` (game_id, played_at), later ones more."""
        del X
        ages = (y["played_at"].max() - y["played_at"]).dt.total_seconds() / 86_400
        counts = (0.5 ** (ages / self.half_life_days)).fillna(0.5).groupby(y["game_id"]).sum().sort_index()
        self.games_ = counts.index.to_numpy(dtype=str)
        self.counts_ = counts.to_numpy(dtype=np.float64)
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        known = (
            pd.Series(self.counts_, index=self.games_).reindex(catalogue["game_id"]).fillna(0.0).to_numpy()
        )
        logs = np.log1p(known).astype(np.float32)
        return lambda histories: np.tile(logs, (histories.shape[0], 1))


def matrix_of(plays: pd.DataFrame, *, most_games: int) -> tuple[sparse.csr_matrix, list[str]]:
    """Return who played which of the most played games (a row per player), and these games in the order of the columns."""
    counts = plays["game_id"].value_counts()
    games = sorted(counts.index, key=lambda game: (-counts[game], game))[:most_games]
    column = pd.Series(range(len(games)), index=games)
    known = plays[plays["game_id"].isin(column.index)]
    rows, users = pd.factorize(known["user_id"])
    values = np.ones(len(known), dtype=np.float32)
    return sparse.csr_matrix(
        (values, (rows, column[known["game_id"]].to_numpy())), shape=(len(users), len(games))
    ), games


def strongest(weights: Array, kept: int) -> sparse.csr_matrix:
    """Return the matrix with only the `kept` largest weights by size of each row.

    >>> strongest(np.array([[0.0, 0.5, -0.75]], dtype=np.float32), 1).toarray().tolist()
    [[0.0, 0.0, -0.75]]
    """
    if weights.shape[1] > kept:
        least = -np.partition(-np.abs(weights), kept - 1, axis=1)[:, kept - 1 : kept]
        weights = np.where(np.abs(weights) >= least, weights, np.float32(0.0))
    return sparse.csr_matrix(weights)


def places_of(games: pd.Series, catalogue: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the row of each game in a catalogue; raises KeyError for a game that is not in it."""
    index = pd.Series(np.arange(len(catalogue)), index=catalogue["game_id"])
    found: npt.NDArray[np.int64] = index.loc[games].to_numpy(dtype=np.int64)
    return found


def histories_of(plays: pd.DataFrame, users: list[str], catalogue: pd.DataFrame) -> sparse.csr_matrix:
    """Return a row for each of `users` with the weight of every game played; the weights of a player add up to 1."""
    known = plays[plays["user_id"].isin(users)]
    row = pd.Series(range(len(users)), index=users)[known["user_id"]].to_numpy()
    weights = (1.0 / known.groupby("user_id")["game_id"].transform("size")).to_numpy(dtype=np.float32)
    return sparse.csr_matrix(
        (weights, (row, places_of(known["game_id"], catalogue))), shape=(len(users), len(catalogue))
    )


def own_histories(rows: Any, size: int) -> sparse.csr_matrix:
    """Return the histories of players who know one game each, those in `rows` of a catalogue of this size."""
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((ones, (np.arange(len(rows)), np.asarray(rows))), shape=(len(rows), size))
