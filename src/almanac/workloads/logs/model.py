"""The model of logs: levels of texts and abnormality of sessions in one estimator."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from threadpoolctl import threadpool_limits

from almanac.judging.scores import Floats
from almanac.workloads.logs import examples, features
from almanac.workloads.logs.anomaly import SessionModel, Sessions
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.estimators import TextLevels
from almanac.workloads.logs.terms import traces

ALPHA = 1.0
NO_SOURCES = np.zeros(0, dtype=np.int64)
# What a saved model may contain beyond plain arrays and scikit-learn's estimators. Each entry needs a review.
TRUSTED_TYPES = [
    "almanac.workloads.logs.anomaly.SessionModel",
    "almanac.workloads.logs.estimators.TextLevels",
    "almanac.workloads.logs.model.LogModel",
]


class LogModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Levels of masked texts and abnormality of sessions.

    A fitted model holds numbers and hashes, and no text of its training.
    """

    def __init__(self, *, alpha: float = ALPHA, use_labels: bool = True) -> None:
        """Set the strength of the penalty, and whether labels of sessions are used."""
        self.alpha = alpha
        self.use_labels = use_labels

    def fit(self, statements: pd.DataFrame, sessions: pd.DataFrame) -> Self:
        """Fit on statements (origin, system, text, level, weight, template) and on traces of sessions.

        Each origin of sessions gets a session model of its own.
        """
        self.levels_ = TextLevels(alpha=self.alpha).fit(examples.of(statements))
        self.sources_ = examples.trained_sources(statements)
        self.classes_ = np.array(LEVELS)
        self.known_ = text_numbers(statements["text"].tolist())
        origins = sessions.groupby("origin", sort=True)
        self.sessions_ = [self._session_model(traces_of_origin) for _, traces_of_origin in origins]
        return self

    def predict_proba(self, texts: pd.DataFrame) -> Floats:
        """Return the chances of LEVELS for a frame with masked texts in the column `text`.

        The column `source` says where each comes from. Without it no source is one of the training.
        """
        counts = features.vectorizer().transform(texts["text"].to_numpy(dtype=object))
        is_trained = np.zeros(len(texts), dtype=bool)
        if "source" in texts:
            is_trained = self.are_trained_on(texts["source"])
        return self.levels_.chances(counts, is_trained)

    def both_chances(self, texts: list[str]) -> tuple[Floats, Floats]:
        """Return the chances of LEVELS of each masked text, in a source that is new and in a trained one."""
        counts = features.vectorizer().transform(np.array(texts, dtype=object))
        return self.levels_.both_chances(counts)

    def are_trained_on(self, sources: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return for each source whether the model was trained on it.

        A model of an older program does not say, and has the same chances for every source.
        """
        trained = getattr(self, "sources_", NO_SOURCES)
        return np.isin(examples.source_numbers(sources), trained)

    def predict(self, texts: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Return the most likely level of each masked text."""
        places = self.predict_proba(texts).argmax(axis=1)
        likely: npt.NDArray[np.str_] = self.classes_[places]
        return likely

    def knows(self, texts: list[str]) -> npt.NDArray[np.bool_]:
        """Return for each masked text whether the model was fitted on it."""
        numbers = [int(name, 16) for name in features.text_ids(texts)]
        return np.isin(numbers, self.known_)

    def session_scores(self, sessions: Sessions) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return how abnormal each session is, and which of them a session model knows.

        A session that no model knows has score 0.
        """
        size = sessions.counts.shape[0]
        scores, is_scored = np.zeros(size), np.zeros(size, dtype=bool)
        for model in self.sessions_:
            fits = model.knows(sessions) & ~is_scored
            scores = np.where(fits, model.score(sessions), scores)
            is_scored |= fits
        return scores, is_scored

    def _session_model(self, sessions: pd.DataFrame) -> SessionModel:
        counts = traces.counted(sessions["texts"])
        return SessionModel(use_labels=self.use_labels).fit(counts, traces.labels(sessions))


def make(recipe: Mapping[str, Any] | None = None) -> LogModel:
    """Return an unfitted model with the recipe's `alpha`; numbers may be text."""
    parameters = recipe or {}
    return LogModel(alpha=float(parameters.get("alpha", ALPHA)))


def fit(model: LogModel, statements: pd.DataFrame, sessions: pd.DataFrame) -> LogModel:
    """Fit a model on one thread, so that the result does not depend on the number of threads."""
    with threadpool_limits(limits=1):
        return model.fit(statements, sessions)


def training(statements: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the training data of a model as one frame, statements first, then sessions."""
    flags = sessions["abnormal"].astype("boolean")
    rest = sessions.drop(columns=["abnormal"]).assign(abnormal=flags)
    return pd.concat([statements, rest], ignore_index=True)


def text_numbers(texts: list[str]) -> npt.NDArray[np.int64]:
    """Return the ids of distinct masked texts as ascending numbers."""
    numbers = [int(name, 16) for name in features.text_ids(texts)]
    return np.unique(np.array(numbers, dtype=np.int64))
