"""The user's own entries: those that were sent with a level are learned from; where none were sent, others are put in to look at."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import entries as storing
from almanac.workloads.logs.sources import statements as making

ORIGIN = "own"
ROWS_AT_A_TIME = 50_000


def statements(levelled: pd.DataFrame) -> pd.DataFrame:
    """Return the statements of entries that were sent with a level: source, text, level, event_time."""
    columns = {
        name: pa.array(levelled[name].tolist(), pa.large_string()) for name in ("source", "text", "level")
    }
    times = pa.array(levelled["event_time"].tolist(), pa.timestamp("us", "UTC"))
    return making.make(
        [pa.table(columns | {"event_time": times}).rename_columns(["system", "text", "level", "event_time"])],
        origin=ORIGIN,
    )


def ids(sources: list[str], texts: list[str]) -> list[str]:
    """Return the ids of the statements that entries with these sources and texts are learned as, each once."""
    return making.ids(making.table(sources, [None] * len(texts), texts), origin=ORIGIN)


def put_in(ask: Callable[..., Any], tables: Iterable[pa.Table], load: storing.Load) -> storing.Stored:
    """Store entries (columns of `formats.SCHEMA`), each once however often they are put in; `ask` runs a question in a transaction."""
    stored = storing.Stored(0, 0)
    for table in tables:
        for piece in storing.pieces([table], ROWS_AT_A_TIME):
            stored += ask(lambda connection, piece=piece: storing.store(connection, piece, load))
    return stored
