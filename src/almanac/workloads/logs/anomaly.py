"""Which sessions and lines stand out: pure rules, and a session model that learns from labels where there are some."""

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

# The share of sessions that is taken for abnormal where nobody has labelled any.
PRIOR = 0.03
LEAST_LABELLED = 20
# A template is rare in its source below this share of the source's entries.
RARE_SHARE = 2e-4
LEAST_ENTRIES = 2_000
# A template bursts when five minutes hold that many times what its busy five minutes usually do.
BURST_RATIO = 10.0
LEAST_BURST = 50
LEAST_BUCKETS = 12


def strangeness(share: Floats, prior: float) -> Floats:
    """Return a score between 0 and 1 that is 0.5 where the share of equally strange cases is the prior, and more where it is less.

    >>> strangeness(np.array([0.03, 0.01, 1.0]), 0.03).round(2).tolist()
    [0.5, 0.75, 0.03]
    """
    score: Floats = prior / (prior + share)
    return score


def rarity(entries: Floats, of_source: Floats) -> Floats:
    """Return how rare a template is in its source, given the entries of both; sources with too few entries have nothing rare."""
    score = strangeness(entries / np.maximum(of_source, 1.0), RARE_SHARE)
    scores: Floats = np.where(of_source >= LEAST_ENTRIES, score, 0.0)
    return scores


def burst(entries: Floats, usual: Floats, buckets: Floats) -> Floats:
    """Return how much five minutes of a template burst, given the usual entries of its other busy `buckets`."""
    ratio = entries / np.maximum(usual, 1.0)
    is_known = (entries >= LEAST_BURST) & (buckets >= LEAST_BUCKETS)
    scores: Floats = np.where(is_known, ratio / (ratio + BURST_RATIO), 0.0)
    return scores


@dataclass(frozen=True)
class Sessions:
    """Sessions as counts: a row per session, a column per masked text, whose ids (as numbers) are `texts`."""

    counts: sparse.csr_matrix
    texts: Ids


class SessionModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """How abnormal a session is, from how often each masked text came in it.

    Without labels: the share of training sessions that are at least as strange, by the rarest text a session has or by the most
    usual one it lacks, against PRIOR. With labels: logistic regression on the logarithms of the counts.
    """

    def __init__(self, *, use_labels: bool = True) -> None:
        """Keep whether labels are used where there are some."""
        self.use_labels = use_labels

    def fit(self, sessions: Sessions, abnormal: npt.NDArray[np.object_] | Flags | None = None) -> Self:
        """Fit on sessions; `abnormal` is True, False or None per session."""
        self.texts_ = sessions.texts
        present = sessions.counts > 0
        self.shares_ = np.asarray(present.mean(axis=0)).ravel()
        self.rare_ = np.sort(self._rarest(present))
        self.lacking_ = np.sort(self._lacking(present))
        self.weights_ = np.zeros(0)
        self.offset_ = 0.0
        known = (
            np.array([label is not None and label == label for label in abnormal], dtype=bool)
            if abnormal is not None
            else np.zeros(0, bool)
        )
        if self.use_labels and known.any():
            labels = np.asarray(abnormal)[known].astype(bool)
            if min(labels.sum(), (~labels).sum()) >= LEAST_LABELLED:
                fitted = LogisticRegression(C=30.0, max_iter=3000).fit(sessions.counts[known].log1p(), labels)
                self.weights_, self.offset_ = fitted.coef_[0], float(fitted.intercept_[0])
        return self

    @property
    def is_supervised(self) -> bool:
        """Whether labels were used."""
        return bool(len(self.weights_))

    def knows(self, sessions: Sessions) -> Flags:
        """Tell of each session whether most of its events have texts of the training."""
        total = np.asarray(sessions.counts.sum(axis=1)).ravel()
        known = np.asarray(self._aligned(sessions).sum(axis=1)).ravel()
        flags: Flags = known >= 0.5 * total
        return flags

    def score(self, sessions: Sessions) -> Floats:
        """Return how abnormal each session is; from 0.5 on it counts as anomaly. A text that was never seen makes it one."""
        counts = self._aligned(sessions)
        unseen = np.asarray(sessions.counts.sum(axis=1)).ravel() > np.asarray(counts.sum(axis=1)).ravel()
        scores = self._supervised(counts) if self.is_supervised else self._unsupervised(counts)
        return np.where(unseen, np.maximum(scores, 0.9), scores)

    def _supervised(self, counts: sparse.csr_matrix) -> Floats:
        chances: Floats = 1.0 / (1.0 + np.exp(-(counts.log1p() @ self.weights_ + self.offset_)))
        return chances

    def _unsupervised(self, counts: sparse.csr_matrix) -> Floats:
        present = counts > 0
        share = np.minimum(
            _share_below(self.rare_, self._rarest(present)),
            _share_below(self.lacking_, self._lacking(present)),
        )
        return strangeness(share, PRIOR)

    def _rarest(self, present: sparse.csr_matrix) -> Floats:
        """Return the share of sessions that have the rarest text of each session."""
        return _least(present, self.shares_)

    def _lacking(self, present: sparse.csr_matrix) -> Floats:
        """Return the share of sessions that lack the most usual text which a session lacks."""
        lacks = sparse.csr_matrix(1 - present.toarray().astype(np.int8)) if present.shape[1] else present
        return _least(lacks, 1.0 - self.shares_)

    def _aligned(self, sessions: Sessions) -> sparse.csr_matrix:
        """Return the counts of the texts known from training, in their order."""
        order = np.argsort(self.texts_)
        place = np.searchsorted(self.texts_[order], sessions.texts)
        place = (
            order[np.minimum(place, len(order) - 1)]
            if len(order)
            else np.zeros(len(sessions.texts), dtype=np.int64)
        )
        is_known = (
            self.texts_[place] == sessions.texts if len(order) else np.zeros(len(sessions.texts), dtype=bool)
        )
        rows = np.flatnonzero(is_known)
        mapping = sparse.csr_matrix(
            (np.ones(len(rows)), (rows, place[is_known])), shape=(len(sessions.texts), len(self.texts_))
        )
        return sparse.csr_matrix(sessions.counts @ mapping)


def _least(flags: sparse.csr_matrix, shares: Floats) -> Floats:
    """Return the least share among the flagged columns of each row; 1 where none is."""
    chosen = sparse.csr_matrix(flags, dtype=np.float64)
    chosen.data = 1.0 - shares[chosen.indices]
    least: Floats = 1.0 - np.asarray(chosen.max(axis=1).todense()).ravel()
    return least


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """Return the share of training values that are at most each value, rounding aside."""
    shares: Floats = np.searchsorted(ordered, values + 1e-9, side="right") / max(len(ordered), 1)
    return shares
