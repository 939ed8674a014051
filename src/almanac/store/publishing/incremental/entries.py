"""The entries of an incremental workload: how far they are numbered, and reading them in batches that fit into memory."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from almanac.store.rows.names import qualified_name

# Both divide the numbers at the same places whatever number a span begins behind, so that the hash of what is read does not depend on it.
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


@dataclass(frozen=True)
class EntryRange:
    """The entries with a number above `after`, up to and with `until`."""

    after: int
    until: int


@dataclass
class UnscoredEntries:
    """The entries of a span, read once: an iterable of Arrow tables; afterwards it knows how many they were and their hash.

    `context` are the rows of side tables that scoring them depends on, set by whoever scores and kept for `almanac reproduce`.
    """

    database: Database
    contract: Contract
    span: EntryRange
    rows: int = 0
    context: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    _sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the entries in the order of their numbers, at most NUMBERS_AT_A_TIME at a time."""
        with self.database.connect() as connection:
            for content, batch in _batches(connection, self.contract, self.span):
                for row in content:
                    for value in row:
                        self._sha.update(value)
                self.rows += len(batch)
                yield batch

    def first_number(self) -> int:
        """Return the lowest number among all entries that are kept."""
        with self.database.connect() as connection:
            return first_number(connection, self.contract)

    @property
    def input_hash(self) -> str:
        """The SHA-256 of what was read."""
        return self._sha.hexdigest()


def settled_until(database: Database, contract: Contract) -> int:
    """Return the highest number up to which no more entries can appear: whoever is inserting lower ones is waited for.

    Raises DatabaseError where an insert goes on for too long; the table has the trigger almanac.number_entries.
    """
    entity, place = (
        part.as_string() for part in (sql.Identifier(contract.entity), qualified_name(contract.entries))
    )

    def ask(connection: sa.Connection) -> int:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac numbers ' || :name))"),
            {"name": contract.entries},
        )
        return int(
            connection.execute(sa.text(f"SELECT coalesce(max({entity}), 0) FROM {place}")).scalar_one()
        )

    return retry_on_lock(database, ask)


def first_number(connection: psycopg.Connection[Any], contract: Contract) -> int:
    """Return the lowest number among the entries that are kept, 1 where there are none."""
    query = sql.SQL("SELECT coalesce(min({}), 1) FROM {}").format(
        sql.Identifier(contract.entity), qualified_name(contract.entries)
    )
    (found,) = connection.execute(query).fetchall()
    return int(found[0])


def _batches(
    connection: psycopg.Connection[Any], contract: Contract, span: EntryRange
) -> Iterator[tuple[list[list[bytes]], pa.Table]]:
    """Yield what PostgreSQL sends and what it says; the next batch is fetched while the present one is worked on."""
    kinds = columnar.wire_columns(
        connection, qualified_name(contract.entries), contract.entry_columns, ARROW_TYPES
    )
    begin = max(span.after, first_number(connection, contract) - 1)
    parts = [EntryRange(*part) for part in columnar.spans(begin, span.until, NUMBERS_AT_A_TIME)]

    def fetch(part: EntryRange) -> list[list[bytes]]:
        return columnar.fetch_columns(connection, _query(contract, part, kinds))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(fetch, parts[0]) if parts else None
        for following in [*parts[1:], None]:
            if coming is None:
                return
            content = coming.result()
            coming = pool.submit(fetch, following) if following else None
            if content:
                yield content, columnar.table(kinds, content)


def _query(contract: Contract, span: EntryRange, kinds: list[columnar.WireColumn]) -> sql.Composed:
    """Return the query of a row for each NUMBERS_TOGETHER, whose texts together stay far below PostgreSQL's limit of a gigabyte."""
    query = sql.SQL("""
        SELECT joined.* FROM generate_series({first}::bigint, {last}::bigint) AS part, LATERAL (
            SELECT {sent} FROM (
                SELECT {columns} FROM {place}
                WHERE {entity} > greatest({after}, part * {size}) AND {entity} <= least({until}, (part + 1) * {size}) ORDER BY {entity}
            ) AS ordered
        ) AS joined ORDER BY part""")
    return query.format(
        first=span.after // NUMBERS_TOGETHER,
        last=(span.until - 1) // NUMBERS_TOGETHER,
        sent=sql.SQL(", ").join(sent for kind in kinds for sent in kind.aggregates),
        columns=sql.SQL(", ").join(map(sql.Identifier, contract.entry_columns)),
        place=qualified_name(contract.entries),
        entity=sql.Identifier(contract.entity),
        after=span.after,
        until=span.until,
        size=NUMBERS_TOGETHER,
    )
