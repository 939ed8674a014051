"""Frames to binary COPY and back: one canonical form, so that equal rows have equal hashes."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet
from psycopg import sql

from almanac.contract import Column, Table
from almanac.errors import AuditFailed
from almanac.store.rows import binary_copy
from almanac.store.schema.tables import SCHEMA

DECIMALS = 6
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.large_string(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "json": pa.large_string(),
}


def copy_in(
    connection: psycopg.Connection[Any], target: sql.Composable, table: Table, frame: pd.DataFrame
) -> str:
    """COPY `frame` into `target`, a table made in this transaction; return the hash that `table_hash` finds for these rows.

    Raises AuditFailed as `canonical` does.
    """
    rows = _counted(table, frame)
    # The rows are frozen at once, which only a table of this transaction allows: later reads need not look up who wrote them.
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)").format(
        target, _listed(rows.column_names)
    )
    digest = hashlib.sha256()

    def counted() -> Iterator[bytes]:
        for block in binary_copy.encode(rows):
            digest.update(block)
            yield block

    # PostgreSQL takes in a block while the next one is made.
    with connection.cursor() as cursor, cursor.copy(statement) as copy, ThreadPoolExecutor(1) as pool:
        blocks = counted()
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            copy.write(block)
    return digest.hexdigest()


def frame_hash(table: Table, frame: pd.DataFrame) -> str:
    """Return the hash that `table_hash` finds once `frame` is stored, without storing it."""
    digest = hashlib.sha256()
    for block in binary_copy.encode(_counted(table, frame)):
        digest.update(block)
    return digest.hexdigest()


def table_hash(connection: psycopg.Connection[Any], source: sql.Composable, table: Table, run_id: str) -> str:
    """Return the SHA-256 of a run's rows in the table `source`, in key order, as PostgreSQL writes them in binary COPY.

    Columns are taken by name, and those that are NULL in every row do not count: neither a new column nor another order changes old hashes.
    """
    used = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")
    counted = [
        name
        for name in _in_order(table)
        if not table.column(name).nullable
        or connection.execute(used.format(source, sql.Identifier(name))).fetchall() == [(True,)]
    ]
    # Naming the run lets PostgreSQL walk the primary key, which begins with it, instead of sorting.
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE run_id = {} ORDER BY {}) TO STDOUT (FORMAT binary)")
    digest = hashlib.sha256()
    for block in binary_copy.read_copy(
        connection, query.format(_listed(counted), source, run_id, _listed(table.key))
    ):
        digest.update(block)
    return digest.hexdigest()


def combined_hash(hashes: Iterable[str]) -> str:
    """Return one hash for several, in the order given."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def read(
    connection: psycopg.Connection[Any], table: Table, query: sql.Composed, parameters: Iterable[object] = ()
) -> pd.DataFrame:
    """Return the rows of `query` as a frame with the table's columns and pandas types."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, list(parameters))
        fetched = cursor.fetchall()
    columns = zip(*fetched, strict=True) if fetched else ([] for _ in table.columns)
    return pd.DataFrame(
        {
            column.name: _series(column, list(values))
            for column, values in zip(table.columns, columns, strict=True)
        }
    )


def to_parquet(table: Table, frame: pd.DataFrame) -> bytes:
    """Return the rows of a frame as Parquet, in the one form that is stored and hashed."""
    sink = pa.BufferOutputStream()
    parquet.write_table(canonical(table, frame), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_parquet(table: Table, content: bytes) -> pd.DataFrame:
    """Return the frame that was packed, with the types that `read` gives it."""
    rows = parquet.read_table(pa.BufferReader(content))
    return pd.DataFrame(
        {column.name: _series(column, _plain_values(column, rows[column.name])) for column in table.columns}
    )


def qualified_name(name: str, schema: str = SCHEMA) -> sql.Identifier:
    """Return the quoted name of a table."""
    return sql.Identifier(schema, name)


def canonical(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return the rows of `frame` in key order and in the one form that is stored and hashed.

    Floats are rounded to DECIMALS, NaN and other gaps are NULL, instants are UTC in microseconds, JSON has one spelling.
    Raises AuditFailed naming each column that is missing or has values which cannot be stored, with their count, and repeated keys.
    """
    missing = [name for name in table.column_names if name not in frame.columns]
    if missing:
        raise AuditFailed(
            f"Table '{table.name}' needs column {missing}; the frame has {sorted(map(str, frame.columns))}."
        )
    columns = {column.name: _converted(table, column, frame[column.name]) for column in table.columns}
    rows = pa.table(columns).combine_chunks()
    faults = [fault for column in table.columns for fault in _faults(table, column, rows[column.name])]
    if faults:
        raise AuditFailed(f"Table '{table.name}' was not stored: {'; '.join(faults)}.")
    if len(table.key) == 1 and _ascends(rows[table.key[0]]):
        return rows
    ordered = (
        rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in table.key]))
        if len(rows)
        else rows
    )
    _refuse_repeated_keys(table, ordered.select(table.key))
    return ordered


