"""The model of logs: levels of texts and strangeness of sessions, kept as one."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from threadpoolctl import threadpool_limits

from almanac.judging.scores import Floats
from almanac.workloads.logs import features
from almanac.workloads.logs.anomaly import SessionModel, Sessions
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.estimators import TextLevels
from almanac.workloads.logs.terms import levels, traces

ALPHA = 1.0
# What a saved model may contain beyond plain arrays and scikit-learn's estimators; reviewed, and kept short.
TRUSTED_TYPES = [
    "almanac.workloads.logs.anomaly.SessionModel",
    "almanac.workloads.logs.estimators.TextLevels",
    "almanac.workloads.logs.model.LogModel",
]


class LogModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Levels of masked texts and strangeness of sessions. It holds numbers and hashes, and no text it was fitted on."""

    def __init__(self, *, alpha: float = ALPHA, use_labels: bool = True) -> None:
        """Keep the strength of the penalty, and whether labels of sessions are used."""
        self.alpha = alpha
        self.use_labels = use_labels

    def fit(self, statements: pd.DataFrame, sessions: pd.DataFrame) -> Self:
        """Fit on statements (text, level, weight, template) and on traces of sessions, one session model for each origin."""
        groups = pd.factorize(statements["template"])[0]
        numbers = np.array(levels.numbers(statements["level"]), dtype=np.int64)
        weights = statements["weight"].to_numpy(dtype=np.float64)
        self.levels_ = TextLevels(alpha=self.alpha).fit(
            statements["text"].to_numpy(dtype=object), numbers, weights=weights, groups=groups
        )
        self.classes_ = np.array(LEVELS)
        self.known_ = text_numbers(statements["text"].tolist())
        self.sessions_ = [self._session_model(part) for _, part in sessions.groupby("origin", sort=True)]
        return self

    def predict_proba(self, texts: pd.DataFrame) -> Floats:
        """Return the chances of LEVELS for a frame with masked texts in the column `text`."""
        return self.levels_.predict_proba(texts["text"].to_numpy(dtype=object))

    def predict(self, texts: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Return the most likely level of each masked text."""
        likely: npt.NDArray[np.str_] = self.classes_[self.predict_proba(texts).argmax(axis=1)]
        return likely

    def knows(self, texts: list[str]) -> npt.NDArray[np.bool_]:
        """Tell of each masked text whether the model was fitted on it."""
        return np.isin([int(name, 16) for name in features.text_ids(texts)], self.known_)

    def session_scores(self, sessions: Sessions) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return how abnormal each session is, and which of them a fitted model knows at all; the others have score 0."""
        scores, judged = np.zeros(sessions.counts.shape[0]), np.zeros(sessions.counts.shape[0], dtype=bool)
        for each in self.sessions_:
            fits = each.knows(sessions) & ~judged
            scores = np.where(fits, each.score(sessions), scores)
            judged |= fits
        return scores, judged

    def _session_model(self, sessions: pd.DataFrame) -> SessionModel:
        return SessionModel(use_labels=self.use_labels).fit(
            traces.counted(sessions["texts"].tolist()), traces.labels(sessions)
        )


def make(recipe: Mapping[str, Any] | None = None) -> LogModel:
    """Return a model that is not fitted yet, as a recipe's `alpha` says; numbers may be text."""
    return LogModel(alpha=float((recipe or {}).get("alpha", ALPHA)))


def fit(model: LogModel, statements: pd.DataFrame, sessions: pd.DataFrame) -> LogModel:
    """Fit a model on one thread, so that the result does not depend on how many there are."""
    with threadpool_limits(limits=1):
        return model.fit(statements, sessions)


def training(statements: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return everything a model was fitted on as one frame, to be kept with it: statements first, then sessions."""
    return pd.concat(
        [
            statements,
            sessions.drop(columns=["abnormal"]).assign(abnormal=sessions["abnormal"].astype("boolean")),
        ],
        ignore_index=True,
    )


def text_numbers(texts: list[str]) -> npt.NDArray[np.int64]:
    """Return the ids of distinct masked texts as ascending numbers."""
    return np.unique(np.array([int(name, 16) for name in features.text_ids(texts)], dtype=np.int64))
