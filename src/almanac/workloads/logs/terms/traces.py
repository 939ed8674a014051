"""Sessions as traces: which masked texts came when, cut where a test begins, and counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from almanac.workloads.logs.anomaly import Sessions

COLUMNS = ["session_id", "origin", "started_at", "ended_at", "texts", "seconds", "abnormal"]


def make(events: pd.DataFrame, *, origin: str, labels: pd.Series | None = None) -> pd.DataFrame:
    """Return a trace per session (the contract's `traces`) of events with session, event_time and text_id.

    `labels` tells by session whether it is abnormal.
    """
    ordered = events.sort_values(["session", "event_time"], kind="stable")
    grouped = ordered.groupby("session", sort=True)
    started = grouped["event_time"].transform("min")
    ordered = ordered.assign(seconds=(ordered["event_time"] - started).dt.total_seconds())
    grouped = ordered.groupby("session", sort=True)
    frame = pd.DataFrame(
        {
            "started_at": grouped["event_time"].min(),
            "ended_at": grouped["event_time"].max(),
            "texts": grouped["text_id"].agg(list),
            "seconds": grouped["seconds"].agg(list),
        }
    )
    known = frame.index.to_series().map(labels) if labels is not None else pd.Series(None, index=frame.index)
    frame = frame.assign(origin=origin, abnormal=known.astype("boolean"))
    return frame.rename_axis("session_id").reset_index()[COLUMNS]


def before(traces: pd.DataFrame, cut: datetime | pd.Timestamp) -> pd.DataFrame:
    """Return the sessions that began before a moment, with the events before it only: nobody knew more then."""
    begun = traces[traces["started_at"] < cut]
    left = (pd.Timestamp(cut) - begun["started_at"]).dt.total_seconds()
    kept = [
        int(np.searchsorted(seconds, limit, side="left"))
        for seconds, limit in zip(begun["seconds"], left, strict=True)
    ]
    return begun.assign(
        texts=[names[:count] for names, count in zip(begun["texts"], kept, strict=True)],
        seconds=[moments[:count] for moments, count in zip(begun["seconds"], kept, strict=True)],
        ended_at=begun["ended_at"].where(begun["ended_at"] < cut, cut),
    )


def since(traces: pd.DataFrame, cut: datetime | pd.Timestamp) -> pd.DataFrame:
    """Return the sessions that began at a moment or later, whole."""
    later: pd.DataFrame = traces[traces["started_at"] >= cut]
    return later


def middle(traces: pd.DataFrame) -> pd.Timestamp:
    """Return the moment at which half of the sessions have begun."""
    return pd.Timestamp(traces["started_at"].sort_values().iloc[len(traces) // 2])


def counted(texts: Sequence[Sequence[str]]) -> Sessions:
    """Return how often each text came in each session, text ids as numbers in ascending order."""
    sizes = [len(each) for each in texts]
    numbers = np.array([int(name, 16) for each in texts for name in each], dtype=np.int64)
    known, places = np.unique(numbers, return_inverse=True)
    rows = np.repeat(np.arange(len(texts)), sizes)
    counts = sparse.csr_matrix((np.ones(len(numbers)), (rows, places)), shape=(len(texts), len(known)))
    counts.sum_duplicates()
    return Sessions(counts, known)


def tallied(counts: Sequence[Mapping[str, int]]) -> Sessions:
    """Return the same for sessions whose texts are counted already."""
    numbers = np.array([int(name, 16) for each in counts for name in each], dtype=np.int64)
    known, places = np.unique(numbers, return_inverse=True)
    rows = np.repeat(np.arange(len(counts)), [len(each) for each in counts])
    values = np.array([count for each in counts for count in each.values()], dtype=np.float64)
    return Sessions(sparse.csr_matrix((values, (rows, places)), shape=(len(counts), len(known))), known)


def labels(traces: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return True, False or None for each session."""
    found: npt.NDArray[np.object_] = (
        traces["abnormal"].astype("object").where(traces["abnormal"].notna(), None).to_numpy()
    )
    return found