def _converted(table: Table, column: Column, series: pd.Series) -> pa.ChunkedArray:
    if series.isna().all():
        # pandas gives a column of gaps alone whatever type it likes.
        return pa.chunked_array([pa.nulls(len(series), ARROW_TYPES[column.type])])
    try:
        converted = _CONVERT.get(column.type, _as_is)(column, series)
    except (TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise AuditFailed(
            f"Table '{table.name}' was not stored: column '{column.name}' is not all {column.type}: {error}"
        ) from error
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array([converted])


def _as_is(column: Column, series: pd.Series) -> pa.Array:
    return pa.array(series, type=ARROW_TYPES[column.type], from_pandas=True)


def _reals(_column: Column, series: pd.Series) -> pa.Array:
    # Adding zero turns -0.0 into 0.0, which compares equal but has other bytes.
    return pa.array(pd.to_numeric(series).astype("float64").round(DECIMALS) + 0.0, from_pandas=True)


def _instants(column: Column, series: pd.Series) -> pa.Array:
    instants = pd.to_datetime(series, utc=True).dt.as_unit("us")
    return pa.array(instants.dt.tz_convert(None).to_numpy(), type=ARROW_TYPES[column.type], from_pandas=True)


def _jsons(column: Column, series: pd.Series) -> pa.Array:
    texts = [
        None
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
        else canonical_json(value)
        for value in series
    ]
    return pa.array(texts, type=ARROW_TYPES[column.type])


_CONVERT = {"real": _reals, "timestamp": _instants, "json": _jsons}


def _faults(table: Table, column: Column, values: pa.ChunkedArray) -> list[str]:
    """Return what PostgreSQL would refuse or nobody could read back, in words with counts."""
    found = {}
    if not column.nullable or column.name in table.key:
        found["have none"] = values.null_count
    if column.type == "real":
        found["are infinite"] = pc.sum(pc.is_inf(values)).as_py() or 0
    if column.type in ("text", "json"):
        # A JSON text spells NUL as an escape; a doubled backslash before it is none.
        nul = pc.match_substring_regex(values, "\0" if column.type == "text" else r"(^|[^\\])(\\\\)*\\u0000")
        found["hold the character NUL"] = pc.sum(nul).as_py() or 0
    return [f"column '{column.name}': {count} rows {what}" for what, count in found.items() if count]


def _ascends(key: pa.ChunkedArray) -> bool:
    """Tell whether keys are in order and each is there once, which spares sorting."""
    return len(key) < 2 or bool(pc.all(pc.less(key.slice(0, len(key) - 1), key.slice(1))).as_py())


def _refuse_repeated_keys(table: Table, keys: pa.Table) -> None:
    neighbours = (
        [pc.equal(values.slice(1), values.slice(0, len(values) - 1)) for values in keys.columns]
        if len(keys)
        else []
    )
    repeated = reduce(pc.and_, neighbours) if neighbours else pa.array([], pa.bool_())
    count = pc.sum(repeated).as_py() or 0
    if count:
        example = keys.slice(pc.index(repeated, True).as_py(), 1).to_pylist()[0]
        raise AuditFailed(
            f"Table '{table.name}' was not stored: {count} rows repeat the key of another row, for example {example}."
        )


def _counted(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return the canonical rows in the columns that count, sorted by name: all but those that are NULL in every row."""
    rows = canonical(table, frame)
    return rows.select(
        [
            name
            for name in _in_order(table)
            if not table.column(name).nullable or rows[name].null_count < len(rows)
        ]
    )


def _in_order(table: Table) -> list[str]:
    return sorted(table.column_names)


def _listed(names: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _plain_values(column: Column, values: pa.ChunkedArray) -> list[Any]:
    told: list[Any] = values.to_pylist()
    return [None if text is None else json.loads(text) for text in told] if column.type == "json" else told


def _series(column: Column, values: list[Any]) -> pd.Series:
    if column.type == "date":
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object")), dtype="datetime64[s]")
    if column.type == "timestamp":
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True).dt.as_unit("us")
    if column.type in ("integer", "bigint"):
        return pd.Series(values, dtype="Int64" if column.nullable else "int64")
    if column.type == "real":
        return pd.Series(values, dtype="float64")
    return pd.Series(
        values,
        dtype={"text": "str", "boolean": "boolean" if column.nullable else "bool"}.get(column.type, "object"),
    )


def canonical_json(value: object) -> str:
    """Return the one spelling of a JSON value that is hashed and stored; raises AuditFailed for NaN and infinity."""
    try:
        return _SPELLING.encode(value)
    except ValueError as error:
        raise AuditFailed(
            f"A JSON value holds NaN or infinity, which JSON cannot say: {value!r:.200}"
        ) from error


def plain_json(value: object) -> Any:
    """Return a value as plain JSON data (NumPy numbers as numbers, dates as text, NaN as null)."""
    return json.loads(json.dumps(_without_nan(value), default=lambda item: _without_nan(_plain_scalar(item))))


def _without_nan(value: Any) -> object:
    if hasattr(value, "_asdict"):
        return _without_nan(value._asdict())
    if isinstance(value, Mapping):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain_scalar(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


_SPELLING = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain_scalar
)
