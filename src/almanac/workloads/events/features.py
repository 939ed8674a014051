"""The features of a batch before it is processed: one function per feature, named like its column."""

import numpy as np
import pandas as pd

RECENT_BATCHES = 20
OUTCOMES = [
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
    """Return the features of every batch in the order in which they began, with their outcomes beside them.

    The features of a batch use the batches that began before it; with one worker, these have ended.
    """
    ordered = history.sort_values(["started_at", "batch_id"], kind="stable").reset_index(drop=True)
    columns = {feature.__name__: feature(ordered) for feature in BUILDERS}
    costs = ordered[["fixed_cost", "event_cost", "second_cost"]].sum(axis=1)
    return ordered[OUTCOMES].assign(cost=costs, **columns)


def count(history: pd.DataFrame) -> pd.Series:
    """Return how many events a batch holds."""
    return history["events"].astype("float64")


def kb(history: pd.DataFrame) -> pd.Series:
    """Return the size of a batch, kB."""
    return history["kb"].astype("float64")


def kinds(history: pd.DataFrame) -> pd.Series:
    """Return how many types of events a batch holds."""
    return pd.Series([len(counts) for counts in history["kinds"]], index=history.index, dtype="float64")


def main_kind_share(history: pd.DataFrame) -> pd.Series:
    """Return the share of the most frequent type in a batch.

    >>> main_kind_share(pd.DataFrame({"kinds": [{"click": 3, "order": 1}]})).tolist()
    [0.75]
    """
    shares = [max(counts.values()) / sum(counts.values()) for counts in history["kinds"]]
    return pd.Series(shares, index=history.index, dtype="float64")


def hour(history: pd.DataFrame) -> pd.Series:
    """Return the hour of the day, UTC, at which a batch began."""
    hours: pd.Series = history["started_at"].dt.hour.astype("float64")
    return hours


def recent_residual(history: pd.DataFrame) -> pd.Series:
    """Return by how much the last 20 batches took longer than their counts predict.

    It is the mean of logarithms, and 0 at first. A count predicts the mean seconds per event of all batches
    before.
    """
    seconds = history["seconds"].astype("float64")
    events = history["events"].astype("float64")
    per_event = seconds.cumsum().shift() / events.cumsum().shift()
    ratio = seconds.clip(lower=1e-6) / (events * per_event).clip(lower=1e-6)
    residual = pd.Series(np.log(ratio), index=history.index)
    recent: pd.Series = residual.rolling(RECENT_BATCHES, min_periods=1).mean()
    return recent.shift().fillna(0.0)


BUILDERS = [count, kb, kinds, main_kind_share, hour, recent_residual]
FEATURES = [feature.__name__ for feature in BUILDERS]
