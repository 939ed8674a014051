"""Frames into tables by binary COPY, and back with their pandas types."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as parquet
from psycopg import sql

from almanac.contract import Column, Table
from almanac.store.rows import binary_copy
from almanac.store.rows.ahead import one_ahead
from almanac.store.rows.canonical import canonical
from almanac.store.rows.hashes import hashed_rows
from almanac.store.rows.names import column_list

# The rows are frozen at once, so that later reads need not look up who wrote them.
# PostgreSQL allows this only for a table made in the same transaction.
COPY_FROZEN = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)")
DTYPES = {"integer": "int64", "bigint": "int64", "real": "float64", "text": "str", "boolean": "bool"}
NULLABLE_DTYPES = {"integer": "Int64", "bigint": "Int64", "boolean": "boolean"}


def copy_in(
    connection: psycopg.Connection[Any], target: sql.Composable, table: Table, frame: pd.DataFrame
) -> str:
    """COPY `frame` into `target`, a table made in this transaction.

    Return the hash that `table_hash` returns for the rows. Raises AuditFailed as `canonical` does.
    """
    rows = hashed_rows(table, frame)
    statement = COPY_FROZEN.format(target, column_list(rows.column_names))
    digest = hashlib.sha256()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        # PostgreSQL takes in a block while the next one is made.
        for block in one_ahead(binary_copy.encode(rows)):
            copy.write(block)
            digest.update(block)
    return digest.hexdigest()


def read(
    connection: psycopg.Connection[Any], table: Table, query: sql.Composed, parameters: Iterable[object] = ()
) -> pd.DataFrame:
    """Return the rows of `query` as a frame with the table's columns and pandas types."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, list(parameters))
        rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(table.columns)
    pairs = zip(table.columns, columns, strict=True)
    return pd.DataFrame({column.name: _series(column, list(values)) for column, values in pairs})


def to_parquet(table: Table, frame: pd.DataFrame) -> bytes:
    """Return the rows of a frame as Parquet, in the one form that is stored and hashed."""
    sink = pa.BufferOutputStream()
    parquet.write_table(canonical(table, frame), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_parquet(table: Table, content: bytes) -> pd.DataFrame:
    """Return the frame that `to_parquet` was called with, with the types that `read` gives it."""
    rows = parquet.read_table(pa.BufferReader(content))
    columns = {column.name: _python_values(column, rows[column.name]) for column in table.columns}
    return pd.DataFrame({column.name: _series(column, columns[column.name]) for column in table.columns})


def _python_values(column: Column, values: pa.ChunkedArray) -> list[Any]:
    plain: list[Any] = values.to_pylist()
    if column.type != "json":
        return plain
    return [None if text is None else json.loads(text) for text in plain]


def _series(column: Column, values: list[Any]) -> pd.Series:
    if column.type == "date":
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object")), dtype="datetime64[s]")
    if column.type == "timestamp":
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True).dt.as_unit("us")
    dtype = DTYPES.get(column.type, "object")
    return pd.Series(values, dtype=NULLABLE_DTYPES.get(column.type, dtype) if column.nullable else dtype)
