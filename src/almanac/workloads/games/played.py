"""Recommenders that learn from plays: item-item cosine, EASE, and trending games."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from almanac.workloads.games.content import same_for_all
from almanac.workloads.games.encoding import Array, Rows, Scorer, ones_at


class _ItemWeights(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Weights from game to game for the `most_games` most played games, the `kept` strongest of each."""

    most_games: int
    kept: int

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "_ItemWeights":
        """Learn from plays `y` (user_id, game_id); the catalogue is not used."""
        del X
        matrix, games = player_matrix(y, most_games=self.most_games)
        self.games_ = np.array(games, dtype=str)
        weights = strongest(self._weigh(matrix), self.kept)
        # Plain arrays need no trust when a saved model is loaded.
        self.values_, self.columns_, self.starts_ = weights.data, weights.indices, weights.indptr
        return self

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue; games without plays get 0."""
        selection, weights = self._selection(catalogue["game_id"]), self._weights()

        def score(histories: sparse.csr_matrix) -> Array:
            scores = histories @ selection @ weights @ selection.T
            return np.asarray(scores.toarray(), dtype=np.float32)

        return score

    def _weights(self) -> sparse.csr_matrix:
        size = len(self.games_)
        return sparse.csr_matrix((self.values_, self.columns_, self.starts_), shape=(size, size))

    def _selection(self, games: pd.Series) -> sparse.csr_matrix:
        """Return a matrix with a 1 where a game of the catalogue (row) is a learned game (column)."""
        size = len(self.games_)
        column = pd.Series(np.arange(size), index=self.games_).reindex(games)
        rows = np.flatnonzero(column.notna())
        columns = column.iloc[rows].astype(int).to_numpy()
        return ones_at(rows, columns, (len(games), size))

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        raise NotImplementedError


class ItemItem(_ItemWeights):
    """Cosine of the players of two games, shrunk by `shrink` players for pairs that few have played."""

    def __init__(self, *, shrink: float = 10.0, most_games: int = 6000, kept: int = 100) -> None:
        self.shrink = shrink
        self.most_games = most_games
        self.kept = kept

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        cosines: Array = (matrix.T @ matrix).toarray().astype(np.float32)
        players = np.diag(cosines).copy()
        lengths = np.sqrt(np.outer(players, players))
        cosines /= lengths + np.float32(self.shrink)
        np.fill_diagonal(cosines, 0.0)
        return cosines


class Ease(_ItemWeights):
    """Embarrassingly shallow autoencoder (Steck 2019).

    It is the ridge regression of every game on all others, in closed form.
    """

    def __init__(self, *, penalty: float = 200.0, most_games: int = 3000, kept: int = 200) -> None:
        self.penalty = penalty
        self.most_games = most_games
        self.kept = kept

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        gram = (matrix.T @ matrix).toarray().astype(np.float64)
        penalties = self.penalty * np.eye(len(gram))
        inverse = np.linalg.inv(gram + penalties)
        weights: Array = (inverse / -np.diag(inverse)).astype(np.float32)
        np.fill_diagonal(weights, 0.0)
        return weights


class Trending(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The games played lately, for everybody.

    The weight of a play halves every `half_life_days`; a play without a time has the weight of one that old.
    """

    def __init__(self, *, half_life_days: float = 60.0) -> None:
        self.half_life_days = half_life_days

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "Trending":
        """Sum the weights of the plays `y` (game_id, played_at)."""
        del X
        counts = self._weigh(y["played_at"]).groupby(y["game_id"]).sum().sort_index()
        self.games_ = counts.index.to_numpy(dtype=str)
        self.counts_ = counts.to_numpy(dtype=np.float64)
        return self

    def _weigh(self, played_at: pd.Series) -> pd.Series:
        ages = (played_at.max() - played_at).dt.total_seconds() / 86_400
        weights: pd.Series = 0.5 ** (ages / self.half_life_days)
        return weights.fillna(0.5)

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        """Return the scorer for the games of a catalogue."""
        counts = pd.Series(self.counts_, index=self.games_).reindex(catalogue["game_id"])
        logs = np.log1p(counts.fillna(0.0).to_numpy())
        return same_for_all(logs.astype(np.float32))


def player_matrix(plays: pd.DataFrame, *, most_games: int) -> tuple[sparse.csr_matrix, list[str]]:
    """Return who played which of the most played games, and these games.

    The matrix has a row per player and a column per game, 1 where the player played it.
    """
    games = _most_played(plays, most_games)
    column_of = pd.Series(range(len(games)), index=games)
    selected = plays[plays["game_id"].isin(games)]
    rows, users = pd.factorize(selected["user_id"])
    columns = column_of[selected["game_id"]].to_numpy()
    return ones_at(rows, columns, (len(users), len(games))), games


def _most_played(plays: pd.DataFrame, count: int) -> list[str]:
    """Return the most played games, the first by id among equals."""
    counts = plays["game_id"].value_counts().sort_index()
    return counts.sort_values(ascending=False, kind="stable").index[:count].tolist()


def strongest(weights: Array, count: int) -> sparse.csr_matrix:
    """Return the matrix with only the `count` largest weights by size of each row.

    >>> strongest(np.array([[0.0, 0.5, -0.75]], dtype=np.float32), 1).toarray().tolist()
    [[0.0, 0.0, -0.75]]
    """
    if weights.shape[1] <= count:
        return sparse.csr_matrix(weights)
    sizes = np.abs(weights)
    descending = -np.partition(-sizes, count - 1, axis=1)
    is_strong = sizes >= descending[:, count - 1 : count]
    return sparse.csr_matrix(np.where(is_strong, weights, np.float32(0.0)))


def rows_of(games: pd.Series, catalogue: pd.DataFrame) -> Rows:
    """Return the row of each game in a catalogue; raises KeyError for a game that the catalogue lacks."""
    row_of = pd.Series(np.arange(len(catalogue)), index=catalogue["game_id"])
    rows: Rows = row_of.loc[games].to_numpy(dtype=np.int64)
    return rows


def histories_of(plays: pd.DataFrame, users: list[str], catalogue: pd.DataFrame) -> sparse.csr_matrix:
    """Return a row for each of `users` with the weight of every played game; a row adds up to 1."""
    played = plays[plays["user_id"].isin(users)]
    row_of = pd.Series(range(len(users)), index=users)
    places = row_of[played["user_id"]].to_numpy(), rows_of(played["game_id"], catalogue)
    counts = played.groupby("user_id")["game_id"].transform("size")
    weights = (1.0 / counts).to_numpy(dtype=np.float32)
    return sparse.csr_matrix((weights, places), shape=(len(users), len(catalogue)))


def single_histories(rows: Rows | range, size: int) -> sparse.csr_matrix:
    """Return histories of one game each, the games in `rows` of a catalogue of `size` games."""
    return ones_at(np.arange(len(rows)), np.asarray(rows), (len(rows), size))
