"""What is known about a batch before it is processed: one function per feature, named like its column."""

import numpy as np
import pandas as pd

REMEMBERED = 20
KEPT = [
    "batch_id",
    "source",
    "started_at",
    "seconds",
    "sized_by",
    "predicted_seconds",
    "predicted_p90_seconds",
    "predicted_cost",
]


def build(history: pd.DataFrame) -> pd.DataFrame:
    """Return the features of every batch in the order in which they began, with what happened beside them.

    A batch knows of those that began before it, which with one worker means that they have ended.
    """
    ordered = history.sort_values(["started_at", "batch_id"], kind="stable").reset_index(drop=True)
    columns = {feature.__name__: feature(ordered) for feature in MADE}
    costs = ordered[["fixed_cost", "event_cost", "second_cost"]].sum(axis=1)
    return ordered[KEPT].assign(cost=costs, **columns)


def count(history: pd.DataFrame) -> pd.Series:
    """Return how many events a batch holds."""
    return history["events"].astype("float64")


def kb(history: pd.DataFrame) -> pd.Series:
    """Return the size of a batch, kB."""
    return history["kb"].astype("float64")


def kinds(history: pd.DataFrame) -> pd.Series:
    """Return how many types of events a batch holds."""
    return pd.Series([len(counted) for counted in history["kinds"]], index=history.index, dtype="float64")


def main_kind_share(history: pd.DataFrame) -> pd.Series:
    """Return the share of the most frequent type in a batch.

    >>> main_kind_share(pd.DataFrame({"kinds": [{"click": 3, "order": 1}]})).tolist()
    [0.75]
    """
    shares = [max(counted.values()) / sum(counted.values()) for counted in history["kinds"]]
    return pd.Series(shares, index=history.index, dtype="float64")


def hour(history: pd.DataFrame) -> pd.Series:
    """Return the hour of the day, UTC, at which a batch began."""
    hours: pd.Series = history["started_at"].dt.hour.astype("float64")
    return hours


def recent_residual(history: pd.DataFrame) -> pd.Series:
    """Return by how much the last 20 batches took longer than their counts made likely: the mean of logarithms, 0 at first.

    What a count makes likely is the mean seconds per event of all batches before.
    """
    seconds, events = history["seconds"].astype("float64"), history["events"].astype("float64")
    likely = events * (seconds.cumsum().shift() / events.cumsum().shift())
    residual = pd.Series(np.log(seconds.clip(lower=1e-6) / likely.clip(lower=1e-6)), index=history.index)
    remembered: pd.Series = residual.rolling(REMEMBERED, min_periods=1).mean().shift().fillna(0.0)
    return remembered


MADE = [count, kb, kinds, main_kind_share, hour, recent_residual]
FEATURES = [feature.__name__ for feature in MADE]
