"""What the workers measured and what arrived, as the rows that are kept of it."""

from collections.abc import Callable

import pandas as pd

from almanac.workloads.events.contract import HISTORY, TRAFFIC

SOURCE = "worker"
# What workers did whose processing was simulated (`--processing`): the arrivals and the waiting are measured, the seconds are made up.
TRIAL = "worker, simulated processing"
NEWEST_BATCHES = 20_000
NEWEST_EVENTS = 50_000
# An event that is tried again by itself says nothing about batches.
ALONE = "again"

# Returns the newest rows of a view of the queue: `Step.observe`.
Observe = Callable[..., pd.DataFrame]


def batches(observe: Observe) -> pd.DataFrame:
    """Return the newest batches that workers processed, as rows of the contract's `history`, trials under a source of their own.

    Who sized a batch does not matter to how long it took, so those of the default or of a fixed size count as well.
    """
    found = observe("batches", by="started_at", limit=NEWEST_BATCHES)
    kept = found[found["sized_by"] != ALONE].reset_index(drop=True)
    named = kept["simulated"].map({False: SOURCE, True: TRIAL})
    return kept.assign(source=named, batch_id=kept["batch_id"].astype(str))[HISTORY.column_names]


def arrivals(observe: Observe, source: str = SOURCE) -> pd.DataFrame:
    """Return the newest events that came in, as rows of the contract's `traffic`."""
    return observe("arrivals", by="arrived_at", limit=NEWEST_EVENTS).assign(source=source)[
        TRAFFIC.column_names
    ]
