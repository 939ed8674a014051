"""Sessions as traces: the masked texts of each session with their times, cut at a moment, and counted."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from almanac.judging.scores import Floats
from almanac.workloads.logs.anomaly import Sessions
from almanac.workloads.logs.contract import TRACES

COLUMNS = TRACES.column_names
AGGREGATES: dict[str, Any] = {
    "started_at": ("event_time", "min"),
    "ended_at": ("event_time", "max"),
    "texts": ("text_id", list),
    "seconds": ("seconds", list),
}


def make(events: pd.DataFrame, *, origin: str, labels: pd.Series | None = None) -> pd.DataFrame:
    """Return a trace per session (the contract's `traces`) of events with session, event_time and text_id.

    `labels` holds by session whether it is abnormal.
    """
    frame = _by_session(events)
    frame = frame.assign(origin=origin, abnormal=_labels_of(frame.index, labels))
    return frame.rename_axis("session_id").reset_index()[COLUMNS]


def before(traces: pd.DataFrame, cut: datetime | pd.Timestamp) -> pd.DataFrame:
    """Return the sessions that began before a moment, with their events before it only."""
    begun = traces[traces["started_at"] < cut]
    limits = (pd.Timestamp(cut) - begun["started_at"]).dt.total_seconds()
    counts = [_count_before(*pair) for pair in zip(begun["seconds"], limits, strict=True)]
    texts, seconds = _heads(begun["texts"], counts), _heads(begun["seconds"], counts)
    ends = begun["ended_at"].where(begun["ended_at"] < cut, cut)
    return begun.assign(texts=texts, seconds=seconds, ended_at=ends)


def since(traces: pd.DataFrame, cut: datetime | pd.Timestamp) -> pd.DataFrame:
    """Return the sessions that began at a moment or later, whole."""
    later: pd.DataFrame = traces[traces["started_at"] >= cut]
    return later


def middle(traces: pd.DataFrame) -> pd.Timestamp:
    """Return the moment at which half of the sessions have begun."""
    ordered = traces["started_at"].sort_values()
    return pd.Timestamp(ordered.iloc[len(traces) // 2])


def counted(texts: "Collection[Sequence[str]] | pd.Series") -> Sessions:
    """Return how often each text came in each session, text ids as numbers in ascending order."""
    ids = list(chain.from_iterable(texts))
    sizes = [len(names) for names in texts]
    return _sessions(ids, np.ones(len(ids)), sizes)


def tallied(counts: "Collection[Mapping[str, int]] | pd.Series") -> Sessions:
    """Return the same as `counted` for sessions whose texts are counted already, by id."""
    ids = list(chain.from_iterable(counts))
    values = list(chain.from_iterable(tally.values() for tally in counts))
    sizes = [len(tally) for tally in counts]
    return _sessions(ids, np.array(values, dtype=np.float64), sizes)


def labels(traces: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return True, False or None for each session."""
    abnormal = traces["abnormal"]
    flags = abnormal.astype("object").where(abnormal.notna(), None)
    return flags.to_numpy(dtype=object)


def _by_session(events: pd.DataFrame) -> pd.DataFrame:
    sessions = _with_seconds(events).groupby("session", sort=True)
    frame: pd.DataFrame = sessions.agg(**AGGREGATES)
    return frame


def _with_seconds(events: pd.DataFrame) -> pd.DataFrame:
    """Return events by session and time, with the seconds after the first event of their session."""
    ordered = events.sort_values(["session", "event_time"], kind="stable")
    begins = ordered.groupby("session", sort=True)["event_time"].transform("min")
    return ordered.assign(seconds=(ordered["event_time"] - begins).dt.total_seconds())


def _labels_of(sessions: pd.Index, labels: pd.Series | None) -> pd.Series:
    if labels is None:
        return pd.Series(None, index=sessions, dtype="boolean")
    return sessions.to_series().map(labels).astype("boolean")


def _count_before(seconds: Sequence[float], limit: float) -> int:
    return int(np.searchsorted(seconds, limit, side="left"))


def _heads(lists: "pd.Series[Any]", counts: Sequence[int]) -> list[Any]:
    return [values[:count] for values, count in zip(lists, counts, strict=True)]


def _sessions(ids: Sequence[str], values: Floats, sizes: Sequence[int]) -> Sessions:
    """Return counts from text ids with their values, session by session; `sizes` are the ids per session."""
    numbers = np.array([int(name, 16) for name in ids], dtype=np.int64)
    texts, places = np.unique(numbers, return_inverse=True)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    shape = (len(sizes), len(texts))
    counts = sparse.csr_matrix((values, (rows, places)), shape=shape)
    counts.sum_duplicates()
    return Sessions(counts, texts)
