"""Numbers of entries: a new id takes the next number in the transaction that stores its entry."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa

from almanac.workloads.logs.keeping import queries
from almanac.workloads.logs.keeping.identity import ID_BYTES, as_uuids, ascending

Connection = psycopg.Connection[Any]
Encode = Callable[[pa.Table], Iterator[bytes]]
Numbers = npt.NDArray[np.int64]

# Shared with every writer of entries; who waits for all of them takes it alone.
LOCK = "SELECT pg_advisory_xact_lock_shared(hashtext('almanac numbers log_entries'))"
NEXT_NUMBERS = """
    SELECT min(number), max(number)
    FROM (SELECT nextval('almanac.log_numbers') AS number FROM generate_series(1, %s)) AS taken"""
COPY_IDS = "COPY almanac.log_ids (id, entry_id, day) FROM STDIN (FORMAT binary)"
MAKE_INCOMING = """
    CREATE TEMP TABLE IF NOT EXISTS log_incoming (place integer, id uuid) ON COMMIT DROP;
    TRUNCATE log_incoming"""
COPY_INCOMING = "COPY log_incoming FROM STDIN (FORMAT binary)"
# In the order of the ids, so that two loads of one file cannot wait for each other in a circle.
ENTER_NEW = """
    INSERT INTO almanac.log_ids (id, entry_id, day)
    SELECT id, %s + place, %s FROM log_incoming ORDER BY id, place ON CONFLICT DO NOTHING"""
ENTERED = "SELECT place FROM log_incoming JOIN almanac.log_ids USING (id) WHERE entry_id = %s + place"


def number(connection: Connection, ids: bytes, day: date, encode: Encode) -> Numbers:
    """Enter the ids that are new; return the number of each entry, 0 for a duplicate."""
    connection.execute(LOCK)
    size = len(ids) // ID_BYTES
    if not size:
        return np.zeros(0, np.int64)
    first = _consecutive(connection, size)
    numbers = np.arange(first, first + size)
    if _enter_all(connection, _id_rows(ids, numbers, day), encode):
        return numbers
    is_new = _enter_new(connection, ids, first, day, encode)
    return np.where(is_new, numbers, 0)


def copy_in(connection: Connection, statement: str, rows: pa.Table, encode: Encode) -> None:
    """Send rows to a COPY statement in PostgreSQL's binary format."""
    with connection.cursor().copy(statement.encode()) as copy:
        for block in encode(rows):
            copy.write(block)


def _consecutive(connection: Connection, size: int) -> int:
    """Take `size` consecutive numbers and return the first; try again if another session interferes."""
    while True:
        ((lowest, highest),) = queries.rows(connection, NEXT_NUMBERS, [size])
        if highest - lowest + 1 == size:
            return int(lowest)


def _id_rows(ids: bytes, numbers: Numbers, day: date) -> pa.Table:
    """Return rows of `log_ids` in the order of the ids, which the index likes."""
    order = ascending(ids)
    in_order = as_uuids(ids).take(pa.array(order))
    days = pa.repeat(pa.scalar(day), len(order))
    return pa.table({"id": in_order, "entry_id": pa.array(numbers[order]), "day": days})


def _enter_all(connection: Connection, rows: pa.Table, encode: Encode) -> bool:
    """Enter all ids at once, which is several times faster; return False and enter none if one exists."""
    try:
        with connection.transaction():
            copy_in(connection, COPY_IDS, rows, encode)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def _enter_new(
    connection: Connection, ids: bytes, first: int, day: date, encode: Encode
) -> npt.NDArray[np.bool_]:
    """Enter the ids that are not there yet; return which were new, the first of each id."""
    places = np.arange(len(ids) // ID_BYTES, dtype=np.int32)
    incoming = pa.table({"place": pa.array(places), "id": as_uuids(ids)})
    connection.execute(MAKE_INCOMING)
    copy_in(connection, COPY_INCOMING, incoming, encode)
    connection.execute(ENTER_NEW, [first, day])
    return np.isin(places, queries.column(connection, ENTERED, [first]))
