"""Hashes of rows: the same for a frame and for the table in which its rows are stored."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql

from almanac.contract import Table
from almanac.store.rows import binary_copy
from almanac.store.rows.canonical import canonical
from almanac.store.rows.names import column_list

HAS_VALUE = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")
NO_ROWS = sql.SQL("SELECT * FROM {} LIMIT 0")
# Naming the run lets PostgreSQL walk the primary key, which begins with it, instead of sorting.
ROWS_OF_RUN = sql.SQL("COPY (SELECT {} FROM {} WHERE run_id = {} ORDER BY {}) TO STDOUT (FORMAT binary)")


def frame_hash(table: Table, frame: pd.DataFrame) -> str:
    """Return the hash that `table_hash` returns once `frame` is stored, without storing it."""
    return _sha256(binary_copy.encode(hashed_rows(table, frame)))


def table_hash(connection: psycopg.Connection[Any], source: sql.Composable, table: Table, run_id: str) -> str:
    """Return the SHA-256 of a run's rows in the table `source`, in key order, in binary COPY format.

    Columns are taken in the order of their names, with those that the contract no longer declares. A column
    that is NULL in every row does not count, so that neither a new column, nor one that is no longer
    declared, nor another order changes old hashes.
    """
    stored = sorted(_stored_names(connection, source) - {"run_id"})
    names = [name for name in stored if _counts(connection, source, table, name)]
    query = ROWS_OF_RUN.format(column_list(names), source, run_id, column_list(table.key))
    return _sha256(binary_copy.read_copy(connection, query))


def combined_hash(hashes: Iterable[str]) -> str:
    """Return one hash for several, in their order."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def hashed_rows(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return the canonical rows in the columns that count for the hash, in the order of their names."""
    rows = canonical(table, frame)
    nullable = {column.name for column in table.columns if column.nullable}
    empty = {name for name in nullable if rows[name].null_count == len(rows)}
    return rows.select([name for name in _sorted_names(table) if name not in empty])


def _counts(connection: psycopg.Connection[Any], source: sql.Composable, table: Table, name: str) -> bool:
    if name in table.column_names and not table.column(name).nullable:
        return True
    row = connection.execute(HAS_VALUE.format(source, sql.Identifier(name))).fetchone()
    return row == (True,)


def _stored_names(connection: psycopg.Connection[Any], source: sql.Composable) -> set[str]:
    cursor = connection.execute(NO_ROWS.format(source))
    return {column.name for column in cursor.description or ()}


def _sorted_names(table: Table) -> Sequence[str]:
    return sorted(table.column_names)


def _sha256(blocks: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
