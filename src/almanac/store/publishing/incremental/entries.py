"""The entries of an incremental workload: their numbers, and reading them in batches that fit into memory."""

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.store.connections.database import Database
from almanac.store.connections.locks import retry_on_lock
from almanac.store.rows import columnar
from almanac.store.rows.ahead import one_ahead
from almanac.store.rows.names import column_list, qualified_name

# Batches end at multiples of these numbers, wherever a range begins, so that the hash of the entries does not
# depend on it.
NUMBERS_TOGETHER = 2_500
NUMBERS_AT_A_TIME = 100_000
ARROW_TYPES = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}
LOCK_NUMBERS = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac numbers ' || :name))")
HIGHEST_NUMBER = sql.SQL("SELECT coalesce(max({}), 0) FROM {}")
LOWEST_NUMBER = sql.SQL("SELECT coalesce(min({}), 1) FROM {}")
# One row per NUMBERS_TOGETHER, whose texts together stay far below PostgreSQL's limit of a gigabyte.
BATCH = sql.SQL("""
    SELECT joined.* FROM generate_series({first}::bigint, {last}::bigint) AS part, LATERAL (
        SELECT {aggregates} FROM (
            SELECT {columns} FROM {place}
            WHERE {entity} > greatest({after}, part * {size})
                AND {entity} <= least({until}, (part + 1) * {size})
            ORDER BY {entity}
        ) AS ordered
    ) AS joined ORDER BY part
""")


@dataclass(frozen=True)
class EntryRange:
    """The entries with a number above `after`, up to and with `until`."""

    after: int
    until: int


@dataclass
class UnscoredEntries:
    """The entries of a range as an iterable of Arrow tables, to be read once.

    Then `rows` and `input_hash` describe them. `context` are the rows of side tables that scoring them
    depends on; whoever scores sets them, for `almanac reproduce`.
    """

    database: Database
    contract: Contract
    span: EntryRange
    rows: int = 0
    context: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    _sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the entries in the order of their numbers, at most NUMBERS_AT_A_TIME at a time."""
        # Whoever stops early closes the batches first, and so waits for the thread that uses the connection.
        with (
            self.database.connect() as connection,
            closing(_batches(connection, self.contract, self.span)) as batches,
        ):
            for content, batch in batches:
                self._note(content, batch)
                yield batch

    def _note(self, content: list[list[bytes]], batch: pa.Table) -> None:
        for row in content:
            for value in row:
                self._sha.update(value)
        self.rows += len(batch)

    def first_number(self) -> int:
        """Return the lowest number of all entries in the table."""
        with self.database.connect() as connection:
            return first_number(connection, self.contract)

    @property
    def input_hash(self) -> str:
        """The SHA-256 of the entries that were read."""
        return self._sha.hexdigest()


def settled_until(database: Database, contract: Contract) -> int:
    """Return the highest number up to which no more entries can appear, after a wait for inserts under way.

    Raises DatabaseError where an insert takes too long. The table of entries has the trigger
    almanac.number_entries.
    """
    query = sa.text(_of_entries(HIGHEST_NUMBER, contract).as_string())

    def highest_number(connection: sa.Connection) -> int:
        connection.execute(LOCK_NUMBERS, {"name": contract.entries})
        return int(connection.execute(query).scalar_one())

    return retry_on_lock(database, highest_number)


def first_number(connection: psycopg.Connection[Any], contract: Contract) -> int:
    """Return the lowest number of all entries in the table, 1 where there are none."""
    ((number,),) = connection.execute(_of_entries(LOWEST_NUMBER, contract)).fetchall()
    return int(number)


def _of_entries(query: sql.SQL, contract: Contract) -> sql.Composed:
    return query.format(sql.Identifier(contract.entity), qualified_name(contract.entries))


def _batches(
    connection: psycopg.Connection[Any], contract: Contract, span: EntryRange
) -> Generator[tuple[list[list[bytes]], pa.Table]]:
    """Yield each batch as PostgreSQL sends it and as Arrow.

    The next one is fetched while the caller works on it.
    """
    place = qualified_name(contract.entries)
    columns = columnar.wire_columns(connection, place, contract.entry_columns, ARROW_TYPES)
    begin = max(span.after, first_number(connection, contract) - 1)
    queries = [
        _query(contract, EntryRange(after, until), columns)
        for after, until in columnar.spans(begin, span.until, NUMBERS_AT_A_TIME)
    ]
    contents = (columnar.fetch_columns(connection, query) for query in queries)
    for content in one_ahead(contents):
        if content:
            yield content, columnar.table(columns, content)


def _query(contract: Contract, span: EntryRange, columns: list[columnar.WireColumn]) -> sql.Composed:
    aggregates = [aggregate for column in columns for aggregate in column.aggregates]
    return BATCH.format(
        first=span.after // NUMBERS_TOGETHER,
        last=(span.until - 1) // NUMBERS_TOGETHER,
        aggregates=sql.SQL(", ").join(aggregates),
        columns=column_list(contract.entry_columns),
        place=qualified_name(contract.entries),
        entity=sql.Identifier(contract.entity),
        after=span.after,
        until=span.until,
        size=NUMBERS_TOGETHER,
    )
