"""Recommenders that learn from plays: item-item cosine, EASE, and trending games."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from almanac.workloads.games.content import same_for_all
from almanac.workloads.games.encoding import Array, FromPlayers, Rows, Scorer, ones_at
from almanac.workloads.games.lists.nearest import Best, Exclude, greatest

# Games whose weights are compared at once.
CHUNK = 512


class _ItemWeights(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Weights from game to game for the `most_games` most played games, the `kept` strongest of each."""

    most_games: int
    kept: int
    least_games: int = 1

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "_ItemWeights":
        """Learn from plays `y` (user_id, game_id); the catalogue is not used."""
        del X
        matrix, games = player_matrix(y, most_games=self.most_games, least_games=self.least_games)
        self.games_ = np.array(games, dtype=str)
        weights = strongest(self._weigh(matrix), self.kept)
        # Plain arrays need no trust when a saved model is loaded.
        self.values_, self.columns_, self.starts_ = weights.data, weights.indices, weights.indptr
        return self

    def scorer(self, catalogue: pd.DataFrame) -> "WeightsScorer":
        """Return the scorer for the games of a catalogue; games without plays get 0."""
        row_of = pd.Series(np.arange(len(catalogue)), index=catalogue["game_id"])
        rows = row_of.reindex(self.games_)
        learned = np.flatnonzero(rows.notna())
        weights = self._weights()[learned][:, learned]
        return WeightsScorer(weights, rows.iloc[learned].to_numpy(dtype=np.int64), len(catalogue))

    def from_players(self, catalogue: pd.DataFrame) -> FromPlayers:
        """Return which entries plays have brought: those with a weight above 0."""
        starts, columns = self.scorer(catalogue).positive()
        return lambda game, rows: np.isin(rows, columns[starts[game] : starts[game + 1]])

    def _weights(self) -> sparse.csr_matrix:
        size = len(self.games_)
        return sparse.csr_matrix((self.values_, self.columns_, self.starts_), shape=(size, size))

    def _weigh(self, matrix: sparse.csr_matrix) -> Array:
        raise NotImplementedError


class WeightsScorer:
    """Scores games by their weights from the games of a history; `rows` are the learned games' own rows."""

    def __init__(self, weights: sparse.csr_matrix, rows: Rows, size: int) -> None:
        self.weights, self.rows, self.size = weights, rows, size
        self.selection = ones_at(rows, np.arange(len(rows)), (size, len(rows)))

    def __call__(self, histories: sparse.csr_matrix) -> Array:
        """Return a score for every game (a column) and history (a row of weights that add up to 1)."""
        scores = np.zeros((histories.shape[0], self.size), dtype=np.float32)
        scores[:, self.rows] = (histories @ self.selection @ self.weights).toarray()
        return scores

    def best(self, count: int, exclude: Exclude) -> Iterator[Best]:
        """Yield the `count` best neighbours of the learned games, some games at a time."""
        for start in range(0, len(self.rows), CHUNK):
            games = self.rows[start : start + CHUNK]
            scores = self.weights[start : start + CHUNK].toarray()
            exclude(scores, games, self.rows)
            yield greatest(count, games, scores, self.rows)

    def against(self, count: int) -> Iterator[tuple[int, Rows, Array]]:
        """Yield each learned game with rows and weights of the `count` lowest below 0, the lowest last."""
        for place, game in enumerate(self.rows.tolist()):
            start, end = self.weights.indptr[place : place + 2]
            weights, columns = self.weights.data[start:end], self.weights.indices[start:end]
            lowest = np.argsort(weights, kind="stable")[:count][::-1]
            negative = lowest[weights[lowest] < 0]
            yield game, self.rows[columns[negative]], weights[negative]

    def positive(self) -> tuple[Rows, Rows]:
        """Return where the games of each game of the catalogue start, and their rows: weights above 0."""
        pairs = self.weights.tocoo()
        is_positive = pairs.data > 0
        ends = self.rows[pairs.row[is_positive]], self.rows[pairs.col[is_positive]]
        by_game = ones_at(*ends, (self.size, self.size))
        return by_game.indptr, by_game.indices


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

    It is the ridge regression of every game on all others, in closed form. Players with fewer than
    `least_games` games are left out.
    """

    # Models of older releases have no such attribute.
    least_games: int = 1

    def __init__(
        self, *, penalty: float = 200.0, most_games: int = 3000, kept: int = 200, least_games: int = 1
    ) -> None:
        self.penalty = penalty
        self.most_games = most_games
        self.kept = kept
        self.least_games = least_games

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


def player_matrix(
    plays: pd.DataFrame, *, most_games: int, least_games: int = 1
) -> tuple[sparse.csr_matrix, list[str]]:
    """Return who played which of the most played games, and these games.

    The matrix has a row per player with at least `least_games` games and a column per game, 1 where the
    player played it.
    """
    counts = plays.groupby("user_id")["game_id"].transform("size")
    counted = plays[counts >= least_games]
    games = _most_played(counted, most_games)
    column_of = pd.Series(range(len(games)), index=games)
    selected = counted[counted["game_id"].isin(games)]
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
