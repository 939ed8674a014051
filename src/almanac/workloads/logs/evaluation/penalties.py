"""Compares penalties of the ridge regression, quickly: scores of folds, each calibrated on the others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import estimators, examples
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.estimators import Ridge
from almanac.workloads.logs.evaluation.scores import score
from almanac.workloads.logs.evaluation.validation import evaluation_rows, folds
from almanac.workloads.logs.examples import Examples


def compare_penalties(statements: pd.DataFrame, alphas: Sequence[float], *, seed: int) -> pd.DataFrame:
    """Return the scores of each penalty on held-out templates, a row each.

    One calibration on the other folds takes the place of the two of a model, which would take five times as
    long. So these scores compare penalties, and say less than `cross_validate` of what is served.
    """
    learned = examples.of(statements)
    rows = np.flatnonzero(statements.index.isin(evaluation_rows(statements).index))
    tested = learned.rows(rows)
    levels = statements["level"].iloc[rows]
    with threadpool_limits(limits=1):
        of_folds = [_fold_scores(learned, rows, alpha, seed) for alpha in alphas]
        chances = [cross_calibrated(scores, tested.labels, fold) for scores, fold in of_folds]
    return pd.DataFrame([score(levels, each) for each in chances], index=list(alphas))


def cross_calibrated(scores: Floats, labels: Labels, fold: Labels) -> Floats:
    """Return chances for scores, each fold calibrated on the others."""
    chances = np.zeros_like(scores)
    for number in np.unique(fold):
        is_other = fold != number
        weights = np.ones(int(is_other.sum()))
        fitted = estimators.calibration(scores[is_other], labels[is_other], weights)
        chances[~is_other] = estimators.calibrated(scores[~is_other], fitted)
    return chances


def _fold_scores(learned: Examples, rows: Labels, alpha: float, seed: int) -> tuple[Floats, Labels]:
    """Return the scores of the rows by the ridge regression of their fold, and the number of the fold."""
    size = len(learned.labels)
    scores, fold = np.zeros((size, len(LEVELS))), np.zeros(size, dtype=np.int64)
    is_test = np.isin(np.arange(size), rows)
    for number, (train, test) in enumerate(folds(learned.templates, learned.labels, is_test, seed)):
        training = learned.rows(train)
        ridge = Ridge(alpha, training.counts, training.labels, training.weights)
        scores[test], fold[test] = ridge.scores(learned.counts[test]), number
    return scores[rows], fold[rows]
