"""Reads rows by columns: PostgreSQL joins the values of some thousand rows into one value per column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import pq, sql

from almanac.store.rows.wire_format import DTYPES, Values, from_wire

TEXT = pa.large_string()
# The values that stand where there is none, by PostgreSQL's name of the type; for other types it is 0.
STAND_INS = {"boolean": "false", "date": "'2000-01-01'", "timestamp with time zone": "'2000-01-01Z'"}
COLUMN_TYPES = """
    SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0
"""
# A binary array begins with dimensions, flags, element type, length and lower bound, of four bytes each.
ARRAY_HEADER_BYTES = 20


@dataclass(frozen=True)
class WireColumn:
    """A column to read: its Arrow type, and the SQL of a value that stands for NULL, if it has NULL."""

    name: str
    type: pa.DataType
    stand_in: str | None = None

    @property
    def aggregates(self) -> list[sql.Composed]:
        """The aggregates to select: of a text its lengths (-1 for NULL) and letters, else values and gaps."""
        name = sql.Identifier(self.name)
        if self.type == TEXT:
            lengths = sql.SQL("array_agg(coalesce(octet_length({}), -1))").format(name)
            return [lengths, sql.SQL("string_agg({}, '')").format(name)]
        if self.stand_in is None:
            return [sql.SQL("array_agg({})").format(name)]
        values = sql.SQL("array_agg(coalesce({}, {}))").format(name, sql.SQL(self.stand_in))
        return [values, sql.SQL("array_agg({} IS NULL)").format(name)]


def wire_columns(
    connection: psycopg.Connection[Any],
    place: sql.Composable,
    names: Sequence[str],
    types: Mapping[str, pa.DataType],
) -> list[WireColumn]:
    """Return these columns of a table; `types` maps PostgreSQL's types to Arrow's, all others are text."""
    rows = connection.execute(COLUMN_TYPES, [place.as_string()]).fetchall()
    described = {name: (kind, is_filled) for name, kind, is_filled in rows}
    return [_wire_column(name, *described[name], types) for name in names]


def _wire_column(name: str, kind: str, is_filled: bool, types: Mapping[str, pa.DataType]) -> WireColumn:
    stand_in = None if is_filled else STAND_INS.get(kind, "0")
    return WireColumn(name, types.get(kind, TEXT), stand_in)


def fetch_columns(connection: psycopg.Connection[Any], query: sql.Composed) -> list[list[bytes]]:
    """Return each row of a query in PostgreSQL's binary form.

    Rows whose first column is NULL are left out.
    """
    result = connection.pgconn.exec_params(query.as_bytes(connection), None, result_format=pq.Format.BINARY)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    rows = (
        [result.get_value(row, column) or b"" for column in range(result.nfields)]
        for row in range(result.ntuples)
    )
    return [row for row in rows if row[0]]


def table(columns: Sequence[WireColumn], rows: Sequence[Sequence[bytes]]) -> pa.Table:
    """Return the Arrow columns of rows that `fetch_columns` has read from the aggregates of `columns`."""
    aggregates = iter(zip(*rows, strict=True))
    return pa.table(
        {column.name: _column(column, [next(aggregates) for _ in column.aggregates]) for column in columns}
    )


def _column(column: WireColumn, aggregates: Sequence[Sequence[bytes]]) -> pa.Array:
    first, *second = aggregates
    if column.type == TEXT:
        return _texts(_elements(first, ">i4"), b"".join(second[0]))
    values = _elements(first, DTYPES[column.type])
    nulls = _elements(second[0], "u1").astype(bool) if second else None
    return from_wire(values, column.type, nulls=nulls)


def _elements(arrays: Sequence[bytes], dtype: str) -> Values:
    """Return the elements of binary arrays without NULL: behind the header each has its length before it."""
    element = np.dtype([("length", ">i4"), ("value", dtype)])
    parts = [np.frombuffer(array, dtype=element, offset=ARRAY_HEADER_BYTES)["value"] for array in arrays]
    return np.concatenate(parts)


def _texts(lengths: Values, letters: bytes) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    validity = pa.array(lengths >= 0).buffers()[1] if (lengths < 0).any() else None
    return pa.LargeStringArray.from_buffers(
        len(lengths), pa.py_buffer(offsets.tobytes()), pa.py_buffer(letters), validity
    )


def spans(after: int, until: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield spans of at most `size` numbers that end at multiples of it, whatever `after` is."""
    while after < until:
        end = min(until, (after // size + 1) * size)
        yield after, end
        after = end
