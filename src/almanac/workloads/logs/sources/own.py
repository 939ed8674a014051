"""The user's own entries: those with a level are learned from, and demo entries fill a table without any."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import entries
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.sources import statements as statement_tables

ORIGIN = "own"
ROWS_AT_A_TIME = 50_000
COLUMNS = ("source", "level", "text", "event_time")


def statements(levelled: pd.DataFrame) -> pd.DataFrame:
    """Return the statements of entries that were sent with a level: source, text, level, event_time."""
    system, level, text, times = (levelled[name].tolist() for name in COLUMNS)
    table = statement_tables.table(system, level, text)
    event_times = pa.array(times, pa.timestamp("us", "UTC"))
    return statement_tables.make([table.append_column("event_time", event_times)], origin=ORIGIN)


def statement_ids(sources: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return the ids of the statements that entries with these sources and texts become, each once."""
    table = statement_tables.table(sources, [None] * len(texts), texts)
    return statement_tables.ids(table, origin=ORIGIN)


def store(transact: Callable[..., Any], tables: Iterable[pa.Table], load: Load) -> Stored:
    """Store entries (columns of `formats.SCHEMA`), each once however often they are stored.

    `transact` calls a function with a connection in a transaction of its own.
    """
    total = Stored(0, 0)
    for piece in entries.pieces(tables, ROWS_AT_A_TIME):
        total += transact(partial(entries.store, entries=piece, load=load))
    return total
