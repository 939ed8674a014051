"""Forecasts of levels for rows that their model has not seen: by groups, and by time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import examples
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.estimators import BY_SYSTEM, BY_TEMPLATE, TextLevels
from almanac.workloads.logs.examples import NO_SOURCES, Examples, Flags
from almanac.workloads.logs.model import ALPHA
from almanac.workloads.logs.terms import levels

Fold = tuple[Labels, Labels]

FOLDS = 5
# Fewer rows of logs are no evidence; then statements of programs are evaluated too.
LEAST_ROWS = 500
LEAST_SYSTEMS = 2
# The quantile of the times at which texts were first seen; later texts are the test.
TIME_SHARE = 0.6


class Forecasts(NamedTuple):
    """Chances of LEVELS for rows that the model has not seen, and the base rates of its training."""

    frame: pd.DataFrame
    chances: Floats
    base: Floats


def evaluation_rows(statements: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to evaluate on, one per template: of logs if there are enough, else of programs too."""
    of_logs = statements[~statements["origin"].isin(NO_SOURCES)]
    has_enough = of_logs["template"].nunique() >= LEAST_ROWS
    rows = of_logs if has_enough else statements
    ordered = rows.sort_values("occurrences", ascending=False, kind="stable")
    return ordered.drop_duplicates("template").sort_index()


def cross_validate(statements: pd.DataFrame, *, by: str, seed: int, alpha: float = ALPHA) -> Forecasts:
    """Return forecasts for every evaluation row, from models without a row of the same template or system.

    `by` names the column of the groups. The models are what is served, both calibrations among it: the column
    `is_trained` of the rows says whether the model was trained on their system, and so which one was used.
    """
    learned = examples.of(statements)
    groups = pd.factorize(statements[by])[0]
    is_test = statements.index.isin(evaluation_rows(statements).index)
    return _forecasts(statements, learned, folds(groups, learned.labels, is_test, seed), alpha)


def leave_logs_out(statements: pd.DataFrame, *, alpha: float = ALPHA) -> Forecasts:
    """Return forecasts for every text of every system with logs, from a model without any text of the system.

    Logging statements of a system of that name are left out too. There are none where there is one system.
    """
    learned = examples.of(statements)
    systems = np.unique(learned.systems[learned.is_run_time])
    if len(systems) < LEAST_SYSTEMS:
        return Forecasts(statements.iloc[:0].assign(is_trained=False), _nothing(), _nothing())
    split = (_without(learned, system) for system in systems)
    return _forecasts(statements, learned, split, alpha)


def validate_by_time(statements: pd.DataFrame, *, alpha: float = ALPHA) -> Forecasts:
    """Return forecasts for the texts first seen late, from a model of those seen before.

    Texts without a time belong to the training.
    """
    train, test = _split_by_time(statements)
    if not len(test):
        return Forecasts(statements.iloc[:0].assign(is_trained=False), _nothing(), _nothing())
    return _forecasts(statements, examples.of(statements), iter([(train, test)]), alpha)


def folds(groups: Labels, labels: Labels, is_test: Flags, seed: int) -> Iterator[Fold]:
    """Yield training and test rows: each test row once, and no training row of a group that is tested."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    tested = np.flatnonzero(is_test)
    for _, places in splitter.split(tested, labels[is_test], groups[is_test]):
        test = tested[places]
        train = ~np.isin(groups, groups[test])
        yield np.flatnonzero(train), test


def base_rates(labels: Labels, weights: Floats) -> Floats:
    """Return the share of each of LEVELS, none of them zero."""
    counts = np.bincount(labels, weights, minlength=len(LEVELS)) + 1.0
    rates: Floats = counts / counts.sum()
    return rates


def labels_of(frame: pd.DataFrame) -> Labels:
    """Return the place in LEVELS of each row's level."""
    return np.array(levels.numbers(frame["level"]), dtype=np.int64)


def _forecasts(statements: pd.DataFrame, learned: Examples, split: Iterator[Fold], alpha: float) -> Forecasts:
    """Return the forecasts of each test row by the model of its fold, in the order of the statements."""
    size = len(statements)
    chances, base = np.zeros((size, len(LEVELS))), np.zeros((size, len(LEVELS)))
    is_tested, is_trained = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    with threadpool_limits(limits=1):
        for train, test in split:
            training = learned.rows(train)
            is_trained[test] = training.are_trained_on(learned.systems[test])
            chances[test] = _served(training, learned.counts[test], is_trained[test], alpha)
            base[test], is_tested[test] = base_rates(training.labels, training.weights), True
    frame = statements.assign(is_trained=is_trained)
    return Forecasts(frame[is_tested], chances[is_tested], base[is_tested])


def _served(training: Examples, counts: sparse.csr_matrix, is_trained: Flags, alpha: float) -> Floats:
    """Return the chances that a model of a training serves; a calibration that no row needs is left out."""
    by_use = {BY_TEMPLATE: is_trained.any(), BY_SYSTEM: (~is_trained).any()}
    needed = [name for name, is_used in by_use.items() if is_used]
    model = TextLevels(alpha=alpha).fit(training, calibrations=needed)
    return model.chances(counts, is_trained)


def _without(learned: Examples, system: int) -> Fold:
    """Return training and test rows: the texts of a system's logs are the test."""
    is_of_system = learned.systems == system
    return np.flatnonzero(~is_of_system), np.flatnonzero(is_of_system & learned.is_run_time)


def _split_by_time(statements: pd.DataFrame) -> Fold:
    """Return training and test rows; test rows were first seen late, with templates new to the training."""
    is_late = _is_late(statements["seen_at"])
    train = statements[~is_late]
    is_new = ~statements["template"].isin(train["template"]).to_numpy()
    test = evaluation_rows(statements[is_late & is_new])
    return np.flatnonzero(~is_late), np.flatnonzero(statements.index.isin(test.index))


def _is_late(seen_at: pd.Series) -> Flags:
    times = seen_at.dropna()
    if times.empty:
        return np.zeros(len(seen_at), dtype=bool)
    is_late: Flags = (seen_at > times.quantile(TIME_SHARE)).to_numpy(dtype=bool)
    return is_late


def _nothing() -> Floats:
    return np.zeros((0, len(LEVELS)))
