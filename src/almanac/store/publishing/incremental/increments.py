"""Increments: a run of an incremental workload scores the new entries and absorbs the small runs before it.

A run every five minutes would leave thousands of partitions. So a new run copies the rows of the newest runs
of its version into its own table, as long as they are not much larger than the rows it has already. Each row
is copied about log2(n) times in all; runs of LARGEST_ROWS and more are left alone.
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
from almanac.store.publishing import staging, staging_tables
from almanac.store.publishing.audit import audit
from almanac.store.publishing.incremental import entries
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.publishing.incremental.merging import merge_query
from almanac.store.records import runs
from almanac.store.rows import frames
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.store.rows.names import column_list, workload_table

LARGEST_ROWS = 1_000_000
SMALLEST_ROWS = 5_000
ONE_EACH = (
    "{entries} entries of '{workload}' were read, {rows} predictions were made; each entry needs exactly one."
)
COPY_ABSORBED = sql.SQL("INSERT INTO {0} ({2}) SELECT {2} FROM {1} WHERE run_id = ANY ({3}) AND {4} >= {5}")
MAKE_INCOMING = sql.SQL("CREATE TEMP TABLE {0} (LIKE {1}) ON COMMIT DROP; ALTER TABLE {0} DROP run_id")
# `turn` grows from the oldest absorbed run to the new rows.
NEW_AND_ABSORBED = sql.SQL("""
    SELECT {columns}, 0 AS turn FROM {incoming} UNION ALL
    SELECT {columns}, -array_position({run_ids}::text[], run_id::text) FROM {parent}
    WHERE run_id = ANY ({run_ids}::text[])
