"""The table of entries, for workers: stores each entry once through COPY, and reads for notebooks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.keeping import queries
from almanac.workloads.logs.keeping.identity import entry_ids
from almanac.workloads.logs.keeping.numbering import Encode, Numbers, copy_in, number
from almanac.workloads.logs.shared.limits import EARLIEST, LATEST, LONGEST

Connection = psycopg.Connection[Any]
COLUMNS = (
    "entry_id",
    "day",
    "received_at",
    "event_time",
    "source",
    "session",
    "level",
    "logger",
    "client_id",
    "text",
    "raw",
    "demo",
)
INSTANT = pa.timestamp("us", "UTC")
COPY = f"COPY almanac.log_entries ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
OPEN_DAY = "SELECT almanac.log_open_day(%s)"
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM almanac.log_entries WHERE %s OR NOT demo)"
LEVELLED = """
    SELECT source, text, level, event_time FROM almanac.log_entries
    WHERE level IS NOT NULL AND NOT demo AND NOT raw ORDER BY entry_id DESC LIMIT %s"""
COMPLETE = "SELECT almanac.log_complete(%s, %s)"
PENDING_TEXTS = "SELECT text_id, masked FROM almanac.log_questions ORDER BY text_id"


@dataclass(frozen=True)
class Stored:
    """How many entries were new and how many were there already."""

    accepted: int
    duplicate: int

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.accepted + other.accepted, self.duplicate + other.duplicate)


@dataclass(frozen=True)
class Load:
    """How entries are written.

    `encode` turns an Arrow table into PostgreSQL's binary COPY, `demo` marks the entries as demo entries.
    """

    encode: Encode
    demo: bool = False


def store(connection: Connection, entries: pa.Table, load: Load, *, ids: bytes | None = None) -> Stored:
    """Store those of `entries` (columns of `formats.SCHEMA`) that are not there yet.

    `ids` are their `entry_ids`, where the caller has them already. The caller ends the transaction.
    """
    moment = datetime.now(UTC)
    connection.execute(OPEN_DAY, [moment.date()])
    identities = entry_ids(entries) if ids is None else ids
    numbers = number(connection, identities, moment.date(), load.encode)
    new = _new(entries, numbers)
    if len(new):
        rows = _rows(new, numbers[numbers > 0], moment, demo=load.demo)
        copy_in(connection, COPY, rows, load.encode)
    return Stored(len(new), len(entries) - len(new))


def complete(connection: Connection, entry: pa.Table, entry_id: bytes) -> None:
    """Replace what was stored of one entry (columns of `formats.SCHEMA`) before it was finished."""
    fresh = {name: values[0].as_py() for name, values in _texts(entry).items()}
    (moment,) = entry["event_time"].filter(_is_possible(entry["event_time"])).to_pylist() or [None]
    fresh |= {"event_time": moment and moment.isoformat(), "raw": entry["raw"][0].as_py()}
    connection.execute(COMPLETE, [UUID(bytes=entry_id), json.dumps(fresh)])


def is_empty(connection: Connection, *, demo: bool = True) -> bool:
    """Return whether there is no entry; without `demo`, demo entries do not count."""
    return bool(queries.value(connection, IS_EMPTY, [demo]))


def levelled(connection: Connection, *, limit: int) -> pd.DataFrame:
    """Return the newest entries that were sent with a level: source, text, level, event_time."""
    rows = queries.rows(connection, LEVELLED, [limit])
    return pd.DataFrame(rows, columns=["source", "text", "level", "event_time"])


def pending_texts(connection: Connection) -> pd.DataFrame:
    """Return the masked texts of `POST /v1/logs/classify` that wait for a prediction: text_id, text."""
    rows = queries.rows(connection, PENDING_TEXTS)
    return pd.DataFrame(rows, columns=["text_id", "text"])


def pieces(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield tables of at most `rows` rows, so that transactions stay short."""
    for table in tables:
        for begin in range(0, len(table), rows):
            yield table.slice(begin, rows)


def _new(entries: pa.Table, numbers: Numbers) -> pa.Table:
    """Return the entries that have a number."""
    places = np.flatnonzero(numbers)
    return entries if len(places) == len(entries) else entries.take(pa.array(places))


def _rows(entries: pa.Table, numbers: Numbers, moment: datetime, *, demo: bool) -> pa.Table:
    """Return rows of `log_entries` with texts cut to their limits."""
    columns = _texts(entries) | _receipt(moment, len(entries))
    columns["entry_id"] = pa.array(numbers)
    columns["event_time"] = _event_times(entries, moment)
    columns["raw"] = entries["raw"]
    columns["demo"] = pa.repeat(demo, len(entries))
    return pa.table([columns[name] for name in COLUMNS], names=COLUMNS).combine_chunks()


def _receipt(moment: datetime, size: int) -> dict[str, pa.Array]:
    """Return day and time of receipt, the same for each entry."""
    day, time = pa.scalar(moment.date()), pa.scalar(moment, INSTANT)
    return {"day": pa.repeat(day, size), "received_at": pa.repeat(time, size)}


def _texts(entries: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: pc.utf8_slice_codeunits(entries[name], 0, most) for name, most in LONGEST.items()}


def _event_times(entries: pa.Table, received_at: datetime) -> pa.ChunkedArray:
    """Return event times; an impossible one is replaced by the time of receipt."""
    times = entries["event_time"]
    return pc.if_else(_is_possible(times), times, pa.scalar(received_at, INSTANT))


def _is_possible(times: pa.ChunkedArray) -> pa.ChunkedArray:
    is_late_enough = pc.greater_equal(times, pa.scalar(EARLIEST, INSTANT))
    is_early_enough = pc.less(times, pa.scalar(LATEST, INSTANT))
    return pc.fill_null(pc.and_(is_late_enough, is_early_enough), False)
