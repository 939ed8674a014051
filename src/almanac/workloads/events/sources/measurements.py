"""The batches that workers measured and the events that arrived, as rows of the contract's raw tables."""

from collections.abc import Callable

import pandas as pd

from almanac.workloads.events.contract import HISTORY, TRAFFIC

SOURCE = "worker"
# Batches of workers with simulated processing (`--processing`): arrivals and waits are measured, and
# seconds are made up.
TRIAL = "worker, simulated processing"
NEWEST_BATCHES = 20_000
NEWEST_EVENTS = 50_000
# An event that is retried alone says nothing about batches.
RETRY = "again"

# Returns the newest rows of a view of the queue: `Step.newest_rows`.
Observe = Callable[..., pd.DataFrame]


def batches(observe: Observe) -> pd.DataFrame:
    """Return the newest batches of workers as rows of `history`; trials have a source of their own.

    The seconds of a batch do not depend on what sized it, so batches of the default or of a fixed size
    count as well.
    """
    rows = observe("batches", by="started_at", limit=NEWEST_BATCHES)
    rows = rows[rows["sized_by"] != RETRY].reset_index(drop=True)
    source = rows["simulated"].map({False: SOURCE, True: TRIAL})
    return rows.assign(source=source, batch_id=rows["batch_id"].astype(str))[HISTORY.column_names]


def arrivals(observe: Observe, source: str = SOURCE) -> pd.DataFrame:
    """Return the newest events as rows of the contract's `traffic`."""
    rows = observe("arrivals", by="arrived_at", limit=NEWEST_EVENTS)
    return rows.assign(source=source)[TRAFFIC.column_names]
