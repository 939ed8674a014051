"""The parts of the model: levels of texts and strangeness of sessions, each fitted on its own data."""

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


class TextLevels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Chances of LEVELS for masked texts: TF-IDF of hashed n-grams, ridge regression, and a logistic calibration on grouped folds."""

    def __init__(self, *, alpha: float = 1.0) -> None:
        """Keep the strength of the ridge penalty."""
        self.alpha = alpha

    def fit(self, texts: npt.ArrayLike, labels: Labels, *, weights: Floats, groups: Labels) -> Self:
        """Fit on texts with the places of their levels; texts of one group never stand on both sides of a fold."""
        return self.fit_counts(
            features.vectorizer().transform(np.asarray(texts)), labels, weights=weights, groups=groups
        )

    def fit_counts(
        self, counts: sparse.csr_matrix, labels: Labels, *, weights: Floats, groups: Labels
    ) -> Self:
        """Fit on counts of n-grams that `features.vectorizer` has made."""
        scores = np.zeros((len(labels), len(LEVELS)))
        for learn, judge in GroupKFold(FOLDS).split(counts, labels, groups):
            scores[judge] = Ridge(self.alpha, counts[learn], labels[learn], weights[learn]).scores(
                counts[judge]
            )
        self.calibration_weights_, self.calibration_offsets_ = calibration(scores, labels, weights)
        final = Ridge(self.alpha, counts, labels, weights)
        self.idf_words_, self.idf_characters_ = final.idf
        self.weights_, self.offsets_ = final.weights, final.offsets
        self.classes_ = np.array(LEVELS)
        return self

    def predict_proba(self, texts: npt.ArrayLike) -> Floats:
        """Return the chances of LEVELS, a row per text."""
        return self.chances_of_counts(features.vectorizer().transform(np.asarray(texts)))

    def chances_of_counts(self, counts: sparse.csr_matrix) -> Floats:
        """Return the chances of LEVELS for counts of n-grams."""
        scores = _weighed(counts, (self.idf_words_, self.idf_characters_)) @ self.weights_.T + self.offsets_
        return calibrated(scores, (self.calibration_weights_, self.calibration_offsets_))

    def predict(self, texts: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Return the most likely level of each text."""
        levels: npt.NDArray[np.str_] = self.classes_[self.predict_proba(texts).argmax(axis=1)]
        return levels


class Ridge:
    """One ridge regression of every level on TF-IDF features: scores of LEVELS that are no chances yet."""

    def __init__(self, alpha: float, counts: sparse.csr_matrix, labels: Labels, weights: Floats) -> None:
        """Fit on counts of n-grams and the places of levels."""
        halves = _halves(counts)
        self.idf = tuple(
            TfidfTransformer(sublinear_tf=True).fit(half).idf_.astype(np.float32) for half in halves
        )
        fitted = RidgeClassifier(alpha=alpha, solver="sparse_cg", tol=TOLERANCE).fit(
            _weighed(counts, self.idf), labels, sample_weight=weights
        )
        # A level that is not there gets the score of a text without any sign of it.
        self.weights = np.zeros((len(LEVELS), counts.shape[1]), dtype=np.float32)
        self.offsets = np.full(len(LEVELS), -1.0)
        coefficients, intercepts = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
        if len(fitted.classes_) == 2:
            coefficients, intercepts = (
                np.vstack([-coefficients, coefficients]),
                np.hstack([-intercepts, intercepts]),
            )
        self.weights[fitted.classes_], self.offsets[fitted.classes_] = coefficients, intercepts

    def scores(self, counts: sparse.csr_matrix) -> Floats:
        """Return a score of each of LEVELS, a row per text."""
        scores: Floats = np.asarray(_weighed(counts, self.idf) @ self.weights.T + self.offsets)
        return scores


def _halves(counts: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    return counts[:, : features.WORD_FEATURES], counts[:, features.WORD_FEATURES :]


def _weighed(counts: sparse.csr_matrix, idf: tuple[Any, ...]) -> sparse.csr_matrix:
    """Return sublinear TF-IDF, words and characters each of length one."""
    return sparse.hstack(
        [_tf_idf(half, weights) for half, weights in zip(_halves(counts), idf, strict=True)], format="csr"
    )


def _tf_idf(counts: sparse.csr_matrix, idf: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    weighed = counts.astype(np.float32)
    weighed.data = (1.0 + np.log(weighed.data)) * idf[weighed.indices]
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    return sparse.diags_array((1.0 / np.maximum(lengths, 1e-12)).astype(np.float32)).tocsr() @ weighed


def calibration(scores: Floats, labels: Labels, weights: Floats) -> tuple[Floats, Floats]:
    """Fit chances to held-out scores (Platt, for all levels at once); return weights and offsets with a row per level.

    A level that was never there gets next to no chance.
    """
    # Mild enough to leave the chances alone, strong enough for a few hundred texts.
    fitted = LogisticRegression(C=100.0, max_iter=1000).fit(scores, labels, sample_weight=weights)
    weights, offsets = np.zeros((len(LEVELS), len(LEVELS))), np.full(len(LEVELS), -20.0)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:
        coefficients, intercepts = (
            np.vstack([np.zeros_like(coefficients), coefficients]),
            np.hstack([[0.0], intercepts]),
        )
    weights[fitted.classes_], offsets[fitted.classes_] = coefficients, intercepts
    return weights, offsets


def calibrated(scores: Floats, fitted: tuple[Floats, Floats]) -> Floats:
    """Return the chances that a calibration gives to scores."""
    scores = scores @ fitted[0].T + fitted[1]
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: Floats = raised / raised.sum(axis=1, keepdims=True)
    return chances
