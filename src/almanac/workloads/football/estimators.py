"""Estimators that scikit-learn lacks: shares per league, a pool of forecasts, features of expected goals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from almanac.workloads.football.offers import markets
from almanac.workloads.football.strength.timeline import Floats

LEAST_CHANCE = 1e-12


class LeagueRates(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Each league's shares of outcomes, shrunk to those of all leagues as if seen `strength` times."""

    def __init__(self, *, strength: float = 100.0) -> None:
        self.strength = strength

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "LeagueRates":
        """Count the outcomes of each league in column `league`."""
        outcomes = np.asarray(y)
        self.classes_ = np.unique(outcomes)
        is_class = outcomes[:, np.newaxis] == self.classes_
        is_outcome = pd.DataFrame(is_class, dtype=np.float64)
        self.overall_ = is_outcome.mean().to_numpy()
        leagues = is_outcome.groupby(X["league"].to_numpy())
        counts = leagues.sum() + self.strength * self.overall_
        rates = counts.div(leagues.size() + self.strength, axis=0)
        self.rates_ = dict(zip(rates.index.tolist(), rates.to_numpy(), strict=True))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return the shares of each match's league, or those of all leagues if the league is new."""
        return np.array([self.rates_.get(league, self.overall_) for league in X["league"]])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the most likely outcome of each match."""
        return _most_likely(self.classes_, self.predict_proba(X))


class LogPool(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A logarithmic pool of forecasts: their logarithms times `weights`, added up and normalised.

    Weights with a sum above 1 make the pool bolder.
    """

    def __init__(self, members: list[tuple[str, Any]], *, weights: list[float]) -> None:
        self.members = members
        self.weights = weights

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "LogPool":
        """Fit a copy of every member."""
        self.fitted_ = [clone(member).fit(X, y) for _, member in self.members]
        self.classes_ = self.fitted_[0].classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return the pooled chances."""
        return pooled([member.predict_proba(X) for member in self.fitted_], self.weights)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the most likely outcome of each match."""
        return _most_likely(self.classes_, self.predict_proba(X))


def pooled(chances: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Return the normalised product of forecasts to the power of their weights.

    >>> pooled([np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])], [0.5, 0.5]).round(2).tolist()
    [[0.75, 0.25]]
    """
    logs = np.log(np.clip(np.stack(chances), LEAST_CHANCE, 1.0))
    exponents = np.tensordot(np.asarray(weights, dtype=np.float64), logs, axes=1)
    powers = np.exp(exponents)
    pool: Floats = powers / powers.sum(axis=1, keepdims=True)
    return pool


def _most_likely(classes: npt.NDArray[Any], chances: Floats) -> npt.NDArray[Any]:
    outcomes: npt.NDArray[Any] = classes[chances.argmax(axis=1)]
    return outcomes


def log_odds(goals: npt.ArrayLike) -> Floats:
    """Return the log odds of a home and of an away win against a draw.

    `goals` has the columns expected home goals, expected away goals and their dependence.
    """
    home, away, dependence = np.asarray(goals, dtype=np.float64).T
    scores = markets.score_chances(home, away, dependence)
    logs = np.log(markets.outcome_chances(scores))
    odds: Floats = logs[:, [0, 2]] - logs[:, [1]]
    return odds


def contrasts(goals: npt.ArrayLike) -> Floats:
    """Return the logarithms of pairs of expected goals, and the square of each pair's difference.

    Uneven matches have fewer draws.

    >>> contrasts([[np.e, 1.0]]).tolist()
    [[1.0, 0.0, 1.0]]
    """
    logs = np.log(np.asarray(goals, dtype=np.float64))
    differences = logs[:, 0::2] - logs[:, 1::2]
    return np.hstack([logs, differences**2])
