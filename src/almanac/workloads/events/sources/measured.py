"""What the workers measured and what arrived, as the rows that are kept of it."""

from collections.abc import Callable

import pandas as pd

from almanac.workloads.events.contract import HISTORY, TRAFFIC

SOURCE = "worker"
NEWEST_BATCHES = 20_000
NEWEST_EVENTS = 50_000
# An event that is tried again by itself says nothing about batches.
ALONE = "again"

# Returns the newest rows of a view of the queue: `Step.observe`.
Observe = Callable[..., pd.DataFrame]


def batches(observe: Observe) -> pd.DataFrame:
    """Return the newest batches that workers processed, as rows of the contract's `history`."""
    found = observe("batches", by="started_at", limit=NEWEST_BATCHES)
    return found[found["sized_by"] != ALONE].assign(source=SOURCE)[HISTORY.column_names].reset_index(drop=True)


def arrivals(observe: Observe) -> pd.DataFrame:
    """Return the newest events that came in, as rows of the contract's `traffic`."""
    return observe("arrivals", by="arrived_at", limit=NEWEST_EVENTS).assign(source=SOURCE)[TRAFFIC.column_names]
