"""The canonical form of a frame's rows: equal rows have equal bytes, and PostgreSQL accepts each of them."""

import math
from collections.abc import Iterator
from functools import reduce

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from almanac.contract import Column, Table
from almanac.errors import AuditFailed
from almanac.store.rows.json_values import canonical_json

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
# A JSON text spells NUL as an escape; after a doubled backslash the same letters are no escape.
NUL_PATTERNS = {"text": "\0", "json": r"(^|[^\\])(\\\\)*\\u0000"}
CONVERSION_FAILURES = (TypeError, ValueError, OverflowError, pa.ArrowException)


def canonical(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return the rows of `frame` in key order and in the one form that is stored and hashed.

    Floats are rounded to DECIMALS, NaN and other gaps are NULL, instants are UTC in microseconds, JSON has
    one spelling. Raises AuditFailed that names each column which is missing or has values that cannot be
    stored, with their count, and repeated keys.
    """
    refuse_missing_columns(table, frame)
    columns = {column.name: _converted(table, column, frame[column.name]) for column in table.columns}
    rows = pa.table(columns).combine_chunks()
    _refuse_faults(table, rows)
    if len(table.key) == 1 and _ascends(rows[table.key[0]]):
        return rows
    ordered = _in_key_order(table, rows)
    _refuse_repeated_keys(table, ordered.select(table.key))
    return ordered


def refuse_missing_columns(table: Table, frame: pd.DataFrame) -> None:
    """Raise AuditFailed that names the columns which a frame lacks."""
    missing = [name for name in table.column_names if name not in frame.columns]
    if missing:
        columns = sorted(map(str, frame.columns))
        raise AuditFailed(f"Table '{table.name}' needs column {missing}; the frame has {columns}.")


def _converted(table: Table, column: Column, series: pd.Series) -> pa.ChunkedArray:
    if series.isna().all():
        # pandas gives a column without values any type it likes.
        return pa.chunked_array([pa.nulls(len(series), ARROW_TYPES[column.type])])
    try:
        converted = _CONVERSIONS.get(column.type, _as_is)(column, series)
    except CONVERSION_FAILURES as error:
        reason = f"column '{column.name}' is not all {column.type}: {error}"
        raise AuditFailed(f"Table '{table.name}' was not stored: {reason}") from error
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array([converted])


def _as_is(column: Column, series: pd.Series) -> pa.Array:
    return pa.array(series, type=ARROW_TYPES[column.type], from_pandas=True)


def _reals(_column: Column, series: pd.Series) -> pa.Array:
    rounded = pd.to_numeric(series).astype("float64").round(DECIMALS)
    # Adding zero turns -0.0 into 0.0, which compares equal but has other bytes.
    return pa.array(rounded + 0.0, from_pandas=True)


def _instants(column: Column, series: pd.Series) -> pa.Array:
    instants = pd.to_datetime(series, utc=True).dt.as_unit("us").dt.tz_convert(None)
    return pa.array(instants.to_numpy(), type=ARROW_TYPES[column.type], from_pandas=True)


def _jsons(column: Column, series: pd.Series) -> pa.Array:
    texts = [None if _is_gap(value) else canonical_json(value) for value in series]
    return pa.array(texts, type=ARROW_TYPES[column.type])


def _is_gap(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


_CONVERSIONS = {"real": _reals, "timestamp": _instants, "json": _jsons}


def _refuse_faults(table: Table, rows: pa.Table) -> None:
    """Raise AuditFailed for values that PostgreSQL would refuse or nobody could read back."""
    faults = [
        f"column '{column.name}': {count} rows {what}"
        for column in table.columns
        for what, count in _fault_counts(table, column, rows[column.name])
        if count
    ]
    if faults:
        raise AuditFailed(f"Table '{table.name}' was not stored: {'; '.join(faults)}.")


def _fault_counts(table: Table, column: Column, values: pa.ChunkedArray) -> Iterator[tuple[str, int]]:
    if not column.nullable or column.name in table.key:
        yield "have none", values.null_count
    if column.type == "real":
        yield "are infinite", _count(pc.is_inf(values))
    if column.type in NUL_PATTERNS:
        yield "hold the character NUL", _count(pc.match_substring_regex(values, NUL_PATTERNS[column.type]))


def _count(booleans: pa.ChunkedArray) -> int:
    return pc.sum(booleans).as_py() or 0


def _ascends(key: pa.ChunkedArray) -> bool:
    """Tell whether keys are in order and each is there once, so that nothing has to be sorted."""
    if len(key) < 2:
        return True
    is_less = pc.less(key.slice(0, len(key) - 1), key.slice(1))
    return bool(pc.all(is_less).as_py())


def _in_key_order(table: Table, rows: pa.Table) -> pa.Table:
    if not len(rows):
        return rows
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in table.key]))


def _refuse_repeated_keys(table: Table, keys: pa.Table) -> None:
    if len(keys) < 2:
        return
    neighbours = [pc.equal(values.slice(1), values.slice(0, len(values) - 1)) for values in keys.columns]
    repeated = reduce(pc.and_, neighbours)
    count = _count(repeated)
    if count:
        example = keys.slice(pc.index(repeated, True).as_py(), 1).to_pylist()[0]
        reason = f"{count} rows repeat the key of another row, for example {example}"
        raise AuditFailed(f"Table '{table.name}' was not stored: {reason}.")
