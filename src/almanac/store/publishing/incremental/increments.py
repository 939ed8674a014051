"""Increments: a run of an incremental workload scores what is new, and takes over the rows of small runs before it.

So that a run every five minutes leaves a handful of partitions and not thousands, the new run copies the rows of the newest runs of its
version into its own table as long as they are not much larger than what it holds already. Each row is copied about log2(n) times in all;
runs of LARGEST_ROWS and more are left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from almanac.contract import Contract, Table
from almanac.errors import AuditFailed
from almanac.store.connections.database import Database
from almanac.store.publishing import staging
from almanac.store.publishing.incremental import entries
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.records import runs
from almanac.store.rows import frames
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.store.rows.names import qualified_name
from almanac.store.schema.contract_tables import table_name

LARGEST_ROWS = 1_000_000
SMALLEST_ROWS = 5_000
MERGED = {
    "sum": "sum({0})::{1}",
    "min": "min({0})",
    "max": "max({0})",
    "last": "(array_agg({0} ORDER BY turn DESC))[1]",
}
SUMS = {"integer": "integer", "bigint": "bigint", "real": "double precision"}


@dataclass(frozen=True)
class ScoredEntries:
    """Which version has predicted which entries."""

    version: int
    scored: UnscoredEntries


@dataclass(frozen=True)
class Increment(staging.Staged):
    """What an incremental run has staged: its own rows and those taken over from the runs `absorbed`; `own_hash` is that of its own."""

    span: EntryRange
    absorbed: tuple[str, ...]
    own_hash: str
    input_hash: str

    def summary(self) -> dict[str, Any]:
        """Return what the run's record is to say; `hashes` has the hash of its own predictions, which `almanac reproduce` compares."""
        covered = {
            "covered_after": self.span.after,
            "covered_until": self.span.until,
            "input_hash": self.input_hash,
        }
        return (
            super().summary()
            | covered
            | {"absorbed": list(self.absorbed), "hashes": {"predictions": self.own_hash}}
        )


def unscored_entries(database: Database, contract: Contract, version: int) -> UnscoredEntries:
    """Return the entries that a version lacks: all after its newest run, or all that are kept."""
    settled = entries.settled_until(database, contract)
    covered = covered_until(database, contract, version)
    return UnscoredEntries(database, contract, EntryRange(covered, max(settled, covered)))


def covered_until(database: Database, contract: Contract, version: int) -> int:
    """Return the number up to which a version has predicted every entry."""
    with database.engine.begin() as connection:
        made = runs.of_version(connection, contract.name, version)
    return max((record["covered_until"] or 0 for record in made), default=0)


def stage(
    database: Database,
    contract: Contract,
    run_id: str,
    content: Mapping[str, pd.DataFrame],
    *,
    part: ScoredEntries,
) -> Increment:
    """Load the frames of what is new, take over the rows of small runs of the same version, index and audit; in one transaction.

    Raises AuditFailed and leaves nothing behind if anything is wrong.
    """
    staging.refuse_other_tables(contract, content)
    predictions = contract.predictions
    own_rows = _refuse_gaps(contract, content[predictions.name], part.scored)
    with database.engine.begin() as asking:
        before = runs.of_version(asking, contract.name, part.version)
    absorbed = [str(record["run_id"]) for record in runs_to_absorb(before, own_rows)]
    with database.connect() as connection:
        try:
            target = staging.create_table(connection, contract, predictions, run_id)
            own_hash = frames.copy_in(connection, target, predictions, content[predictions.name])
            _take_over(connection, contract, run_id, absorbed)
            sent = {predictions.name: own_hash}
            for table in contract.side_tables:
                sent[table.name] = _merge(
                    connection, contract, table, run_id, SideTableRows(content[table.name], absorbed)
                )
            for table in contract.released_tables:
                staging.create_indexes(connection, contract, table, run_id)
            hashes = _hashes(connection, contract, run_id) if absorbed else sent
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise AuditFailed(
                f"The predictions of run {run_id} were not accepted: {staging.detail(error)}."
            ) from error
        rows = staging.audit(connection, contract, run_id)
    every = combined_hash(hashes.values())
    return Increment(rows, every, hashes, part.scored.span, tuple(absorbed), own_hash, part.scored.input_hash)


