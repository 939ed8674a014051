"""Estimators that scikit-learn lacks: processing seconds with their 90th percentile."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, RegressorMixin, clone

from almanac.workloads.events.policy.costs import Floats

HIGH = 0.9
LEAST_SECONDS = 1e-4
# The share of the training batches on which the 90th percentile is measured.
BOUND_SHARE = 0.25


class SecondsAndBound(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Seconds of a batch by `middle`, and their 90th percentile by `upper`.

    Without `upper`, the percentile is the seconds times a factor: the 90th percentile of actual over
    predicted seconds on the last quarter of the training, predicted by a copy that was fitted without it.
    """

    def __init__(self, middle: Any, upper: Any = None) -> None:
        self.middle = middle
        self.upper = upper

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "SecondsAndBound":
        """Fit on batches in the order of time."""
        seconds = np.asarray(y, dtype=np.float64)
        self.factor_ = self._factor(X, seconds)
        self.middle_ = clone(self.middle).fit(X, seconds)
        self.upper_ = clone(self.upper).fit(X, seconds) if self.upper is not None else None
        return self

    def _factor(self, X: pd.DataFrame, seconds: Floats) -> float:
        """Return the 90th percentile of actual over predicted seconds on the last batches."""
        edge = max(1, round(len(seconds) * (1 - BOUND_SHARE)))
        early = clone(self.middle).fit(X.iloc[:edge], seconds[:edge])
        later = slice(edge, None) if edge < len(seconds) else slice(None)
        ratios = seconds[later] / _positive(early.predict(X.iloc[later]))
        return float(np.quantile(ratios, HIGH))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return two columns: seconds, and the 90th percentile, which is never below them."""
        middle = _positive(self.middle_.predict(X))
        upper = middle * self.factor_ if self.upper_ is None else _positive(self.upper_.predict(X))
        return np.column_stack([middle, np.maximum(upper, middle)])


class RelativeLine(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A line without negative parts that has the least squared relative errors.

    Short batches count as much as long ones. More events or more kB never take less time. With this
    constraint the line also holds beyond the sizes of the training batches.
    """

    def fit(self, X: pd.DataFrame, y: Floats) -> "RelativeLine":
        """Find the constant and the coefficients by non-negative least squares."""
        seconds = _positive(y)
        weighted = _with_constant(X) / seconds[:, np.newaxis]
        parts, _ = nnls(weighted, np.ones(len(seconds)))
        self.intercept_ = float(parts[0])
        self.coef_ = parts[1:]
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the seconds on the line."""
        seconds: Floats = _with_constant(X) @ np.append(self.intercept_, self.coef_)
        return seconds


def _with_constant(X: pd.DataFrame) -> Floats:
    columns = np.asarray(X, dtype=np.float64)
    return np.column_stack([np.ones(len(columns)), columns])


def _positive(seconds: Any) -> Floats:
    return np.maximum(np.asarray(seconds, dtype=np.float64), LEAST_SECONDS)
