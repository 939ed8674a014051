"""Precision and recall of abnormal sessions: by halves of the log in time, and by random halves."""

from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging.scores import Floats, Interval
from almanac.workloads.logs import anomaly
from almanac.workloads.logs.anomaly import SessionModel
from almanac.workloads.logs.terms import traces

Flags = npt.NDArray[np.bool_]
Halves = tuple[pd.DataFrame, pd.DataFrame]
REPEATS = 1000
COLUMNS = ["split", "labels", "precision", "recall", "f1", "low", "high", "abnormal", "n"]


class Outcomes(NamedTuple):
    """Counts of sessions by truth and answer."""

    hits: int
    false_alarms: int
    misses: int
    rest: int

    @classmethod
    def of(cls, abnormal: Flags, flagged: Flags) -> Self:
        """Count sessions that are abnormal or not, and flagged or not."""
        groups = (abnormal & flagged, ~abnormal & flagged, abnormal & ~flagged, ~abnormal & ~flagged)
        return cls(*(int(group.sum()) for group in groups))

    @property
    def precision(self) -> float:
        """The share of flagged sessions that are abnormal; 0 where none is flagged."""
        return self.hits / max(self.hits + self.false_alarms, 1)

    @property
    def recall(self) -> float:
        """The share of abnormal sessions that are flagged; 0 where none is abnormal."""
        return self.hits / max(self.hits + self.misses, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / max(total, 1)

    def rates(self) -> dict[str, float]:
        """Return precision, recall and F1."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}

    def f1_interval(self, seed: int) -> Interval:
        """Return F1 with its 95 % bootstrap interval; sessions are taken for independent."""
        counts, total = np.array(self), sum(self)
        drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=REPEATS)
        hits, false_alarms, misses, _ = drawn.T
        values = 2 * hits / np.maximum(2 * hits + false_alarms + misses, 1)
        low, high = np.quantile(values, [0.025, 0.975])
        return Interval(self.f1, float(low), float(high))


def split_by_time(sessions: pd.DataFrame) -> Halves:
    """Return the first half of the sessions, its log cut off at the second half, and the second half."""
    cut = traces.middle(sessions)
    return traces.before(sessions, cut), traces.since(sessions, cut)


def split_at_random(sessions: pd.DataFrame, *, seed: int) -> Halves:
    """Return two random halves: the same kinds of sessions are in both, and no log is cut off."""
    order = np.random.default_rng(seed).permutation(len(sessions))
    middle = len(sessions) // 2
    first, second = np.sort(order[:middle]), np.sort(order[middle:])
    return sessions.iloc[first], sessions.iloc[second]


def scores(train: pd.DataFrame, test: pd.DataFrame, *, use_labels: bool) -> Floats:
    """Return how abnormal a model of `train` finds the sessions of `test`."""
    model = SessionModel(use_labels=use_labels)
    model.fit(_counts(train), traces.labels(train))
    return model.score(_counts(test))


def compare_splits(sessions: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return precision, recall and F1 with and without labels, for halves in time and for random halves.

    The columns are COLUMNS. There are no rows for fewer than LEAST_LABELLED sessions with the label abnormal.
    """
    labelled = _labelled(sessions)
    if len(labelled) < 2 or labelled["abnormal"].sum() < anomaly.LEAST_LABELLED:
        return pd.DataFrame(columns=COLUMNS)
    by_time, at_random = split_by_time(labelled), split_at_random(labelled, seed=seed)
    splits = {"halves in time": by_time, "random halves": at_random}
    rows = [
        {"split": name, "labels": use_labels} | _split_figures(halves, use_labels, seed)
        for name, halves in splits.items()
        for use_labels in (True, False)
    ]
    return pd.DataFrame(rows)


def compare_priors(sessions: pd.DataFrame, priors: tuple[float, ...]) -> pd.DataFrame:
    """Return F1 without labels in the second half for other priors: how much depends on the guess."""
    train, test = split_by_time(_labelled(sessions))
    strange, abnormal = scores(train, test, use_labels=False), _abnormal(test)
    limits = anomaly.strangeness(np.array(priors), anomaly.PRIOR)
    rates = [Outcomes.of(abnormal, strange >= limit).rates() for limit in limits]
    return pd.DataFrame({"prior": priors}).join(pd.DataFrame(rates))


def figures(abnormal: Flags, flagged: Flags, *, seed: int) -> dict[str, float]:
    """Return precision, recall, F1 with its 95 % interval, the number of abnormal sessions, and n."""
    outcomes = Outcomes.of(abnormal, flagged)
    _, low, high = outcomes.f1_interval(seed)
    counts = {"abnormal": int(abnormal.sum()), "n": len(abnormal)}
    return outcomes.rates() | {"low": low, "high": high} | counts


def anatomy(trace: pd.Series, shares: Mapping[str, float], names: Mapping[str, str]) -> pd.DataFrame:
    """Return the events of one session: seconds, text, and the share of sessions that have such an event."""
    ids = list(trace["texts"])
    texts = [names.get(text_id, text_id) for text_id in ids]
    of_sessions = [shares.get(text_id, 0.0) for text_id in ids]
    return pd.DataFrame({"seconds": list(trace["seconds"]), "text": texts, "share": of_sessions})


def anatomy_of_strangest(sessions: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the `anatomy` of the strangest abnormal session, or of any session where none is abnormal.

    Without sessions it has no rows.
    """
    if sessions.empty:
        return pd.DataFrame(columns=["seconds", "text", "share"])
    is_abnormal = sessions["abnormal"].fillna(False).astype(bool)
    candidates = sessions[is_abnormal] if is_abnormal.any() else sessions
    return anatomy(strangest(candidates, sessions), text_shares(sessions), names)


def strangest(candidates: pd.DataFrame, sessions: pd.DataFrame) -> pd.Series:
    """Return the candidate that a model of all sessions finds strangest, the longer one where two tie."""
    strange = scores(sessions, candidates, use_labels=False)
    lengths = candidates["texts"].str.len().to_numpy()
    last = np.lexsort((lengths, strange))[-1]
    session: pd.Series = candidates.iloc[last]
    return session


def text_shares(sessions: pd.DataFrame) -> dict[str, float]:
    """Return for each text id the share of sessions that have the text."""
    counted = _counts(sessions)
    pairs = zip(counted.texts.tolist(), counted.text_shares().tolist(), strict=True)
    return {f"{number:012x}": share for number, share in pairs}


def _split_figures(halves: Halves, use_labels: bool, seed: int) -> dict[str, float]:
    train, test = halves
    flagged = scores(train, test, use_labels=use_labels) >= 0.5
    return figures(_abnormal(test), flagged, seed=seed)


def _counts(sessions: pd.DataFrame) -> anomaly.Sessions:
    return traces.counted(sessions["texts"])


def _labelled(sessions: pd.DataFrame) -> pd.DataFrame:
    return sessions[sessions["abnormal"].notna()]


def _abnormal(sessions: pd.DataFrame) -> Flags:
    flags: Flags = sessions["abnormal"].to_numpy(dtype=bool)
    return flags
