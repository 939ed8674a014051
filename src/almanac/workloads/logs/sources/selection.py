"""Selects the rows of a sample and the cut-off of a run."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.workloads.logs import entries
from almanac.workloads.logs.sources import simulated

REAL_ORIGINS = ("kafka", "own")


def select(rows: pd.DataFrame, *, sample: Literal["full", "mock"] | str) -> pd.DataFrame:
    """Return the rows of a sample: generated ones for mock, else real ones where there are any."""
    is_simulated = rows["origin"] == simulated.SOURCE
    takes_simulated = sample == "mock" or is_simulated.all()
    return rows[is_simulated if takes_simulated else ~is_simulated].reset_index(drop=True)


def cut_off(
    statements: pd.DataFrame, *, slot: date, nothing_sent: bool, requested: date | None = None
) -> CutOff:
    """Return the cut-off: the requested date, else the slot's date where entries were sent, else a demo day.

    The demo day is the one after the last public statement with a time, so that everything shown was known.
    """
    is_simulated = not statements["origin"].isin(REAL_ORIGINS).any()
    day = _demo_day(statements) if nothing_sent else slot
    source = _source(is_simulated=is_simulated) if nothing_sent else "sent entries"
    cut = CutOff(requested or day, nothing_sent, is_simulated and nothing_sent, source)
    return replace(cut, newest_data=_newest(statements, cut.data_as_of))


def cut_off_of(step: Any, statements: pd.DataFrame) -> CutOff:
    """Return the cut-off of an open step; the table of entries says whether any were sent."""
    nothing_sent = step.query(lambda connection: entries.is_empty(connection, demo=False))
    return cut_off(
        statements, slot=step.slot.date(), nothing_sent=nothing_sent, requested=step.requested_date
    )


def _newest(statements: pd.DataFrame, day: date) -> date | None:
    """Return the day of the newest statement before a day; None where none has a time."""
    seen_at = pd.to_datetime(statements["seen_at"], utc=True)
    earlier = seen_at[seen_at < pd.Timestamp(day, tz="UTC")]
    return None if earlier.empty else earlier.max().date()


def _demo_day(statements: pd.DataFrame) -> date:
    public = statements[statements["origin"] != "own"]
    last = public["seen_at"].max()
    day = last.date() if pd.notna(last) else simulated.BEGIN.date()
    return day + timedelta(days=1)


def _source(*, is_simulated: bool) -> str:
    return simulated.SOURCE if is_simulated else "elastic/examples (Kafka)"
