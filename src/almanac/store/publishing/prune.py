"""Retention: rows of old runs go, their records and the ledger stay for ever."""

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
from almanac.store.publishing.staging import partition_name
from almanac.store.records import ledger, releases, runs
from almanac.store.rows.names import qualified_name
from almanac.store.schema import tables
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import SCHEMA

# Detaching concurrently waits for readers without making any of them wait.
LOCK_TIMEOUT = "5s"
# How long the rows of a run stay after a later run has taken them over: a list that is being read page by page can be read to its end.
READER_GRACE = timedelta(hours=1)
Autocommitting = psycopg.Connection[Any]


def prune(database: Database, contract: Contract, *, now: datetime | None = None) -> list[str]:
    """Drop the rows of runs that are past retention and neither live nor what a rollback returns to; return their run ids.

    Of an incremental workload also the rows that a later run has taken over, once nobody should be reading them here.
    Where a reader holds on to the rows, they go with the next call. Raises DatabaseError.
    """
    try:
        victims, pruned = _mark(database, contract, now or datetime.now(UTC))
    except sa.exc.DBAPIError as error:
        raise DatabaseError(
            f"Old runs of {contract.name} cannot be pruned now: {str(error.orig).strip()}. Try again: almanac prune"
        ) from error
    # Readers are told "pruned" before the rows go; what a crash left behind goes with the next call.
    _drop(database, contract, pruned)
    return victims


def _mark(database: Database, contract: Contract, now: datetime) -> tuple[list[str], list[str]]:
    """Mark the runs whose time is over; return them, and all that are marked."""
    with database.engine.begin() as connection:
        ledger.lock(connection, contract.name)
        victims = _victims(connection, contract, now)
        kept_inputs.delete_before(connection, contract.name, before=now - contract.retention)
        marked = sa.update(tables.runs).where(tables.runs.c.run_id.in_(victims))
        connection.execute(marked.values(pruned_at=sa.func.clock_timestamp()))
        return victims, _pruned(connection, contract)


def _victims(connection: sa.Connection, contract: Contract, now: datetime) -> list[str]:
    columns = tables.runs.c
    mine = (
        (columns.workload == contract.name)
        & (columns.status == "succeeded")
        & columns.rows.is_not(None)
        & columns.pruned_at.is_(None)
    )
    query = sa.select(columns.run_id).where(mine, columns.run_id.not_in(_kept(connection, contract)))
    is_old = columns.finished_at < now - contract.retention
    if not contract.incremental:
        return list(connection.execute(query.where(is_old)).scalars())
    absorber = tables.runs.alias()
    query = query.outerjoin_from(tables.runs, absorber, absorber.c.run_id == columns.absorbed_by)
    is_left = absorber.c.finished_at < now - READER_GRACE
    return list(connection.execute(query.where(sa.or_(is_old, is_left))).scalars())


def _kept(connection: sa.Connection, contract: Contract) -> set[str]:
    """Return the runs behind the live release, and those to which a rollback would go.

    Of an incremental workload also the runs of the release before, which somebody may still be reading page by page.
    """
    current = releases.live(connection, contract.name)
    if current is None:
        return set()
    before = releases.previous_run(connection, current)
    kept = {*current["run_ids"], *([before] if before else [])}
    if not contract.incremental:
        return kept
    version = runs.get(connection, before)["model_version"] if before else None
    kept |= (
        {record["run_id"] for record in runs.of_version(connection, contract.name, version)}
        if version
        else set()
    )
    last = sa.select(tables.releases.c.run_ids).where(
        tables.releases.c.release_id == current["previous_release_id"]
    )
    return kept | set(connection.execute(last).scalar() or ())


def _pruned(connection: sa.Connection, contract: Contract) -> list[str]:
    columns = tables.runs.c
    query = sa.select(columns.run_id).where(columns.workload == contract.name, columns.pruned_at.is_not(None))
    return list(connection.execute(query).scalars())


def _drop(database: Database, contract: Contract, run_ids: list[str]) -> None:
    """Detach without stopping readers, then drop; each step may be repeated after a crash."""
    with database.connect(autocommit=True) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        # Two who drop the same partitions get into each other's way; what the other does not know of goes with the next call.
        if connection.execute(
            "SELECT pg_try_advisory_lock(hashtext('almanac prune ' || %s))", [contract.name]
        ).fetchone() != (True,):
            return
        held = {
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", [SCHEMA]
            )
        }
        try:
            for table in contract.released_tables:
                _finish_interrupted(connection, table_name(contract, table))
                for name in held & {partition_name(contract, table, run_id) for run_id in run_ids}:
                    _drop_partition(connection, table_name(contract, table), name)
        except psycopg.OperationalError as error:
            if not is_lock_error(error):
                raise


def _drop_partition(connection: Autocommitting, parent: str, name: str) -> None:
    if (name, False) in _partitions(connection, parent):
        detach = sql.SQL("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY")
        connection.execute(detach.format(qualified_name(parent), qualified_name(name)))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified_name(name)))


def _finish_interrupted(connection: Autocommitting, parent: str) -> None:
    """Complete a detach that a crash has left pending; PostgreSQL refuses the next one until then."""
    for name, is_pending in _partitions(connection, parent):
        if is_pending:
            connection.execute(
                sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(
                    qualified_name(parent), qualified_name(name)
                )
            )


def _partitions(connection: Autocommitting, parent: str) -> list[tuple[str, bool]]:
    """Return the name of each partition, and whether a detach of it is pending."""
    query = "SELECT c.relname, i.inhdetachpending FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)"
    return [
        (str(name), bool(is_pending))
        for name, is_pending in connection.execute(query, [f'{SCHEMA}."{parent}"'])
    ]
