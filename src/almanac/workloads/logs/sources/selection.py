"""Chooses the rows of a sample and the cut-off of a run."""

from datetime import date, timedelta
from typing import Any, Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.workloads.logs import entries
from almanac.workloads.logs.sources import simulated


def select(rows: pd.DataFrame, *, sample: Literal["full", "mock"] | str) -> pd.DataFrame:
    """Return the rows of a sample by their origin: generated ones for the mock sample, otherwise real ones where there are any."""
    is_made_up = rows["origin"] == simulated.SOURCE
    wanted = is_made_up if sample == "mock" or is_made_up.all() else ~is_made_up
    return rows[wanted].reset_index(drop=True)


def cut_off(
    statements: pd.DataFrame, *, slot: date, nothing_sent: bool, wanted: date | None = None
) -> CutOff:
    """Return the cut-off: the one that is wanted, else the slot's day where somebody has sent entries, else a demo day.

    The demo day is the one after the last public statement with a time, so that everything shown was known.
    """
    public = statements[statements["origin"] != "own"]
    is_simulated = not statements["origin"].isin(["kafka", "own"]).any()
    source = (
        "sent entries"
        if not nothing_sent
        else simulated.SOURCE
        if is_simulated
        else "elastic/examples (Kafka)"
    )
    last = public["seen_at"].max()
    demo_day = (last.date() if pd.notna(last) else simulated.BEGIN.date()) + timedelta(days=1)
    return CutOff(
        wanted or (demo_day if nothing_sent else slot), nothing_sent, is_simulated and nothing_sent, source
    )


def settled_cut(step: Any, statements: pd.DataFrame) -> CutOff:
    """Return the cut-off of an open step, asking the store whether anybody has sent entries."""
    nothing_sent = step.query(lambda connection: entries.is_empty(connection, demo=False))
    return cut_off(statements, slot=step.slot.date(), nothing_sent=nothing_sent, wanted=step.requested_date)
