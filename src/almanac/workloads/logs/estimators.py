"""The level model: TF-IDF of hashed n-grams, ridge regression and two logistic calibrations."""

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GroupKFold

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.examples import Examples

FOLDS = 4
# Far below what matters to a chance of two digits, and half the time.
TOLERANCE = 1e-2
# The score and the logit of a level that the training lacks.
NO_RIDGE_SCORE = -1.0
NO_LOGIT = -20.0

# Which rows are held out together when a calibration is fitted.
BY_TEMPLATE: Final = "template"
BY_SYSTEM: Final = "system"
CALIBRATIONS: Final = (BY_TEMPLATE, BY_SYSTEM)
# Mild enough to leave the chances alone, strong enough for a few hundred texts.
STRENGTH = 100.0
# There are few systems with logs, so the chances of a system that is new lean more towards the average.
FOREIGN_STRENGTH = 1.0
# How much the logs count beside all logging statements when the chances of other sources are fitted.
RUN_TIME_SHARE = 0.4

# Coefficients with a row per level, and intercepts.
Linear = tuple[Floats, Floats]


class TextLevels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Chances of LEVELS for masked texts.

    TF-IDF of hashed n-grams, ridge regression, and two logistic calibrations. Texts of sources that the model
    was trained on are calibrated on held-out templates, texts of other sources on held-out systems.
    """

    def __init__(self, *, alpha: float = 1.0) -> None:
        """Set the strength of the ridge penalty."""
        self.alpha = alpha

    def fit(self, examples: Examples, *, calibrations: Sequence[str] = CALIBRATIONS) -> Self:
        """Fit on examples; `calibrations` names those that will be used.

        A fold of held-out rows never splits a template, or a system.
        """
        final = Ridge(self.alpha, examples.counts, examples.labels, examples.weights)
        self.idf_words_, self.idf_characters_ = final.idf
        self.weights_, self.offsets_ = final.weights, final.offsets
        self.classes_ = np.array(LEVELS)
        if BY_TEMPLATE in calibrations or not _has_systems(examples):
            self.calibration_weights_, self.calibration_offsets_ = self._by_template(examples)
        if BY_SYSTEM in calibrations and _has_systems(examples):
            self.foreign_weights_, self.foreign_offsets_ = self._by_system(examples)
        return self

    def chances(self, counts: sparse.csr_matrix, is_trained: npt.NDArray[np.bool_]) -> Floats:
        """Return the chances of LEVELS, a row per row of counts.

        `is_trained` says whether the model was trained on the source of the row.
        """
        scores = self._scores(counts)
        chances = np.zeros_like(scores)
        for is_chosen, fitted in ((is_trained, self._trained), (~is_trained, self._foreign)):
            if is_chosen.any():
                chances[is_chosen] = calibrated(scores[is_chosen], fitted())
        return chances

    def both_chances(self, counts: sparse.csr_matrix) -> tuple[Floats, Floats]:
        """Return the chances of LEVELS in sources that are new to the model, and in those of its training."""
        scores = self._scores(counts)
        return calibrated(scores, self._foreign()), calibrated(scores, self._trained())

    def _scores(self, counts: sparse.csr_matrix) -> Floats:
        weighted = _tf_idf(counts, (self.idf_words_, self.idf_characters_))
        scores: Floats = np.asarray(weighted @ self.weights_.T + self.offsets_)
        return scores

    def _trained(self) -> Linear:
        return self.calibration_weights_, self.calibration_offsets_

    def _foreign(self) -> Linear:
        """Return the calibration for other sources; models of older programs have one calibration for all."""
        if not hasattr(self, "foreign_weights_"):
            return self._trained()
        return self.foreign_weights_, self.foreign_offsets_

    def _by_template(self, examples: Examples) -> Linear:
        scores = out_of_fold(self.alpha, examples, examples.templates)
        return calibration(scores, examples.labels, examples.weights)

    def _by_system(self, examples: Examples) -> Linear:
        scores = out_of_fold(self.alpha, examples, examples.systems)
        return calibration(scores, examples.labels, run_time_weights(examples), strength=FOREIGN_STRENGTH)


class Ridge:
    """One ridge regression of every level on TF-IDF features: scores of LEVELS that are not chances yet."""

    def __init__(self, alpha: float, counts: sparse.csr_matrix, labels: Labels, weights: Floats) -> None:
        """Fit on counts of n-grams and the places of levels."""
        self.idf = tuple(_inverse_frequencies(half) for half in _halves(counts))
        classifier = RidgeClassifier(alpha=alpha, solver="sparse_cg", tol=TOLERANCE)
        classifier.fit(_tf_idf(counts, self.idf), labels, sample_weight=weights)
        # A level that the labels lack gets the score of a text without any sign of it.
        weights_of_levels, self.offsets = _for_levels(classifier, -1.0, NO_RIDGE_SCORE)
        self.weights = weights_of_levels.astype(np.float32)

    def scores(self, counts: sparse.csr_matrix) -> Floats:
        """Return a score of each of LEVELS, a row per text."""
        weighted = _tf_idf(counts, self.idf)
        scores: Floats = np.asarray(weighted @ self.weights.T + self.offsets)
        return scores


def out_of_fold(alpha: float, examples: Examples, groups: Labels) -> Floats:
    """Return the scores of each row from a ridge regression that has not seen its group."""
    scores = np.zeros((len(examples.labels), len(LEVELS)))
    count = min(FOLDS, len(np.unique(groups)))
    for train, test in GroupKFold(count).split(scores, groups=groups):
        training = examples.rows(train)
        ridge = Ridge(alpha, training.counts, training.labels, training.weights)
        scores[test] = ridge.scores(examples.counts[test])
    return scores


def run_time_weights(examples: Examples) -> Floats:
    """Return weights by which each system with logs counts the same, and all of them RUN_TIME_SHARE.

    What a new source sends is a log, but most texts of the training are logging statements.

    >>> weights, is_log = np.ones(6), np.array([1, 1, 1, 1, 0, 0], dtype=bool)
    >>> systems = np.array([7, 7, 7, 8, 9, 9])
    >>> examples = Examples(np.zeros((6, 1)), systems, weights, systems, systems, is_log, is_log)
    >>> run_time_weights(examples).round(2).tolist()
    [0.4, 0.4, 0.4, 1.2, 1.8, 1.8]
    """
    weights, is_log = examples.weights, examples.is_run_time
    if is_log.all() or not is_log.any():
        return weights
    _, places = np.unique(examples.systems, return_inverse=True)
    of_systems = np.bincount(places, weights * is_log)
    equal = weights / np.where(is_log, of_systems[places], 1.0)
    shares = np.where(
        is_log, RUN_TIME_SHARE / equal[is_log].sum(), (1 - RUN_TIME_SHARE) / equal[~is_log].sum()
    )
    balanced: Floats = equal * shares * weights.sum()
    return balanced


def calibration(scores: Floats, labels: Labels, weights: Floats, *, strength: float = STRENGTH) -> Linear:
    """Fit chances to out-of-fold scores (Platt scaling, for all levels at once); return weights and offsets.

    A level that the labels lack gets a chance close to 0. The smaller `strength`, the milder the chances.
    """
    regression = LogisticRegression(C=strength, max_iter=1000)
    regression.fit(scores, labels, sample_weight=weights)
    return _for_levels(regression, 0.0, NO_LOGIT)


def calibrated(scores: Floats, fitted: Linear) -> Floats:
    """Return the chances that a calibration gives to scores (softmax)."""
    weights, offsets = fitted
    logits = scores @ weights.T + offsets
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances


def _has_systems(examples: Examples) -> bool:
    return len(np.unique(examples.systems)) > 1


def _for_levels(classifier: Any, first: float, missing: float) -> Linear:
    """Return coefficients and intercepts with a row for each of LEVELS.

    The intercept of a level that the labels lack is `missing`; see `_for_classes` for `first`.
    """
    coefficients, intercepts = _for_classes(classifier, first)
    weights = np.zeros((len(LEVELS), coefficients.shape[1]))
    offsets = np.full(len(LEVELS), missing)
    weights[classifier.classes_], offsets[classifier.classes_] = coefficients, intercepts
    return weights, offsets


def _for_classes(classifier: Any, first: float) -> Linear:
    """Return coefficients and intercepts with a row per class.

    Of two classes scikit-learn has a row of the second; the row of the first is that times `first`.
    """
    coefficients = np.atleast_2d(classifier.coef_)
    intercepts = np.atleast_1d(classifier.intercept_)
    if len(classifier.classes_) != 2:
        return coefficients, intercepts
    return np.vstack([first * coefficients, coefficients]), np.hstack([first * intercepts, intercepts])


def _halves(counts: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the counts of words and those of characters."""
    return counts[:, : features.WORD_FEATURES], counts[:, features.WORD_FEATURES :]


