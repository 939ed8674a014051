"""Forecasts of levels for rows that their model has not seen: by groups, and by time."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import estimators, features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.model import ALPHA
from almanac.workloads.logs.terms import levels

Flags = npt.NDArray[np.bool_]
Fold = tuple[Labels, Labels]

FOLDS = 5
# Fewer rows of logs are no evidence; then statements of programs are evaluated too.
LEAST_ROWS = 500
TRAINING_ONLY = ("python",)
# The quantile of the times at which texts were first seen; later texts are the test.
TIME_SHARE = 0.6


class Forecasts(NamedTuple):
    """Chances of LEVELS for rows that the model has not seen, and the base rates of its training."""

    frame: pd.DataFrame
    chances: Floats
    base: Floats


class Examples(NamedTuple):
    """What a level model learns from: counts of n-grams, places of levels, weights."""

    counts: sparse.csr_matrix
    labels: Labels
    weights: Floats

    def rows(self, places: Labels) -> Self:
        """Return the examples of some rows."""
        return type(self)(self.counts[places], self.labels[places], self.weights[places])


def evaluation_rows(statements: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to evaluate on, one per template: of logs if there are enough, else of programs too."""
    of_logs = statements[~statements["origin"].isin(TRAINING_ONLY)]
    has_enough = of_logs["template"].nunique() >= LEAST_ROWS
    rows = of_logs if has_enough else statements
    ordered = rows.sort_values("occurrences", ascending=False, kind="stable")
    return ordered.drop_duplicates("template").sort_index()


def cross_validate(statements: pd.DataFrame, *, by: str, seed: int, alpha: float = ALPHA) -> Forecasts:
    """Return forecasts for every evaluation row, from models without a row of the same template or system.

    `by` names the column of the groups. The scores of a fold are calibrated on the scores of the other folds.
    """
    examples = _examples(statements)
    groups = pd.factorize(statements[by])[0]
    is_test = statements.index.isin(evaluation_rows(statements).index)
    split = folds(groups, examples.labels, is_test, seed)
    with threadpool_limits(limits=1):
        scores, base, fold = _fold_scores(examples, split, alpha)
        chances = cross_calibrated(scores[is_test], examples.labels[is_test], fold[is_test])
    return Forecasts(statements[is_test], chances, base[is_test])


def validate_by_time(statements: pd.DataFrame, *, alpha: float = ALPHA) -> Forecasts:
    """Return forecasts for the texts first seen late, from a model of those seen before.

    Texts without a time belong to the training.
    """
    train, test = _split_by_time(statements)
    if test.empty:
        nothing = np.zeros((0, len(LEVELS)))
        return Forecasts(test, nothing, nothing)
    rates = base_rates(labels_of(train), _weights(train))
    base = np.tile(rates, (len(test), 1))
    return Forecasts(test, _chances(train, test, alpha), base)


def folds(groups: Labels, labels: Labels, is_test: Flags, seed: int) -> Iterator[Fold]:
    """Yield training and test rows: each test row once, and no training row of a group that is tested."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    tested = np.flatnonzero(is_test)
    for _, places in splitter.split(tested, labels[is_test], groups[is_test]):
        test = tested[places]
        train = ~np.isin(groups, groups[test])
        yield np.flatnonzero(train), test


def cross_calibrated(scores: Floats, labels: Labels, fold: Labels) -> Floats:
    """Return chances for scores, each fold calibrated on the others."""
    chances = np.zeros_like(scores)
    for number in np.unique(fold):
        is_other = fold != number
        weights = np.ones(int(is_other.sum()))
        fitted = estimators.calibration(scores[is_other], labels[is_other], weights)
        chances[~is_other] = estimators.calibrated(scores[~is_other], fitted)
    return chances


def base_rates(labels: Labels, weights: Floats) -> Floats:
    """Return the share of each of LEVELS, none of them zero."""
    counts = np.bincount(labels, weights, minlength=len(LEVELS)) + 1.0
    rates: Floats = counts / counts.sum()
    return rates


def labels_of(frame: pd.DataFrame) -> Labels:
    """Return the place in LEVELS of each row's level."""
    return np.array(levels.numbers(frame["level"]), dtype=np.int64)


def _examples(statements: pd.DataFrame) -> Examples:
    counts = features.vectorizer().transform(statements["text"])
    return Examples(counts, labels_of(statements), _weights(statements))


def _weights(statements: pd.DataFrame) -> Floats:
    return statements["weight"].to_numpy(dtype=np.float64)


def _fold_scores(examples: Examples, split: Iterator[Fold], alpha: float) -> tuple[Floats, Floats, Labels]:
    """Return scores and base rates of each test row by the model of its fold, and the number of the fold."""
    size = len(examples.labels)
    scores, base = np.zeros((size, len(LEVELS))), np.zeros((size, len(LEVELS)))
    fold = np.zeros(size, dtype=np.int64)
    for number, (train, test) in enumerate(split):
        training = examples.rows(train)
        ridge = estimators.Ridge(alpha, *training)
        scores[test] = ridge.scores(examples.counts[test])
        base[test], fold[test] = base_rates(training.labels, training.weights), number
    return scores, base, fold


def _split_by_time(statements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test rows; test rows were first seen late, with templates new to the training."""
    is_late = _is_late(statements["seen_at"])
    train = statements[~is_late]
    is_new = ~statements["template"].isin(train["template"]).to_numpy()
    return train, evaluation_rows(statements[is_late & is_new])


def _is_late(seen_at: pd.Series) -> Flags:
    times = seen_at.dropna()
    if times.empty:
        return np.zeros(len(seen_at), dtype=bool)
    is_late: Flags = (seen_at > times.quantile(TIME_SHARE)).to_numpy(dtype=bool)
    return is_late


def _chances(train: pd.DataFrame, test: pd.DataFrame, alpha: float) -> Floats:
    texts = train["text"].to_numpy(dtype=object)
    groups = pd.factorize(train["template"])[0]
    model = estimators.TextLevels(alpha=alpha)
    with threadpool_limits(limits=1):
        model.fit(texts, labels_of(train), weights=_weights(train), groups=groups)
        return model.predict_proba(test["text"].to_numpy(dtype=object))
