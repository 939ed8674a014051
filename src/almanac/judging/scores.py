"""Scores of forecasts that are best when the forecast is honest, and how sure they are."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

LEAST_CHANCE = 1e-15
Z_95 = 1.959963984540054
QUANTILES_95 = (0.025, 0.975)


class Interval(NamedTuple):
    """An estimate with the ends of its 95 % interval."""

    estimate: float
    low: float
    high: float


def log_losses(labels: Labels, chances: Floats) -> Floats:
    """Return minus the logarithm of the chance given to what happened, per forecast.

    `chances` has a row per forecast and a column per outcome; `labels` are column numbers. A chance of 0
    counts as 1e-15.

    >>> log_losses(np.array([1]), np.array([[0.5, 0.5]])).round(4).tolist()
    [0.6931]
    """
    of_outcome = np.clip(chances[np.arange(len(labels)), labels], LEAST_CHANCE, 1.0)
    losses: Floats = -np.log(of_outcome)
    return losses


def ranked_probability_scores(labels: Labels, chances: Floats) -> Floats:
    """Return the ranked probability score per forecast; 0 is perfect, 1 the worst.

    Outcomes are in their natural order. Epstein (1969), divided by the number of outcomes less one.

    >>> ranked_probability_scores(np.array([2, 0]), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])).tolist()
    [0.5, 0.0]
    """
    errors = np.cumsum(chances - _one_hot(labels, chances), axis=1)[:, :-1]
    scores: Floats = (errors**2).sum(axis=1) / (chances.shape[1] - 1)
    return scores


def brier_scores(labels: Labels, chances: Floats) -> Floats:
    """Return the sum of squared errors over all outcomes per forecast; 0 is perfect, 2 the worst.

    >>> brier_scores(np.array([0]), np.array([[0.5, 0.5]])).tolist()
    [0.5]
    """
    scores: Floats = ((chances - _one_hot(labels, chances)) ** 2).sum(axis=1)
    return scores


def hits(labels: Labels, chances: Floats) -> Floats:
    """Return 1 per forecast whose most likely outcome happened, else 0.

    >>> hits(np.array([0, 1]), np.array([[0.7, 0.3], [0.7, 0.3]])).tolist()
    [1.0, 0.0]
    """
    right: Floats = (chances.argmax(axis=1) == labels).astype(np.float64)
    return right


def calibration_error(labels: Labels, chances: Floats, *, bins: int = 10) -> float:
    """Return the mean gap between forecast chance and frequency (class-wise expected calibration error).

    Forecasts are grouped into `bins` of equal width for each outcome. Even a perfect forecast has an error by
    chance: about .009 for 9,000 forecasts of three outcomes.

    >>> calibration_error(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    0.0
    """
    errors = chances - _one_hot(labels, chances)
    numbers = np.minimum((chances * bins).astype(np.int64), bins - 1)
    sums = [np.bincount(*column) for column in zip(numbers.T, errors.T, strict=True)]
    return float(np.mean([np.abs(each).sum() for each in sums])) / len(labels)


def wilson(successes: int, trials: int) -> Interval:
    """Return a share with Wilson's 95 % interval; without trials the share is NaN and the interval is [0, 1].

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.8, 0.49, 0.943]
    """
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0)
    # Half of scipy takes a second to import, which other scores do not need.
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def bootstrap_interval(
    values: Floats, *, clusters: Labels | None = None, seed: int = 0, repeats: int = 2000
) -> Interval:
    """Return the mean with its percentile bootstrap interval.

    Values of one cluster (matches of one day) are drawn together, since what moves one may move the others;
    without `clusters` each value is its own. For a paired comparison give the differences.
    """
    groups = np.arange(len(values)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sums, sizes = np.bincount(groups, values), np.bincount(groups).astype(np.float64)
    random = np.random.default_rng(seed)
    means = np.empty(repeats)
    for repeat in range(repeats):
        drawn = np.bincount(random.integers(len(sums), size=len(sums)), minlength=len(sums))
        means[repeat] = (drawn * sums).sum() / (drawn * sizes).sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def paired_bootstrap(
    ours: Floats, theirs: Floats, *, clusters: Labels | None = None, seed: int = 0, repeats: int = 2000
) -> Interval:
    """Return the mean of ours minus theirs on the same cases; below zero our losses are smaller."""
    return bootstrap_interval(ours - theirs, clusters=clusters, seed=seed, repeats=repeats)


def _one_hot(labels: Labels, chances: Floats) -> Floats:
    return np.asarray(np.arange(chances.shape[1]) == labels[:, np.newaxis], dtype=np.float64)
