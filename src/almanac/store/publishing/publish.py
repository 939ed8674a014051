"""Publish: attach a run's audited tables and write its release, in one transaction or not at all."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.errors import AuditFailed, LookAhead, RunFenced
from almanac.store.connections.database import Database, driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.publishing.staging import Checkpoint, no_checkpoint
from almanac.store.publishing.staging_tables import partition_name, staging_table
from almanac.store.records import ledger, runs, versions
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.store.rows.names import qualified_name, workload_table
from almanac.store.schema.tables import SCHEMA, STAGING

TAKE_OVER = sql.SQL("ALTER TABLE {} OWNER TO almanac_owner")
MOVE = sql.SQL("ALTER TABLE {} SET SCHEMA {}")
ATTACH = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
NOTHING_STAGED = "Run {run_id} has staged no predictions, so there is nothing to publish."
OTHER_ROWS = "The staged rows of run {run_id} are not the rows that were audited; nothing was published."
NOT_RUNNING = "Run {run_id} is {status}, no longer running; it may not publish."
ABSORBED_GONE = "Run {run_id} took over rows of runs that are no longer kept ({absorbed}); run it again."
ON_HOLD = "'{workload}' is on hold after a rollback; promote a version or resume to release again"

RELEASE_ALL_THE_SAME = "{reason}; --release releases such a run all the same"
LOOKS_AHEAD = (
    "Run {run_id} knows nothing from {data_as_of} on, but its model version {version} was trained until "
    "{trained_until}; nothing was published."
)


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published: a run, the update of its record, and why it becomes live (None: no release).

    `absorbed` are the runs whose rows the run has taken over; readers no longer use them once it is
    published. With `keep_behind` a run is not released whose slot or cut-off lies before the live one's.
    """

    contract: Contract
    run_id: str
    update: runs.RunUpdate
    why: str | None
    absorbed: tuple[str, ...] = ()
    keep_behind: bool = False


@dataclass(frozen=True)
class Publication:
    """What publishing did: `release_id` is None where the run was published without a release."""

    release_id: int | None
    reason: str


def publish(database: Database, request: PublishRequest, *, at: Checkpoint = no_checkpoint) -> Publication:
    """Attach the staged rows of a run, mark it succeeded and, if there is a reason why, make it live.

    `update.prediction_hash` is what staging returned; other rows than those are refused with AuditFailed. A
    run that is no longer running raises RunFenced, one whose model was trained past its cut-off LookAhead.
    `at` is called at the named points after_audit, before_commit and after_commit.
    """
    with database.connect() as connection:
        _seal(connection, request)
    at("after_audit")
    publication = retry_on_lock(database, lambda connection: _switch(connection, request, at))
    at("after_commit")
    return publication


def staged_hash(
    connection: psycopg.Connection[Any], contract: Contract, run_id: str, schema: str = STAGING
) -> str:
    """Return the hash over all released tables of a run, staged or (with the schema `almanac`) published."""
    hashes = []
    for table in contract.released_tables:
        place = qualified_name(partition_name(contract, table, run_id), schema)
        hashes.append(table_hash(connection, place, table, run_id))
    return combined_hash(hashes)


def _seal(connection: psycopg.Connection[Any], request: PublishRequest) -> None:
    """Take the staged tables away from the worker, then check that they have the rows that were audited."""
    try:
        for table in request.contract.released_tables:
            place = staging_table(request.contract, table, request.run_id)
            connection.execute(TAKE_OVER.format(place))
    except psycopg.errors.UndefinedTable as error:
        raise AuditFailed(NOTHING_STAGED.format(run_id=request.run_id)) from error
    if staged_hash(connection, request.contract, request.run_id) != request.update.prediction_hash:
        raise AuditFailed(OTHER_ROWS.format(run_id=request.run_id))


def _switch(connection: sa.Connection, request: PublishRequest, at: Checkpoint) -> Publication:
    _finish_run(connection, request)
    _attach(driver_connection(connection), request.contract, request.run_id)
    publication = _release(connection, request)
    at("before_commit")
    return publication


def _finish_run(connection: sa.Connection, request: PublishRequest) -> None:
    run_id = request.run_id
    if not runs.finish(connection, run_id, "succeeded", update=request.update):
        status = runs.get(connection, run_id)["status"]
        raise RunFenced(NOT_RUNNING.format(run_id=run_id, status=status))
    _refuse_look_ahead(runs.get(connection, run_id), _trained_until(connection, request))
    if not runs.absorb(connection, run_id, request.absorbed):
        raise RunFenced(ABSORBED_GONE.format(run_id=run_id, absorbed=", ".join(request.absorbed)))


def _trained_until(connection: sa.Connection, request: PublishRequest) -> date | None:
    """Return until when the model of a run was trained; None where no version is on record."""
    version = request.update.model_version
    return versions.trained_until(connection, request.contract.name, version) if version else None


def _refuse_look_ahead(run: runs.RunRow, trained_until: date | None) -> None:
    if trained_until and run["data_as_of"] and trained_until > run["data_as_of"]:
        names = {"run_id": run["run_id"], "data_as_of": run["data_as_of"], "version": run["model_version"]}
        raise LookAhead(LOOKS_AHEAD.format(**names, trained_until=trained_until))


def _attach(connection: psycopg.Connection[Any], contract: Contract, run_id: str) -> None:
    """Make the staged tables partitions.

    Their CHECK and their indexes spare PostgreSQL a scan and a build.
    """
    for table in contract.released_tables:
        name = partition_name(contract, table, run_id)
        parent = workload_table(contract, table)
        move = MOVE.format(qualified_name(name, STAGING), sql.Identifier(SCHEMA))
        attach = ATTACH.format(parent, qualified_name(name), run_id)
        connection.execute(sql.SQL("; ").join([move, attach]))


def _release(connection: sa.Connection, request: PublishRequest) -> Publication:
    if request.why is None:
        return Publication(None, "kept without being released")
    workload = request.contract.name
    behind = _reason_to_keep(connection, request) if request.keep_behind else None
    if behind:
        return Publication(None, RELEASE_ALL_THE_SAME.format(reason=behind))
    release = ledger.NewRelease(request.run_id, "publish", None, request.why)
    release_id = ledger.publish(connection, workload, release)
    reason = request.why if release_id is not None else ON_HOLD.format(workload=workload)
    return Publication(release_id, reason)


def _reason_to_keep(connection: sa.Connection, request: PublishRequest) -> str | None:
    """Return why a run is kept; the lock keeps other releases away until this transaction ends."""
    ledger.lock(connection, request.contract.name)
    return ledger.reason_to_keep(connection, runs.get(connection, request.run_id))
