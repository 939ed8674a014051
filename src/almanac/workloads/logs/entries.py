"""The store of entries on a worker's connection: what is new is kept once, through COPY; everything else a notebook asks of it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from almanac.workloads.logs.shared.limits import EARLIEST, LATEST, LONGEST

Connection = psycopg.Connection[Any]
NUMBERS = "SELECT pg_advisory_xact_lock_shared(hashtext('almanac numbers log_entries'))"
TAKE = "SELECT min(number), max(number) FROM (SELECT nextval('almanac.log_numbers') AS number FROM generate_series(1, %s)) AS taken"
# In the order of the ids, which the index likes and which keeps two loads of one file from waiting for each other.
ENTER = """
    INSERT INTO almanac.log_ids (id, entry_id, day) SELECT id, %s + place, %s FROM log_incoming ORDER BY id, place ON CONFLICT DO NOTHING"""
FOUND = "SELECT place FROM log_incoming JOIN almanac.log_ids USING (id) WHERE entry_id = %s + place"
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
UUID_BYTES = 16
COPY_IDS = "COPY almanac.log_ids (id, entry_id, day) FROM STDIN (FORMAT binary)"
COPY_HEAD, COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
POSTGRES_BEGINS = date(2000, 1, 1)
ID_ROW = [
    ("fields", ">i2"), ("sixteen", ">i4"), ("id", f"V{UUID_BYTES}"), ("eight", ">i4"), ("number", ">i8"), ("four", ">i4"), ("day", ">i4"),
]  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """How many entries were new and how many were there already."""

    accepted: int
    duplicate: int

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.accepted + other.accepted, self.duplicate + other.duplicate)


@dataclass(frozen=True)
class Load:
    """How entries are written: `encode` turns an Arrow table into PostgreSQL's binary COPY, `demo` marks entries that nobody sent."""

    encode: Any
    demo: bool = False


def store(connection: Connection, entries: pa.Table, load: Load, *, ids: bytes | None = None) -> Stored:
    """Keep those of `entries` (columns of formats.SCHEMA) that are not there yet; the caller's transaction ends what begins here.

    `ids` is what `identified` says of them, where that has been asked before.
    """
    moment = datetime.now(UTC)
    connection.execute("SELECT almanac.log_open_day(%s)", [moment.date()])
    connection.execute(NUMBERS)
    numbers = _numbered(connection, identified(entries) if ids is None else ids, moment)
    kept = np.flatnonzero(numbers)
    if len(kept):
        fresh = entries if len(kept) == len(entries) else entries.take(pa.array(kept))
        _copy(connection, _written(fresh, numbers[kept], moment, demo=load.demo), load)
    return Stored(len(kept), len(entries) - len(kept))


def is_empty(connection: Connection, *, demo: bool = True) -> bool:
    """Tell whether no entry is kept; without `demo` such entries do not count."""
    (found,) = connection.execute(
        "SELECT NOT EXISTS (SELECT FROM almanac.log_entries WHERE %s OR NOT demo)", [demo]
    ).fetchall()
    return bool(found[0])


def levelled(connection: Connection, *, limit: int) -> pd.DataFrame:
    """Return the newest entries that somebody sent with a level: source, text, level, event_time."""
    query = """
        SELECT source, text, level, event_time FROM almanac.log_entries
        WHERE level IS NOT NULL AND NOT demo AND NOT raw ORDER BY entry_id DESC LIMIT %s"""
    return _frame(connection, query, [limit], ["source", "text", "level", "event_time"])


def questions(connection: Connection) -> pd.DataFrame:
    """Return the masked texts that wait for a prediction: text_id, text."""
    return _frame(
        connection,
        "SELECT text_id, masked FROM almanac.log_questions ORDER BY text_id",
        [],
        ["text_id", "text"],
    )