def _refuse_gaps(contract: Contract, predictions: pd.DataFrame, scored: UnscoredEntries) -> int:
    """Return how many predictions there are; raises AuditFailed unless each entry that was read has exactly one."""
    rows, numbers = len(predictions), predictions[contract.entity]
    is_within = rows == 0 or (scored.span.after < numbers.min() and numbers.max() <= scored.span.until)
    if rows != scored.rows or not is_within or numbers.duplicated().any():
        raise AuditFailed(
            f"{scored.rows} entries of '{contract.name}' were read, {rows} predictions were made; each entry needs exactly one."
        )
    return rows


def runs_to_absorb(before: Sequence[runs.RunRow], own_rows: int) -> list[runs.RunRow]:
    """Return the newest runs of a version that a run with `own_rows` new rows takes over, newest first.

    Always an unbroken row of the newest ones, so that of the runs of one release either all are readable or the newest is gone too.
    """
    held, absorbed = own_rows, []
    for record in reversed(before):
        if record["rows"] > max(SMALLEST_ROWS, 2 * held) or held + record["rows"] > LARGEST_ROWS:
            break
        absorbed.append(record)
        held += record["rows"]
    return absorbed


def _take_over(
    connection: psycopg.Connection[Any], contract: Contract, run_id: str, absorbed: list[str]
) -> None:
    """Copy the predictions of the runs taken over, as far as their entries are kept."""
    if not absorbed:
        return
    table, first = contract.predictions, entries.first_number(connection, contract)
    copy = sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {} WHERE run_id = ANY ({}) AND {} >= {}")
    target, parent = (
        staging.staging_table(contract, table, run_id),
        qualified_name(table_name(contract, table)),
    )
    connection.execute(
        copy.format(
            target,
            parent,
            absorbed,
            sql.Identifier(contract.entity),
            first,
            columns=_listed(table.column_names),
        )
    )


@dataclass(frozen=True)
class SideTableRows:
    """Rows of one side table: those of the new frame, and the runs whose rows are to be merged with them, newest first."""

    frame: pd.DataFrame
    absorbed: list[str]


def _merge(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str, rows: SideTableRows
) -> str:
    """Stage a side table: one row per key of what is new and what is taken over; return the hash of what is new."""
    target, parent = (
        staging.create_table(connection, contract, table, run_id),
        qualified_name(table_name(contract, table)),
    )
    if not rows.absorbed:
        return frames.copy_in(connection, target, table, rows.frame)
    incoming = sql.Identifier(f"incoming_{table.name}")
    change = sql.SQL("CREATE TEMP TABLE {0} (LIKE {1}) ON COMMIT DROP; ALTER TABLE {0} DROP run_id")
    connection.execute(change.format(incoming, parent))
    digest = frames.copy_in(connection, incoming, table, rows.frame)
    columns = _listed(table.column_names)
    newer = sql.SQL("SELECT {}, 0 AS turn FROM {}").format(columns, incoming)
    older = sql.SQL(
        "SELECT {}, -array_position({runs}::text[], run_id::text) FROM {} WHERE run_id = ANY ({runs}::text[])"
    )
    source = sql.SQL("{} UNION ALL {}").format(newer, older.format(columns, parent, runs=rows.absorbed))
    connection.execute(sql.SQL("INSERT INTO {} ({}) {}").format(target, columns, merge_query(table, source)))
    return digest


def merge_query(table: Table, source: sql.Composable) -> sql.Composed:
    """Return the query that makes one row per key of the rows of `source`, whose column `turn` grows from older to newer."""
    columns = [
        sql.SQL(f"{MERGED[column.merge]} AS {{0}}").format(
            sql.Identifier(column.name), sql.SQL(SUMS.get(column.type, "text"))
        )
        if column.merge
        else sql.Identifier(column.name)
        for column in table.columns
    ]
    query = sql.SQL("SELECT {} FROM ({}) AS every GROUP BY {}")
    return query.format(sql.SQL(", ").join(columns), source, _listed(table.key))


def _hashes(connection: psycopg.Connection[Any], contract: Contract, run_id: str) -> dict[str, str]:
    """Return the hash of each staged table, read back from the database."""
    return {
        table.name: table_hash(connection, staging.staging_table(contract, table, run_id), table, run_id)
        for table in contract.released_tables
    }


def _listed(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
