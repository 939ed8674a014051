"""Reads rows by columns: PostgreSQL joins the values of some thousand rows, so that neither side handles them one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import pq, sql

from almanac.store.rows.binary_copy import DAYS, MICROSECONDS

TEXT = pa.large_string()
# PostgreSQL's bytes of each type that has a fixed width.
WIDTHS: dict[pa.DataType, str] = {
    pa.int64(): ">i8",
    pa.int32(): ">i4",
    pa.float64(): ">f8",
    pa.bool_(): "u1",
    pa.date32(): ">i4",
    pa.timestamp("us", "UTC"): ">i8",
}
SHIFTS: dict[pa.DataType, int] = {pa.date32(): DAYS, pa.timestamp("us", "UTC"): MICROSECONDS}
ARRAY_HEAD = 20


@dataclass(frozen=True)
class WireColumn:
    """How a column travels: its Arrow type, and the SQL of a value that stands where there is none (None where there always is one)."""

    name: str
    type: pa.DataType
    stand_in: str | None = None

    @property
    def sent(self) -> list[sql.Composed]:
        """The aggregates that are sent for the column: a text as lengths (-1 for NULL) and letters, others as values and gaps."""
        name = sql.Identifier(self.name)
        if self.type == TEXT:
            return [
                sql.SQL("array_agg(coalesce(octet_length({}), -1))").format(name),
                sql.SQL("string_agg({}, '')").format(name),
            ]
        if self.stand_in is None:
            return [sql.SQL("array_agg({})").format(name)]
        stand_in = sql.SQL(self.stand_in)
        return [
            sql.SQL("array_agg(coalesce({}, {}))").format(name, stand_in),
            sql.SQL("array_agg({} IS NULL)").format(name),
        ]


def wire_columns(
    connection: psycopg.Connection[Any],
    place: sql.Composable,
    names: Sequence[str],
    types: Mapping[str, pa.DataType],
) -> list[WireColumn]:
    """Return how these columns of a table travel; whatever `types` does not name by PostgreSQL's name is text."""
    query = """
        SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"""
    found = {
        name: (told, is_filled)
        for name, told, is_filled in connection.execute(query, [place.as_string()]).fetchall()
    }
    return [_kind(name, *found[name], types) for name in names]


def _kind(name: str, told: str, is_filled: bool, types: Mapping[str, pa.DataType]) -> WireColumn:
    stand_ins = {"boolean": "false", "date": "'2000-01-01'", "timestamp with time zone": "'2000-01-01Z'"}
    return WireColumn(name, types.get(told, TEXT), None if is_filled else stand_ins.get(told, "0"))


def fetch_columns(connection: psycopg.Connection[Any], query: sql.Composed) -> list[list[bytes]]:
    """Return what each row of a query sends, in PostgreSQL's binary form; rows whose first column is NULL are left out."""
    result = connection.pgconn.exec_params(query.as_bytes(connection), None, result_format=pq.Format.BINARY)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    rows = (
        [result.get_value(row, column) or b"" for column in range(result.nfields)]
        for row in range(result.ntuples)
    )
    return [row for row in rows if row[0]]


def table(kinds: Sequence[WireColumn], rows: Sequence[Sequence[bytes]]) -> pa.Table:
    """Return the columns of rows that `received` the aggregates of `kinds`."""
    columns = iter(zip(*rows, strict=True))
    return pa.table({kind.name: _column(kind, [next(columns) for _ in kind.sent]) for kind in kinds})


def _column(kind: WireColumn, sent: Sequence[Sequence[bytes]]) -> pa.Array:
    if kind.type == TEXT:
        return _texts(_values(sent[0], ">i4"), b"".join(sent[1]))
    values = _values(sent[0], WIDTHS[kind.type])
    values = values.astype(values.dtype.newbyteorder("=")) + values.dtype.type(SHIFTS.get(kind.type, 0))
    gaps = _values(sent[1], "u1").astype(bool) if len(sent) > 1 else None
    if kind.type == pa.bool_():
        return pa.array(values.astype(bool), mask=gaps)
    return pa.array(values, mask=gaps).cast(kind.type)


def _values(arrays: Sequence[bytes], width: str) -> np.ndarray[Any, Any]:
    """Return the values of PostgreSQL's arrays, which have no NULL: behind the head each with its length before it."""
    field = np.dtype([("length", ">i4"), ("value", width)])
    return np.concatenate([np.frombuffer(array, dtype=field, offset=ARRAY_HEAD)["value"] for array in arrays])


def _texts(lengths: np.ndarray[Any, Any], letters: bytes) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    is_there = pa.array(lengths >= 0).buffers()[1] if (lengths < 0).any() else None
    return pa.LargeStringArray.from_buffers(
        len(lengths), pa.py_buffer(offsets.tobytes()), pa.py_buffer(letters), is_there
    )


def groups(after: int, until: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield spans of at most `size` numbers that end at multiples of it, whatever number the first begins behind."""
    while after < until:
        end = min(until, (after // size + 1) * size)
        yield after, end
        after = end