def _frame(connection: Connection, query: str, values: Sequence[object], names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(connection.execute(query.encode(), values).fetchall(), columns=names)


def identified(entries: pa.Table) -> bytes:
    """Return a hash for each entry, one behind the other: of the client's id, or of source, place, time and text."""
    place, time = (entries[name].cast(pa.int64()).cast(pa.large_string()) for name in ("place", "event_time"))
    file, client, gap, nothing = (
        pa.scalar(text, pa.large_string()) for text in ("file ", "client ", "\0", "")
    )
    told = pc.binary_join_element_wise(
        file, entries["source"], gap, place, gap, pc.fill_null(time, nothing), gap, entries["text"], nothing
    )
    if entries["client_id"].null_count < len(entries):
        told = pc.coalesce(pc.binary_join_element_wise(client, entries["client_id"], nothing), told)
    digest = hashlib.sha256
    return b"".join([digest(text).digest()[:UUID_BYTES] for text in told.cast(pa.large_binary()).to_pylist()])


def _numbered(connection: Connection, ids: bytes, moment: datetime) -> np.ndarray[Any, Any]:
    """Enter the ids that are new; return the number of each entry, 0 for those that were there or stand twice."""
    size = len(ids) // UUID_BYTES
    if not size:
        return np.zeros(0, np.int64)
    first = _taken(connection, size)
    numbers = np.arange(first, first + size)
    if _all_entered(connection, ids, first, moment):
        return numbers
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS log_incoming (place integer, id uuid) ON COMMIT DROP; TRUNCATE log_incoming"
    )
    with connection.cursor().copy("COPY log_incoming FROM STDIN (FORMAT binary)") as copy:
        copy.write(_incoming(ids))
    connection.execute(ENTER, [first, moment.date()])
    is_new = np.zeros(size, bool)
    is_new[[place for (place,) in connection.execute(FOUND, [first]).fetchall()]] = True
    return np.where(is_new, numbers, 0)


def _all_entered(connection: Connection, ids: bytes, first: int, moment: datetime) -> bool:
    """Enter all ids at once, which is several times faster where each is new; where one is not, enter none and return False."""
    keys = np.frombuffer(ids, dtype=[("high", ">u8"), ("low", ">u8")])
    order = np.lexsort((keys["low"], keys["high"]))
    rows = np.empty(len(keys), dtype=ID_ROW)
    rows["fields"], rows["sixteen"], rows["eight"], rows["four"] = 3, UUID_BYTES, 8, 4
    rows["id"], rows["number"], rows["day"] = (
        np.frombuffer(ids, dtype=f"V{UUID_BYTES}")[order],
        first + order,
        (moment.date() - POSTGRES_BEGINS).days,
    )
    try:
        with connection.transaction(), connection.cursor().copy(COPY_IDS) as copy:
            copy.write(COPY_HEAD + rows.tobytes() + COPY_END)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def _taken(connection: Connection, size: int) -> int:
    """Take `size` numbers without a gap and return the first; where another took some between, try again."""
    while True:
        ((lowest, highest),) = connection.execute(TAKE, [size]).fetchall()
        if highest - lowest + 1 == size:
            return int(lowest)


def _incoming(ids: bytes) -> bytes:
    keys = np.frombuffer(ids, dtype=f"V{UUID_BYTES}")
    rows = np.empty(
        len(keys),
        dtype=[
            ("fields", ">i2"),
            ("four", ">i4"),
            ("place", ">i4"),
            ("sixteen", ">i4"),
            ("id", f"V{UUID_BYTES}"),
        ],
    )
    rows["fields"], rows["four"], rows["sixteen"] = 2, 4, UUID_BYTES
    rows["place"], rows["id"] = np.arange(len(keys)), keys
    return COPY_HEAD + rows.tobytes() + COPY_END


def _written(entries: pa.Table, numbers: np.ndarray[Any, Any], moment: datetime, *, demo: bool) -> pa.Table:
    """Return the rows as they are stored: what is too long is cut, a time that cannot be is the time of receipt."""
    size, instant = len(entries), pa.timestamp("us", "UTC")
    received = pa.repeat(pa.scalar(moment, instant), size)
    times = entries["event_time"]
    is_readable = pc.fill_null(
        pc.and_(
            pc.greater_equal(times, pa.scalar(EARLIEST, instant)),
            pc.less(times, pa.scalar(LATEST, instant)),
        ),
        False,
    )
    columns = {
        "entry_id": pa.array(numbers),
        "day": pa.repeat(pa.scalar(moment.date()), size),
        "received_at": received,
        "event_time": pc.if_else(is_readable, times, received),
        **{name: pc.utf8_slice_codeunits(entries[name], 0, most) for name, most in LONGEST.items()},
        "raw": entries["raw"],
        "demo": pa.repeat(pa.scalar(demo), size),
    }
    return pa.table({name: columns[name] for name in COLUMNS}).combine_chunks()


def _copy(connection: Connection, rows: pa.Table, load: Load) -> None:
    statement = sql.SQL("COPY almanac.log_entries ({}) FROM STDIN (FORMAT binary)").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    with connection.cursor().copy(statement) as copy:
        for block in load.encode(rows):
            copy.write(block)


def pieces(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield tables of at most `rows` rows, so that no transaction makes others wait for long."""
    for table in tables:
        for begin in range(0, len(table), rows):
            yield table.slice(begin, rows)
