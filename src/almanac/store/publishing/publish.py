"""Publish: attach a run's audited tables and write its release, in one transaction or not at all."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.errors import AuditFailed, RunFenced
from almanac.store.connections.database import Database, driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.publishing.staging import no_checkpoint, partition_name
from almanac.store.records import ledger, runs
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.store.rows.names import qualified_name
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import SCHEMA, STAGING


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published: a run, the facts for its record, and why it becomes live (None keeps it without releasing it).

    `absorbed` are the runs whose rows the run has taken over; they are read no more once it is published.
    """

    contract: Contract
    run_id: str
    update: runs.RunUpdate
    why: str | None
    absorbed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Publication:
    """What publishing did: `release_id` is None where the run was kept without being released."""

    release_id: int | None
    reason: str


def publish(
    database: Database, request: PublishRequest, *, at: Callable[[str], None] = no_checkpoint
) -> Publication:
    """Attach the staged rows of a run, mark it succeeded and, if there is a reason why, make it live.

    `update.prediction_hash` is what staging returned; other rows than those are refused with AuditFailed. A run that is no
    longer running raises RunFenced. `at` is called at the named points after_audit, before_commit and after_commit.
    """
    with database.connect() as connection:
        _seal(connection, request)
    at("after_audit")
    publication = retry_on_lock(database, lambda connection: _switch(connection, request, at))
    at("after_commit")
    return publication


def _seal(connection: psycopg.Connection[tuple[object, ...]], request: PublishRequest) -> None:
    """Take the staged tables away from the worker, then check that they hold what was audited."""
    places = [
        qualified_name(partition_name(request.contract, table, request.run_id), STAGING)
        for table in request.contract.released_tables
    ]
    try:
        for place in places:
            connection.execute(sql.SQL("ALTER TABLE {} OWNER TO almanac_owner").format(place))
    except psycopg.errors.UndefinedTable as error:
        raise AuditFailed(
            f"Run {request.run_id} has staged no predictions, so there is nothing to publish."
        ) from error
    if staged_hash(connection, request.contract, request.run_id) != request.update.prediction_hash:
        raise AuditFailed(
            f"The staged rows of run {request.run_id} are not the rows that were audited; nothing was published."
        )


def staged_hash(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, run_id: str, schema: str = STAGING
) -> str:
    """Return the hash over all released tables of a run, staged or (with the schema `almanac`) published."""
    named = [
        (table, qualified_name(partition_name(contract, table, run_id), schema))
        for table in contract.released_tables
    ]
    return combined_hash(table_hash(connection, place, table, run_id) for table, place in named)


def _switch(connection: sa.Connection, request: PublishRequest, at: Callable[[str], None]) -> Publication:
    if not runs.finish(connection, request.run_id, "succeeded", update=request.update):
        status = runs.get(connection, request.run_id)["status"]
        raise RunFenced(f"Run {request.run_id} is {status}, no longer running; it may not publish.")
    if not runs.absorb(connection, request.run_id, request.absorbed):
        raise RunFenced(
            f"Run {request.run_id} took over rows of runs that are no longer kept ({', '.join(request.absorbed)}); run it again."
        )
    _attach(driver_connection(connection), request.contract, request.run_id)
    publication = _release(connection, request)
    at("before_commit")
    return publication


def _attach(connection: psycopg.Connection[tuple[object, ...]], contract: Contract, run_id: str) -> None:
    """Make the staged tables partitions; their CHECK and their indexes spare PostgreSQL a scan and a build."""
    change = sql.SQL("ALTER TABLE {} SET SCHEMA {}; ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
    for table in contract.released_tables:
        name, parent = (
            partition_name(contract, table, run_id),
            qualified_name(table_name(contract, table)),
        )
        connection.execute(
            change.format(
                qualified_name(name, STAGING),
                sql.Identifier(SCHEMA),
                parent,
                qualified_name(name),
                run_id,
            )
        )


def _release(connection: sa.Connection, request: PublishRequest) -> Publication:
    if request.why is None:
        return Publication(None, "kept without being released")
    workload = request.contract.name
    release_id = ledger.publish(
        connection, workload, ledger.NewRelease(request.run_id, "publish", None, request.why)
    )
    if release_id is None:
        return Publication(
            None, f"'{workload}' is on hold after a rollback; promote a version or resume to release again"
        )
    return Publication(release_id, request.why)
