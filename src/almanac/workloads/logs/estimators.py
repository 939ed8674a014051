"""The level model: TF-IDF of hashed n-grams, ridge regression and a logistic calibration."""

from typing import Any, Self

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

FOLDS = 4
# Far below what matters to a chance of two digits, and half the time.
TOLERANCE = 1e-2
# The score and the logit of a level that the training lacks.
NO_RIDGE_SCORE = -1.0
NO_LOGIT = -20.0

# Coefficients with a row per level, and intercepts.
Linear = tuple[Floats, Floats]


class TextLevels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Chances of LEVELS for masked texts.

    TF-IDF of hashed n-grams, ridge regression, and a logistic calibration on grouped folds.
    """

    def __init__(self, *, alpha: float = 1.0) -> None:
        """Set the strength of the ridge penalty."""
        self.alpha = alpha

    def fit(self, texts: npt.ArrayLike, labels: Labels, *, weights: Floats, groups: Labels) -> Self:
        """Fit on texts and the places of their levels; a fold never splits the texts of one group."""
        counts = features.vectorizer().transform(np.asarray(texts))
        return self.fit_counts(counts, labels, weights=weights, groups=groups)

    def fit_counts(
        self, counts: sparse.csr_matrix, labels: Labels, *, weights: Floats, groups: Labels
    ) -> Self:
        """Fit on counts of n-grams as `features.vectorizer` makes them."""
        scores = self._out_of_fold(counts, labels, weights, groups)
        self.calibration_weights_, self.calibration_offsets_ = calibration(scores, labels, weights)
        final = Ridge(self.alpha, counts, labels, weights)
        self.idf_words_, self.idf_characters_ = final.idf
        self.weights_, self.offsets_ = final.weights, final.offsets
        self.classes_ = np.array(LEVELS)
        return self

    def predict_proba(self, texts: npt.ArrayLike) -> Floats:
        """Return the chances of LEVELS, a row per text."""
        counts = features.vectorizer().transform(np.asarray(texts))
        return self.chances_of_counts(counts)

    def chances_of_counts(self, counts: sparse.csr_matrix) -> Floats:
        """Return the chances of LEVELS for counts of n-grams."""
        weighted = _tf_idf(counts, (self.idf_words_, self.idf_characters_))
        scores = weighted @ self.weights_.T + self.offsets_
        return calibrated(scores, (self.calibration_weights_, self.calibration_offsets_))

    def predict(self, texts: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Return the most likely level of each text."""
        places = self.predict_proba(texts).argmax(axis=1)
        levels: npt.NDArray[np.str_] = self.classes_[places]
        return levels

    def _out_of_fold(
        self, counts: sparse.csr_matrix, labels: Labels, weights: Floats, groups: Labels
    ) -> Floats:
        """Return the scores of each text from a ridge regression that has not seen its group."""
        scores = np.zeros((len(labels), len(LEVELS)))
        for train, test in GroupKFold(FOLDS).split(counts, labels, groups):
            ridge = Ridge(self.alpha, counts[train], labels[train], weights[train])
            scores[test] = ridge.scores(counts[test])
        return scores


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


def calibration(scores: Floats, labels: Labels, weights: Floats) -> Linear:
    """Fit chances to out-of-fold scores (Platt scaling, for all levels at once); return weights and offsets.

    A level that the labels lack gets a chance close to 0.
    """
    # Mild enough to leave the chances alone, strong enough for a few hundred texts.
    regression = LogisticRegression(C=100.0, max_iter=1000)
    regression.fit(scores, labels, sample_weight=weights)
    return _for_levels(regression, 0.0, NO_LOGIT)


def calibrated(scores: Floats, fitted: Linear) -> Floats:
    """Return the chances that a calibration gives to scores (softmax)."""
    weights, offsets = fitted
    logits = scores @ weights.T + offsets
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances


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
