"""Frames in one canonical form: missing values, hashes, hostile values."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg import sql

from almanac.contract import Column, ColumnType, Table
from almanac.errors import AuditFailed
from almanac.store.connections.database import Database
from almanac.store.rows import frames
from almanac.store.rows.canonical import canonical
from almanac.store.rows.hashes import frame_hash, table_hash
from almanac.store.rows.json_values import plain_json

TYPES: dict[ColumnType, str] = {
    "text": 'text COLLATE "C"',
    "integer": "int4",
    "bigint": "int8",
    "real": "float8",
    "boolean": "bool",
    "date": "date",
    "timestamp": "timestamptz",
    "json": "json",
}
ALL_ROWS = sql.SQL("SELECT k, v FROM {} ORDER BY k")
NO_ROWS = sql.SQL("SELECT k, v FROM {} WHERE false")
NOON = datetime(2025, 4, 15, 12, tzinfo=UTC)


def table(kind: ColumnType, *, nullable: bool = True) -> Table:
    """A table with the key `k` and one column `v`."""
    return Table(
        name="things",
        key=("k",),
        columns=(Column(name="k", type="integer"), Column(name="v", type=kind, nullable=nullable)),
    )


def frame(values: Any) -> pd.DataFrame:
    """A frame with the keys 0, 1, 2 …"""
    return pd.DataFrame({"k": range(len(values)), "v": values})


@pytest.fixture
def connection(owner: Database) -> Iterator[psycopg.Connection[Any]]:
    with owner.connect() as connected:
        yield connected


def stored(
    connection: psycopg.Connection[Any], declared: Table, content: pd.DataFrame
) -> tuple[str, str, list[Any]]:
    """Store rows in a new table; return the hash of the copy, the hash of the table, and the column `v`."""
    columns = ", ".join(f"{column.name} {TYPES[column.type]}" for column in declared.columns)
    connection.execute("DROP TABLE IF EXISTS things")
    connection.execute(f"CREATE TEMP TABLE things (run_id text DEFAULT 'r', {columns})".encode())
    target = sql.Identifier("things")
    copied = frames.copy_in(connection, target, declared, content)
    values = [value for (value,) in connection.execute("SELECT v FROM things ORDER BY k")]
    return copied, table_hash(connection, target, declared, "r"), values


MAPPED: list[tuple[ColumnType, Any, list[Any]]] = [
    ("text", ["a", None, float("nan"), "", pd.NA], ["a", None, None, "", None]),
    ("text", pd.Series(["a", None], dtype="str"), ["a", None]),
    ("text", pd.Categorical(["b", "a", None]), ["b", "a", None]),
    ("text", [float("nan"), float("nan")], [None, None]),
    ("date", [None, float("nan")], [None, None]),
    ("integer", [1.0, float("nan"), -3.0], [1, None, -3]),
    ("integer", pd.Series([7, None], dtype="Int64"), [7, None]),
    ("integer", [np.int64(3), None, pd.NA], [3, None, None]),
    ("bigint", [2**62, None], [2**62, None]),
    ("real", [0.12345678, float("nan"), None, 2], [0.123457, None, None, 2.0]),
    ("real", np.array([0.5, 0.25], dtype="float32"), [0.5, 0.25]),
    ("boolean", [True, None, False], [True, None, False]),
    ("boolean", pd.Series([True, pd.NA], dtype="boolean"), [True, None]),
    ("date", [date(2025, 4, 15), None, pd.NaT], [date(2025, 4, 15), None, None]),
    ("date", pd.to_datetime(["2025-04-15", None]), [date(2025, 4, 15), None]),
    ("timestamp", [NOON, None, pd.Timestamp("2025-04-15T14:00+02:00")], [NOON, None, NOON]),
    (
        "timestamp",
        pd.to_datetime(["2025-04-15T12:00:00.000000999Z", None], utc=True).as_unit("ns"),
        [NOON, None],
    ),
    (
        "json",
        [{"b": 1, "a": [None, "é"]}, None, [], float("nan"), 0],
        [{"a": [None, "é"], "b": 1}, None, [], None, 0],
    ),
    (
        "json",
        [{"n": np.int64(5), "x": np.array([1, 2]), "d": date(2025, 4, 15)}],
        [{"n": 5, "x": [1, 2], "d": "2025-04-15"}],
    ),
]


@pytest.mark.parametrize(("kind", "values", "expected"), MAPPED)
def test_stored_values_of_each_type_have_the_hash_of_the_frame(
    connection: psycopg.Connection[Any], kind: ColumnType, values: Any, expected: list[Any]
) -> None:
    copied, read_back, stored_values = stored(connection, table(kind), frame(values))
    assert stored_values == expected
    assert copied == read_back == frame_hash(table(kind), frame(values))


@pytest.mark.parametrize(
    "text",
    [
        "tab\tand\nnew line",
        "\\N",
        "\\.",
        "a\\b\r\n",
        "'; DROP TABLE things; --",
        "<b>&amp;</b>",
        "\ufeff\u202e",
    ],
)
def test_text_of_a_user_is_never_executed(connection: psycopg.Connection[Any], text: str) -> None:
    assert stored(connection, table("text"), frame([text, "next"]))[2] == [text, "next"]
    assert stored(connection, table("json"), frame([{text: text}]))[2] == [{text: text}]


HOSTILE: list[tuple[ColumnType, Any, str]] = [
    ("text", ["a\0b", "fine", "\0"], r"column 'v': 2 rows hold the character NUL"),
    ("json", [{"a": "\0"}, {"a": "\\u0000"}], r"column 'v': 1 rows hold the character NUL"),
    (
        "text",
        pd.Series(["lone \ud800 surrogate"], dtype=object),
        r"column 'v' is not all text: .*surrogates not allowed",
    ),
    ("json", pd.Series(["\udcff"], dtype=object), r"column 'v' is not all json: .*surrogates not allowed"),
    ("text", ["a", 1], r"column 'v' is not all text"),
    ("real", [1.0, float("inf"), float("-inf")], r"column 'v': 2 rows are infinite"),
    ("real", ["one"], r"column 'v' is not all real"),
    ("json", [{"a": float("nan")}], r"A JSON value holds NaN or infinity"),
    ("json", [[np.float32("inf")]], r"A JSON value holds NaN or infinity"),
    ("integer", [1.5], r"column 'v' is not all integer: .*1\.5"),
    ("integer", [2**31], r"column 'v' is not all integer: .*2147483648"),
    ("bigint", [2**63], r"column 'v' is not all bigint"),
    ("date", [1.5], r"column 'v' is not all date"),
    ("date", ["the other day"], r"column 'v' is not all date"),
    ("timestamp", ["soon"], r"column 'v' is not all timestamp"),
]


@pytest.mark.parametrize(("kind", "values", "reason"), HOSTILE)
def test_a_value_that_cannot_be_stored_is_refused_by_name(kind: ColumnType, values: Any, reason: str) -> None:
    with pytest.raises(AuditFailed, match=rf"(?s)Table 'things' was not stored: {reason}|{reason}"):
        canonical(table(kind), frame(values))


def test_each_column_with_missing_values_is_named_with_their_count() -> None:
    columns = (Column(name="k", type="text"), Column(name="v", type="real"))
    declared = Table(name="things", key=("k",), columns=columns)
    content = pd.DataFrame({"k": ["a", None, "c"], "v": [None, float("nan"), 1.0]})
    with pytest.raises(AuditFailed, match=r"column 'k': 1 rows have none; column 'v': 2 rows have none"):
        canonical(declared, content)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(AuditFailed, match=r"Table 'things' needs column \['v'\]; the frame has \['k', 'w'\]"):
        canonical(table("text"), pd.DataFrame({"k": [1], "w": ["a"]}))


def test_rows_that_repeat_a_key_are_counted_with_an_example() -> None:
    content = pd.DataFrame({"k": [3, 1, 3, 2, 3], "v": list("abcde")})
    with pytest.raises(AuditFailed, match=r"2 rows repeat the key of another row, for example \{'k': 3\}"):
        canonical(table("text"), content)


def test_one_column_of_a_key_may_repeat() -> None:
    columns = (Column(name="a", type="text"), Column(name="b", type="date"))
    first, second = date(2025, 1, 1), date(2025, 1, 2)
    content = pd.DataFrame({"a": ["x", "x", "y"], "b": [second, first, first]})
    rows = canonical(Table(name="things", key=("a", "b"), columns=columns), content)
    assert rows.to_pydict() == {"a": ["x", "x", "y"], "b": [first, second, first]}


def test_the_hash_depends_on_the_rows_and_not_on_their_order_or_on_noise_in_the_seventh_decimal() -> None:
    declared, content = table("real"), frame([0.1, -0.0, 0.3])
    same = [content.iloc[::-1], content[["v", "k"]], frame([0.1 + 1e-9, 0.0, 0.3])]
    assert {frame_hash(declared, other) for other in same} == {frame_hash(declared, content)}
    assert frame_hash(declared, frame([0.1, 0.0, 0.300001])) != frame_hash(declared, content)


def test_keys_are_ordered_bytewise_as_the_database_orders_them(connection: psycopg.Connection[Any]) -> None:
    columns = (Column(name="k", type="integer"), Column(name="v", type="text"))
    declared = Table(name="things", key=("v",), columns=columns)
    copied, read_back, _ = stored(connection, declared, frame(["é", "Z", "a", "🦉", "\uffee", "", "ab"]))
    assert copied == read_back


def test_a_column_added_later_does_not_change_the_hash_of_rows_stored_before(
    connection: psycopg.Connection[Any],
) -> None:
    copied, _, _ = stored(connection, table("text"), frame(["a", None]))
    connection.execute("ALTER TABLE things ADD COLUMN added float8")
    columns = (Column(name="added", type="real", nullable=True), *table("text").columns)
    grown = Table(name="things", key=("k",), columns=columns)
    assert table_hash(connection, sql.Identifier("things"), grown, "r") == copied
    connection.execute("UPDATE things SET added = 1 WHERE k = 0")
    assert table_hash(connection, sql.Identifier("things"), grown, "r") != copied


PANDAS: list[tuple[ColumnType, Any, str]] = [
    ("text", "a", "str"),
    ("integer", 1, "Int64"),
    ("real", 0.5, "float64"),
    ("boolean", True, "boolean"),
    ("date", pd.Timestamp("2025-04-15"), "datetime64[s]"),
    ("timestamp", pd.Timestamp(NOON), "datetime64[us, UTC]"),
    ("json", {"a": 1}, "object"),
]


@pytest.mark.parametrize(("kind", "value", "dtype"), PANDAS)
def test_a_stored_frame_comes_back_with_the_types_of_pandas(
    connection: psycopg.Connection[Any], kind: ColumnType, value: Any, dtype: str
) -> None:
    stored(connection, table(kind), frame([value, None]))
    things = sql.Identifier("things")
    column = frames.read(connection, table(kind), ALL_ROWS.format(things))["v"]
    assert (str(column.dtype), column[0], column.isna().tolist()) == (dtype, value, [False, True])
    empty = frames.read(connection, table(kind), NO_ROWS.format(things))
    assert (str(empty["v"].dtype), len(empty)) == (dtype, 0)


def test_numpy_numbers_dates_and_nan_become_plain_json() -> None:
    value = {
        "n": np.int64(3),
        "x": float("nan"),
        "f": np.float32("inf"),
        "d": date(2025, 4, 15),
        1: (np.bool_(True), [None]),
    }
    assert plain_json(value) == {"n": 3, "x": None, "f": None, "d": "2025-04-15", "1": [True, [None]]}
