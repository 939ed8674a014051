"""Scores of abnormal sessions and lines: pure rules, and a session model that can use labels."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from almanac.judging.scores import Floats

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
SessionLabels = npt.NDArray[np.object_] | Flags

# The share of sessions that counts as abnormal where there are no labels.
PRIOR = 0.03
LEAST_LABELLED = 20
# The score of a session with a text that no training session has.
UNSEEN_SCORE = 0.9
# A template is rare in its source below this share of the source's entries.
RARE_SHARE = 2e-4
LEAST_ENTRIES = 2_000
# A template bursts when five minutes hold that many times the usual number of its busy five minutes.
BURST_RATIO = 10.0
LEAST_BURST = 50
LEAST_BUCKETS = 12


def strangeness(share: Floats, prior: float) -> Floats:
    """Return a score between 0 and 1, given the share of cases that are at least as strange.

    It is 0.5 where this share is the prior, and more where it is less.

    >>> strangeness(np.array([0.03, 0.01, 1.0]), 0.03).round(2).tolist()
    [0.5, 0.75, 0.03]
    """
    score: Floats = prior / (prior + share)
    return score


def rarity(entries: Floats, of_source: Floats) -> Floats:
    """Return how rare a template is in its source, given the entries of both.

    A source with fewer than LEAST_ENTRIES entries has no rare template.
    """
    score = strangeness(entries / np.maximum(of_source, 1.0), RARE_SHARE)
    scores: Floats = np.where(of_source >= LEAST_ENTRIES, score, 0.0)
    return scores


def burst(entries: Floats, usual: Floats, buckets: Floats) -> Floats:
    """Return how much five minutes of a template burst.

    `usual` is the mean number of entries of the template's other `buckets` with entries.
    """
    ratio = entries / np.maximum(usual, 1.0)
    has_evidence = (entries >= LEAST_BURST) & (buckets >= LEAST_BUCKETS)
    scores: Floats = np.where(has_evidence, ratio / (ratio + BURST_RATIO), 0.0)
    return scores


@dataclass(frozen=True)
class Sessions:
    """Sessions as counts: a row per session, a column per masked text, whose ids (as numbers) are `texts`."""

    counts: sparse.csr_matrix
    texts: Ids

    def text_shares(self) -> Floats:
        """Return the share of sessions that have each text."""
        return np.asarray((self.counts > 0).mean(axis=0)).ravel()


class SessionModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """How abnormal a session is, from how often each masked text came in it.

    Without labels, the score compares the share of training sessions that are at least as strange with PRIOR.
    A session is strange by the rarest text that it has, or by the most usual text that it lacks.
    With labels, it is a logistic regression on the logarithms of the counts.
    """

    def __init__(self, *, use_labels: bool = True) -> None:
        """Set whether labels are used where there are some."""
        self.use_labels = use_labels

    def fit(self, sessions: Sessions, abnormal: SessionLabels | None = None) -> Self:
        """Fit on sessions; `abnormal` is True, False or None per session."""
        self._fit_shares(sessions)
        self.weights_ = np.zeros(0)
        self.offset_ = 0.0
        if self.use_labels and abnormal is not None:
            self._fit_labels(sessions.counts, abnormal)
        return self

    @property
    def is_supervised(self) -> bool:
        """Whether labels were used."""
        return bool(len(self.weights_))

    def knows(self, sessions: Sessions) -> Flags:
        """Return for each session whether at least half of its events have texts of the training."""
        in_training = _row_sums(self._aligned(sessions))
        flags: Flags = in_training >= 0.5 * _row_sums(sessions.counts)
        return flags

    def score(self, sessions: Sessions) -> Floats:
        """Return how abnormal each session is; from 0.5 on it is an anomaly.

        A text that no training session has makes a session abnormal.
        """
        counts = self._aligned(sessions)
        scores = self._supervised(counts) if self.is_supervised else self._unsupervised(counts)
        has_unseen = _row_sums(sessions.counts) > _row_sums(counts)
        return np.where(has_unseen, np.maximum(scores, UNSEEN_SCORE), scores)

    def _fit_shares(self, sessions: Sessions) -> None:
        """Fit the share of sessions that have each text, and the distribution of strange texts."""
        present = sessions.counts > 0
        self.texts_ = sessions.texts
        self.shares_ = sessions.text_shares()
        self.rare_ = np.sort(self._rarest(present))
        self.lacking_ = np.sort(self._lacking(present))

    def _fit_labels(self, counts: sparse.csr_matrix, abnormal: SessionLabels) -> None:
        """Fit on the sessions with a label, if there are enough of either kind."""
        has_label = np.array([_is_label(label) for label in abnormal], dtype=bool)
        labels = np.asarray(abnormal)[has_label].astype(bool)
        if min(labels.sum(), (~labels).sum()) < LEAST_LABELLED:
            return
        regression = LogisticRegression(C=30.0, max_iter=3000)
        regression.fit(counts[has_label].log1p(), labels)
        (self.weights_,), (offset,) = regression.coef_, regression.intercept_
        self.offset_ = float(offset)

    def _supervised(self, counts: sparse.csr_matrix) -> Floats:
        logits = counts.log1p() @ self.weights_ + self.offset_
        chances: Floats = 1.0 / (1.0 + np.exp(-logits))
        return chances

    def _unsupervised(self, counts: sparse.csr_matrix) -> Floats:
        present = counts > 0
        with_as_rare = _share_below(self.rare_, self._rarest(present))
        with_as_much_lacking = _share_below(self.lacking_, self._lacking(present))
        return strangeness(np.minimum(with_as_rare, with_as_much_lacking), PRIOR)

    def _rarest(self, present: sparse.csr_matrix) -> Floats:
        """Return the share of sessions that have the rarest text of each session."""
        return _least(present, self.shares_)

    def _lacking(self, present: sparse.csr_matrix) -> Floats:
        """Return the share of sessions that lack the most usual text which a session lacks."""
        if not present.shape[1]:
            return _least(present, 1.0 - self.shares_)
        lacks = 1 - present.toarray().astype(np.int8)
        return _least(sparse.csr_matrix(lacks), 1.0 - self.shares_)

    def _aligned(self, sessions: Sessions) -> sparse.csr_matrix:
        """Return the counts of the texts of the training, in their order."""
        places, is_trained = _places(self.texts_, sessions.texts)
        columns = np.flatnonzero(is_trained)
        ones = np.ones(len(columns))
        shape = (len(sessions.texts), len(self.texts_))
        selection = sparse.csr_matrix((ones, (columns, places[columns])), shape=shape)
        return sparse.csr_matrix(sessions.counts @ selection)


def _is_label(value: object) -> bool:
    """Return whether a value is a label; None and NaN are not."""
    return value is not None and value == value


def _places(texts: Ids, searched: Ids) -> tuple[Ids, Flags]:
    """Return the place in `texts` of each searched id, and whether it is there; else any place."""
    if not len(texts):
        return np.zeros_like(searched), np.zeros_like(searched, dtype=bool)
    order = np.argsort(texts)
    ranks = np.searchsorted(texts, searched, sorter=order)
    places = order[np.minimum(ranks, len(order) - 1)]
    return places, texts[places] == searched


def _row_sums(counts: sparse.csr_matrix) -> Floats:
    return np.asarray(counts.sum(axis=1)).ravel()


def _least(flags: sparse.csr_matrix, shares: Floats) -> Floats:
    """Return the least share among the flagged columns of each row; 1 where none is flagged."""
    complements = sparse.csr_matrix(flags, dtype=np.float64)
    complements.data = 1.0 - shares[complements.indices]
    greatest = complements.max(axis=1).todense()
    least: Floats = 1.0 - np.asarray(greatest).ravel()
    return least


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """Return the share of training values that are at most each value, rounding aside."""
    counts = np.searchsorted(ordered, values + 1e-9, side="right")
    shares: Floats = counts / max(len(ordered), 1)
    return shares
