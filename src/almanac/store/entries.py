"""The entries of an incremental workload: how far they are numbered, and reading them in batches that fit into memory."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql
from pyarrow import csv

from almanac.contract import Contract
from almanac.store import frames, wire
from almanac.store.database import Database
from almanac.store.locks import patiently

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
class Span:
    """The entries with a number above `after`, up to and with `until`."""

    after: int
    until: int


@dataclass
class Unscored:
    """The entries of a span, read once: an iterable of Arrow tables; afterwards it knows how many they were and their hash."""

    database: Database
    contract: Contract
    span: Span
    rows: int = 0
    _sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the entries in the order of their numbers, at most NUMBERS_AT_A_TIME at a time."""
        with self.database.connect() as connection:
            for content, batch in _batches(connection, self.contract, self.span):
                self._sha.update(content)
                self.rows += len(batch)
                yield batch

    def first_kept(self) -> int:
        """Return the lowest number among all entries that are kept."""
        with self.database.connect() as connection:
            return first_kept(connection, self.contract)

    @property
    def input_hash(self) -> str:
        """The SHA-256 of what was read."""
        return self._sha.hexdigest()


def settled_until(database: Database, contract: Contract) -> int:
    """Return the highest number up to which no more entries can appear: whoever is inserting lower ones is waited for.

    Raises DatabaseError where an insert goes on for too long; the table has the trigger almanac.number_entries.
    """
    entity, place = (part.as_string() for part in (sql.Identifier(contract.entity), frames.location(contract.entries)))

    def ask(connection: sa.Connection) -> int:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac numbers ' || :name))"), {"name": contract.entries})
        return int(connection.execute(sa.text(f"SELECT coalesce(max({entity}), 0) FROM {place}")).scalar_one())

    return patiently(database, ask)


def first_kept(connection: psycopg.Connection[Any], contract: Contract) -> int:
    """Return the lowest number among the entries that are kept, 1 where there are none."""
    query = sql.SQL("SELECT coalesce(min({}), 1) FROM {}").format(sql.Identifier(contract.entity), frames.location(contract.entries))
    (found,) = connection.execute(query).fetchall()
    return int(found[0])


def _batches(connection: psycopg.Connection[Any], contract: Contract, span: Span) -> Iterator[tuple[bytes, pa.Table]]:
    """Yield what PostgreSQL sends and what it says; the next batch is fetched while the present one is worked on."""
    kinds = _types(connection, contract)
    parts = list(_parts(Span(max(span.after, first_kept(connection, contract) - 1), span.until)))

    def fetch(part: Span) -> bytes:
        return b"".join(wire.received(connection, _query(contract, part)))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(fetch, parts[0]) if parts else None
        for following in [*parts[1:], None]:
            if coming is None:
                return
            content = coming.result()
            coming = pool.submit(fetch, following) if following else None
            if content:
                yield content, _table(content, kinds)


def _parts(span: Span) -> Iterator[Span]:
    """Yield a span in pieces of NUMBERS_AT_A_TIME."""
    for after in range(span.after, span.until, NUMBERS_AT_A_TIME):
        yield Span(after, min(after + NUMBERS_AT_A_TIME, span.until))


def _query(contract: Contract, span: Span) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, contract.entry_columns))
    query = sql.SQL("COPY (SELECT {0} FROM {1} WHERE {2} > {3} AND {2} <= {4} ORDER BY {2}) TO STDOUT (FORMAT csv)")
    return query.format(columns, frames.location(contract.entries), sql.Identifier(contract.entity), span.after, span.until)


def _types(connection: psycopg.Connection[Any], contract: Contract) -> dict[str, pa.DataType]:
    query = "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
    found = dict(connection.execute(query, [frames.location(contract.entries).as_string()]).fetchall())
    return {name: ARROW_TYPES.get(found.get(name, ""), pa.large_string()) for name in contract.entry_columns}


def _table(content: bytes, kinds: dict[str, pa.DataType]) -> pa.Table:
    """Read CSV as PostgreSQL writes it: a gap is NULL, an empty text stands in quotes."""
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=list(kinds), block_size=max(1 << 20, len(content))),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=kinds, null_values=[""], true_values=["t"], false_values=["f"], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