def _inverse_frequencies(counts: sparse.csr_matrix) -> npt.NDArray[np.float32]:
    transformer = TfidfTransformer(sublinear_tf=True).fit(counts)
    frequencies: npt.NDArray[np.float32] = transformer.idf_.astype(np.float32)
    return frequencies


def _tf_idf(counts: sparse.csr_matrix, idf: tuple[Any, ...]) -> sparse.csr_matrix:
    """Return sublinear TF-IDF, words and characters each of length one."""
    halves = zip(_halves(counts), idf, strict=True)
    return sparse.hstack([_normalized(half, weights) for half, weights in halves], format="csr")


def _normalized(counts: sparse.csr_matrix, idf: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    """Return sublinear TF-IDF, each row divided by its length."""
    weighted = counts.astype(np.float32)
    weighted.data = (1.0 + np.log(weighted.data)) * idf[weighted.indices]
    factors = 1.0 / np.maximum(_lengths(weighted), 1e-12)
    return sparse.diags_array(factors.astype(np.float32)).tocsr() @ weighted


def _lengths(rows: sparse.csr_matrix) -> npt.NDArray[np.float32]:
    squares = rows.multiply(rows).sum(axis=1)
    lengths: npt.NDArray[np.float32] = np.sqrt(np.asarray(squares).ravel())
    return lengths
