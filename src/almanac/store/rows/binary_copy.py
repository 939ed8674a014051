"""PostgreSQL's binary COPY format, made of Arrow columns many rows at a time, and read back as it comes."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import pq, sql

BINARY = pa.large_binary()
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = pa.scalar(b"\xff\xff\xff\xff", BINARY)
ROWS_AT_A_TIME = 50_000
# PostgreSQL counts from 2000-01-01, everybody else from 1970-01-01.
DAYS = 10_957
MICROSECONDS = DAYS * 86_400_000_000


def encode(columns: pa.Table) -> Iterator[bytes]:
    """Yield the rows of `columns` as PostgreSQL's own `COPY … TO STDOUT (FORMAT binary)` would write them."""
    yield HEADER
    for batch in columns.to_batches(max_chunksize=ROWS_AT_A_TIME):
        yield _rows(batch)
    yield TRAILER


def read_copy(connection: psycopg.Connection[Any], query: sql.Composed) -> Iterator[memoryview]:
    """Yield what a COPY TO STDOUT sends; psycopg's own reader would take eight times as long for a million rows."""
    server = connection.pgconn
    started = server.exec_(query.as_bytes(connection))
    if started.status != pq.ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(started)
    size, block = server.get_copy_data(0)
    while size > 0:
        yield block
        size, block = server.get_copy_data(0)
    # Every result is fetched before one is judged: the connection stays usable.
    for ended in list(iter(server.get_result, None)):
        if ended.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(ended)


def _rows(batch: pa.RecordBatch) -> bytes:
    """Join the fields of each row; the rows then lie one behind the other in the buffer of the result."""
    fields = [piece for column in batch.columns for piece in _field(column)]
    count, nothing = pa.scalar(struct.pack(">h", batch.num_columns), BINARY), pa.scalar(b"", BINARY)
    joined = pc.binary_join_element_wise(count, *fields, nothing)
    data: bytes = joined.buffers()[2].to_pybytes()
    return data


def _field(column: pa.Array) -> list[pa.Array]:
    """Return a column's fields in pieces: each a length and so many bytes, or the length -1 for NULL."""
    if pa.types.is_large_string(column.type):
        lengths = pc.fill_null(pc.binary_length(column), -1).to_numpy()
        return [_packed(lengths.astype(">i4")), pc.fill_null(column, "").cast(BINARY)]
    values = _values(column)
    field = np.empty(len(column), dtype=[("length", ">i4"), ("value", values.dtype)])
    field["length"], field["value"] = values.dtype.itemsize, values
    return [pc.if_else(column.is_valid(), _packed(field), NULL) if column.null_count else _packed(field)]


def _values(column: pa.Array) -> np.ndarray[Any, Any]:
    """Return a column of fixed width in PostgreSQL's bytes; NULLs become any value."""
    if pa.types.is_boolean(column.type):
        return np.asarray(pc.fill_null(column, False).cast(pa.uint8()))
    if pa.types.is_date(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.int32()), 0).to_numpy() - DAYS).astype(">i4")
    if pa.types.is_timestamp(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy() - MICROSECONDS).astype(">i8")
    numbers = pc.fill_null(column, 0).to_numpy()
    return np.asarray(numbers.astype(numbers.dtype.newbyteorder(">")))


def _packed(values: np.ndarray[Any, Any]) -> pa.Array:
    """Return the bytes of each value as an Arrow array."""
    width = pa.binary(values.dtype.itemsize)
    return pa.FixedSizeBinaryArray.from_buffers(
        width, len(values), [None, pa.py_buffer(values.tobytes())]
    ).cast(BINARY)
