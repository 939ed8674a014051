"""Retention: the rows of old runs are dropped, their records and the ledger stay for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.errors import DatabaseError
from almanac.store.connections.database import Database
from almanac.store.connections.locks import is_lock_error
from almanac.store.publishing.incremental import kept_inputs
from almanac.store.publishing.staging_tables import partition_name
from almanac.store.records import ledger, notebooks, releases, runs
from almanac.store.rows.names import qualified_name
from almanac.store.schema import tables
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import SCHEMA

COLUMNS = tables.runs.c
# Detaching concurrently waits for readers without making any of them wait.
LOCK_TIMEOUT = "5s"
# How long the rows of an absorbed run stay, so that somebody who reads a list page by page can read it to its
# end.
READER_GRACE = timedelta(hours=1)
LATER = "Old runs of {workload} cannot be pruned now: {reason}. Try again: almanac prune"
TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('almanac prune ' || %s))"
TABLE_NAMES = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
PARTITIONS = """
    SELECT c.relname, i.inhdetachpending
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)
"""
DETACH = sql.SQL("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY")
FINISH_DETACH = sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE")
Autocommitting = psycopg.Connection[Any]


def prune(database: Database, contract: Contract, *, now: datetime | None = None) -> list[str]:
    """Drop the rows of runs that are past retention and neither live nor what a rollback returns to.

    Return their run ids. Of an incremental workload also the rows that a later run has absorbed, after
    READER_GRACE. Where a reader keeps a partition locked, its rows go with the next call. Raises
    DatabaseError.
    """
    try:
        victims, pruned = _mark(database, contract, now or datetime.now(UTC))
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).strip()
        raise DatabaseError(LATER.format(workload=contract.name, reason=reason)) from error
    # The runs are marked as pruned before their rows go; what a crash leaves behind goes with the next call.
    _drop(database, contract, pruned)
    return victims


def _mark(database: Database, contract: Contract, now: datetime) -> tuple[list[str], list[str]]:
    """Mark the runs that are past retention; return them, and all that are marked."""
    with database.engine.begin() as connection:
        ledger.lock(connection, contract.name)
        victims = _victims(connection, contract, now)
        before = now - contract.retention
        kept_inputs.delete_before(connection, contract.name, before=before)
        needed = _needed_runs(connection, contract)
        notebooks.delete_before(connection, contract.name, before=before, without=needed)
        is_victim = COLUMNS.run_id.in_(victims)
        connection.execute(
            sa.update(tables.runs).where(is_victim).values(pruned_at=sa.func.clock_timestamp())
        )
        return victims, _pruned(connection, contract)


def _victims(connection: sa.Connection, contract: Contract, now: datetime) -> list[str]:
    """Return the runs whose rows nobody needs: too old or, of an incremental workload, absorbed."""
    needed = _needed_runs(connection, contract)
    query = sa.select(COLUMNS.run_id).where(_has_rows(contract), COLUMNS.run_id.not_in(needed))
    is_old = COLUMNS.finished_at < now - contract.retention
    if not contract.incremental:
        return list(connection.execute(query.where(is_old)).scalars())
    absorber = tables.runs.alias()
    joined = query.outerjoin_from(tables.runs, absorber, absorber.c.run_id == COLUMNS.absorbed_by)
    is_left_by_readers = absorber.c.finished_at < now - READER_GRACE
    return list(connection.execute(joined.where(is_old | is_left_by_readers)).scalars())


def _has_rows(contract: Contract) -> sa.ColumnElement[bool]:
    is_succeeded = (COLUMNS.workload == contract.name) & (COLUMNS.status == "succeeded")
    return is_succeeded & COLUMNS.rows.is_not(None) & COLUMNS.pruned_at.is_(None)


def _needed_runs(connection: sa.Connection, contract: Contract) -> set[str]:
    """Return the runs of the live release, and those to which a rollback would go.

    Of an incremental workload also the runs of the release before, which somebody may still read page by
    page.
    """
    current = releases.live(connection, contract.name)
    if current is None:
        return set()
    needed = set(current["run_ids"])
    previous = releases.previous_run(connection, current)
    if previous:
        needed.add(previous)
    if contract.incremental:
        needed |= _rollback_runs(connection, contract, previous) | _runs_before(connection, current)
    return needed


def _rollback_runs(connection: sa.Connection, contract: Contract, previous: str | None) -> set[str]:
    """Return all runs of the version to which an incremental workload would roll back."""
    version = runs.get(connection, previous)["model_version"] if previous else None
    together = runs.of_version(connection, contract.name, version) if version else []
    return {row["run_id"] for row in together}


def _runs_before(connection: sa.Connection, current: releases.ReleaseRow) -> set[str]:
    is_before = tables.releases.c.release_id == current["previous_release_id"]
    return set(connection.execute(sa.select(tables.releases.c.run_ids).where(is_before)).scalar() or ())


def _pruned(connection: sa.Connection, contract: Contract) -> list[str]:
    is_pruned = (COLUMNS.workload == contract.name) & COLUMNS.pruned_at.is_not(None)
    return list(connection.execute(sa.select(COLUMNS.run_id).where(is_pruned)).scalars())


def _drop(database: Database, contract: Contract, run_ids: list[str]) -> None:
    """Detach without stopping readers, then drop; each step may be repeated after a crash."""
    with database.connect(autocommit=True) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        # Two sessions that drop the same partitions would fail; what is left here goes with the next call.
        if connection.execute(TRY_LOCK, [contract.name]).fetchone() != (True,):
            return
        try:
            _drop_partitions(connection, contract, run_ids)
        except psycopg.OperationalError as error:
            if not is_lock_error(error):
                raise


def _drop_partitions(connection: Autocommitting, contract: Contract, run_ids: list[str]) -> None:
    existing = {name for (name,) in connection.execute(TABLE_NAMES, [SCHEMA])}
    for table in contract.released_tables:
        parent = table_name(contract, table)
        _finish_interrupted(connection, parent)
        pruned = {partition_name(contract, table, run_id) for run_id in run_ids}
        for name in existing & pruned:
            _drop_partition(connection, parent, name)


def _drop_partition(connection: Autocommitting, parent: str, name: str) -> None:
    if (name, False) in _partitions(connection, parent):
        connection.execute(DETACH.format(qualified_name(parent), qualified_name(name)))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified_name(name)))


def _finish_interrupted(connection: Autocommitting, parent: str) -> None:
    """Complete a detach that a crash has left pending; PostgreSQL refuses the next one until then."""
    for name, is_pending in _partitions(connection, parent):
        if is_pending:
            connection.execute(FINISH_DETACH.format(qualified_name(parent), qualified_name(name)))


def _partitions(connection: Autocommitting, parent: str) -> list[tuple[str, bool]]:
    """Return the name of each partition, and whether a detach of it is pending."""
    rows = connection.execute(PARTITIONS, [f'{SCHEMA}."{parent}"'])
    return [(str(name), bool(is_pending)) for name, is_pending in rows]