""")


@dataclass(frozen=True)
class ScoredEntries:
    """The entries that one version has predicted."""

    version: int
    entries: UnscoredEntries


@dataclass(frozen=True)
class Increment(staging.Staged):
    """What an incremental run has staged: its own rows (hash `own_hash`) and those of the runs `absorbed`."""

    span: EntryRange
    absorbed: tuple[str, ...]
    own_hash: str
    input_hash: str

    def summary(self) -> dict[str, Any]:
        """Return what the predict step reports.

        `hashes` has its own predictions, which `almanac reproduce` compares.
        """
        return super().summary() | {
            "covered_after": self.span.after,
            "covered_until": self.span.until,
            "input_hash": self.input_hash,
            "absorbed": list(self.absorbed),
            "hashes": {"predictions": self.own_hash},
        }


def unscored_entries(database: Database, contract: Contract, version: int) -> UnscoredEntries:
    """Return the entries that a version lacks: all after its newest run, or all there are."""
    settled = entries.settled_until(database, contract)
    covered = covered_until(database, contract, version)
    return UnscoredEntries(database, contract, EntryRange(covered, max(settled, covered)))


def covered_until(database: Database, contract: Contract, version: int) -> int:
    """Return the number up to which a version has predicted every entry."""
    with database.engine.begin() as connection:
        rows = runs.of_version(connection, contract.name, version)
    return max((row["covered_until"] or 0 for row in rows), default=0)


def stage(
    database: Database,
    contract: Contract,
    run_id: str,
    content: Mapping[str, pd.DataFrame],
    *,
    scored: ScoredEntries,
) -> Increment:
    """Load the frames of the new entries, absorb small runs of the same version, index and audit.

    This is one transaction. Raises AuditFailed and leaves nothing behind if anything is wrong.
    """
    staging.refuse_other_tables(contract, content)
    predictions = content[contract.predictions.name]
    _refuse_gaps(contract, predictions, scored.entries)
    absorbed = _absorbed_run_ids(database, contract, scored.version, len(predictions))
    with database.connect() as connection:
        loading = Loading(connection, contract, run_id, absorbed)
        with staging.refused_rows_as_audit_failure(f"The predictions of run {run_id} were"):
            own_hashes = loading.load(content)
            hashes = loading.hashes() if absorbed else own_hashes
        rows = audit(connection, contract, run_id)
    return Increment(
        rows=rows,
        prediction_hash=combined_hash(hashes.values()),
        hashes=hashes,
        span=scored.entries.span,
        absorbed=absorbed,
        own_hash=own_hashes[contract.predictions.name],
        input_hash=scored.entries.input_hash,
    )


def runs_to_absorb(before: Sequence[runs.RunRow], own_rows: int) -> list[runs.RunRow]:
    """Return the newest runs of a version that a run with `own_rows` new rows absorbs, newest first.

    There is no gap among the newest runs. Therefore either all runs of one release are readable or its newest
    is gone.
    """
    total, absorbed = own_rows, []
    for row in reversed(before):
        if row["rows"] > max(SMALLEST_ROWS, 2 * total) or total + row["rows"] > LARGEST_ROWS:
            break
        absorbed.append(row)
        total += row["rows"]
    return absorbed


def _absorbed_run_ids(database: Database, contract: Contract, version: int, own_rows: int) -> tuple[str, ...]:
    with database.engine.begin() as connection:
        before = runs.of_version(connection, contract.name, version)
    return tuple(str(row["run_id"]) for row in runs_to_absorb(before, own_rows))


@dataclass(frozen=True)
class Loading:
    """One run's tables while they are loaded, in one transaction; `absorbed` are run ids, newest first."""

    connection: psycopg.Connection[Any]
    contract: Contract
    run_id: str
    absorbed: tuple[str, ...]

    def load(self, content: Mapping[str, pd.DataFrame]) -> dict[str, str]:
        """Fill and index the run's tables; return the hash of each frame."""
        predictions = self.contract.predictions
        hashes = {predictions.name: self._load_predictions(content[predictions.name])}
        for table in self.contract.side_tables:
            hashes[table.name] = self._load_side_table(table, content[table.name])
        for table in self.contract.released_tables:
            staging_tables.create_indexes(self.connection, self.contract, table, self.run_id)
        return hashes

    def hashes(self) -> dict[str, str]:
        """Return the hash of each staged table, read back from the database."""
        return {
            table.name: table_hash(self.connection, self._target(table), table, self.run_id)
            for table in self.contract.released_tables
        }

    def _load_predictions(self, frame: pd.DataFrame) -> str:
        table = self.contract.predictions
        target = self._create(table)
        digest = frames.copy_in(self.connection, target, table, frame)
        if self.absorbed:
            self._copy_absorbed(table)
        return digest

    def _copy_absorbed(self, table: Table) -> None:
        """Copy the predictions of the absorbed runs, as far as their entries are still there."""
        first = entries.first_number(self.connection, self.contract)
        columns, entity = column_list(table.column_names), sql.Identifier(self.contract.entity)
        places = self._target(table), self._parent(table)
        self.connection.execute(COPY_ABSORBED.format(*places, columns, list(self.absorbed), entity, first))

    def _load_side_table(self, table: Table, frame: pd.DataFrame) -> str:
        """Stage one row per key of the frame and of the absorbed runs; return the hash of the frame."""
        target = self._create(table)
        if not self.absorbed:
            return frames.copy_in(self.connection, target, table, frame)
        incoming = sql.Identifier(f"incoming_{table.name}")
        self.connection.execute(MAKE_INCOMING.format(incoming, self._parent(table)))
        digest = frames.copy_in(self.connection, incoming, table, frame)
        columns = column_list(table.column_names)
        merged = merge_query(table, self._new_and_absorbed(table, incoming))
        self.connection.execute(sql.SQL("INSERT INTO {} ({}) {}").format(target, columns, merged))
        return digest

    def _new_and_absorbed(self, table: Table, incoming: sql.Identifier) -> sql.Composed:
        return NEW_AND_ABSORBED.format(
            columns=column_list(table.column_names),
            incoming=incoming,
            run_ids=list(self.absorbed),
            parent=self._parent(table),
        )

    def _create(self, table: Table) -> sql.Identifier:
        return staging_tables.create_table(self.connection, self.contract, table, self.run_id)

    def _target(self, table: Table) -> sql.Identifier:
        return staging_tables.staging_table(self.contract, table, self.run_id)

    def _parent(self, table: Table) -> sql.Identifier:
        return workload_table(self.contract, table)


def _refuse_gaps(contract: Contract, predictions: pd.DataFrame, scored: UnscoredEntries) -> None:
    """Raise AuditFailed unless each entry that was read has exactly one prediction."""
    rows, numbers = len(predictions), predictions[contract.entity]
    is_within = rows == 0 or (scored.span.after < numbers.min() and numbers.max() <= scored.span.until)
    if rows != scored.rows or not is_within or numbers.duplicated().any():
        raise AuditFailed(ONE_EACH.format(entries=scored.rows, workload=contract.name, rows=rows))
