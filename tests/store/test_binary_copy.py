"""Binary COPY: byte for byte what PostgreSQL itself writes."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy

TEXTS = ["", "a", "Ünïcödé 日本語 🦉", "tab\tnew\nline \\N \\.", None]
COLUMNS = {
    "text": pa.array(TEXTS, pa.large_string()),
    "json": pa.array(['{"a":1}', "[]", '"é"', "null", None], pa.large_string()),
    "int4": pa.array([0, -1, 2_147_483_647, -2_147_483_648, None], pa.int32()),
    "int8": pa.array([0, -1, 9_223_372_036_854_775_807, -9_223_372_036_854_775_808, None], pa.int64()),
    "float8": pa.array([0.0, -0.000001, 1e300, -1.5, None], pa.float64()),
    "bool": pa.array([True, False, True, False, None], pa.bool_()),
    "date": pa.array(
        [date(2000, 1, 1), date(1969, 7, 20), date(1, 1, 1), date(9999, 12, 30), None], pa.date32()
    ),
    "timestamptz": pa.array(
        [
            datetime(2000, 1, 1, tzinfo=UTC),
            datetime(1969, 7, 20, 20, 17, 40, 123456, UTC),
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 30, 23, 59, tzinfo=UTC),
            None,
        ],
        pa.timestamp("us", "UTC"),
    ),
}


def written_by_postgresql(database: Database, columns: dict[str, pa.Array]) -> bytes:
    """Return the rows as PostgreSQL writes them, after they went in one by one as plain values."""
    names = sql.SQL(", ").join(sql.SQL("{0} {0}").format(sql.Identifier(name)) for name in columns)
    places = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE TEMP TABLE same ({}) ON COMMIT DROP").format(names))
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("INSERT INTO same VALUES ({})").format(places),
                list(zip(*(c.to_pylist() for c in columns.values()), strict=True)),
            )
            with cursor.copy("COPY same TO STDOUT (FORMAT binary)") as copy:
                return b"".join(bytes(block) for block in copy)


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_encoded_as_postgresql_encodes_it(owner: Database, kind: str) -> None:
    columns = {kind: COLUMNS[kind]}
    assert b"".join(binary_copy.encode(pa.table(columns))) == written_by_postgresql(owner, columns)


def test_all_columns_side_by_side_are_encoded_as_postgresql_encodes_them(owner: Database) -> None:
    assert b"".join(binary_copy.encode(pa.table(COLUMNS))) == written_by_postgresql(owner, COLUMNS)


def test_the_bytes_of_a_uuid_are_encoded_as_postgresql_encodes_them(owner: Database) -> None:
    ids = [UUID(int=0), UUID(int=2**128 - 1), UUID("6f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")]
    columns = {"uuid": pa.array([value.bytes for value in ids], pa.binary(16))}
    numbers = {"int8": pa.array([1, 2, 3], pa.int64())}
    by_postgresql = written_by_postgresql(owner, {"uuid": pa.array(ids, pa.uuid())} | numbers)
    assert b"".join(binary_copy.encode(pa.table(columns | numbers))) == by_postgresql


def test_columns_without_null_are_encoded_as_postgresql_encodes_them(owner: Database) -> None:
    columns = {name: column.drop_null() for name, column in COLUMNS.items()}
    assert b"".join(binary_copy.encode(pa.table(columns))) == written_by_postgresql(owner, columns)


def test_a_slice_of_a_table_is_encoded_as_a_table_of_its_own() -> None:
    ids = pa.array([bytes([number]) * 16 for number in range(5)], pa.binary(16))
    table = pa.table({"id": ids, **COLUMNS})
    alone = pa.Table.from_pylist(table.slice(1, 3).to_pylist(), schema=table.schema)
    assert b"".join(binary_copy.encode(table.slice(1, 3))) == b"".join(binary_copy.encode(alone))


def test_rows_encoded_in_several_pieces_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = b"".join(binary_copy.encode(pa.table(COLUMNS)))
    monkeypatch.setattr(binary_copy, "ROWS_AT_A_TIME", 2)
    pieces = list(binary_copy.encode(pa.table(COLUMNS)))
    assert len(pieces) == 5, "head, two rows, two rows, one row, tail"
    assert b"".join(pieces) == at_once


def test_a_table_without_rows_is_a_header_and_a_trailer(owner: Database) -> None:
    columns = {"int4": pa.array([], pa.int32())}
    assert b"".join(binary_copy.encode(pa.table(columns))) == written_by_postgresql(owner, columns)


def test_a_copy_is_read_to_its_end(owner: Database) -> None:
    query = sql.SQL("COPY (SELECT {}::int4 UNION ALL SELECT 2) TO STDOUT (FORMAT binary)").format(1)
    with owner.connect() as connection:
        assert b"".join(bytes(block) for block in binary_copy.read_copy(connection, query)) == b"".join(
            binary_copy.encode(pa.table({"n": pa.array([1, 2], pa.int32())}))
        )
        assert connection.execute("SELECT 'still usable'").fetchone() == ("still usable",)


def test_a_copy_that_fails_raises_the_error_of_postgresql(owner: Database) -> None:
    with owner.connect(autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            list(
                binary_copy.read_copy(
                    connection, sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier("nowhere"))
                )
            )
        with pytest.raises(psycopg.errors.DivisionByZero):
            list(
                binary_copy.read_copy(
                    connection,
                    sql.SQL("COPY (SELECT 1 / (3 - n) FROM generate_series(1, {}) AS n) TO STDOUT").format(3),
                )
            )
        assert connection.execute("SELECT 'still usable'").fetchone() == ("still usable",)
