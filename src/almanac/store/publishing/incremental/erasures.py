"""Erasures: predictions that are taken out of published runs because their entries have gone, each with a note that stays."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.store.connections.database import Connection, Database, Work, driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.publishing.incremental import kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.publishing.publish import staged_hash
from almanac.store.records import ledger, releases, runs
from almanac.store.rows.names import qualified_name
from almanac.store.schema import tables
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import SCHEMA

COLUMNS = tables.erasures.c
# Brings the side tables of these runs in line with the predictions that are left, on a connection of the owner.
Repair = Callable[[list[str]], Work[None]]


@dataclass(frozen=True)
class ErasureRequest:
    """Who erases what of a workload and why: `delete_entries` removes rows from the table of entries and returns their numbers.

    `drop_inputs` also drops what later runs knew of these entries; retention leaves that to its own time.
    """

    contract: Contract
    delete_entries: Work[list[int]]
    repair: Repair
    who: str
    why: str
    drop_inputs: bool = False


def erase(database: Database, request: ErasureRequest) -> int:
    """Remove entries with their predictions from every kept run, note it per run, and return how many entries went.

    In one transaction, which gives way to readers and tries again; raises DatabaseError where they never let it.
    """
    return retry_on_lock(database, partial(_erase, request=request))


def _erase(connection: Connection, request: ErasureRequest) -> int:
    ledger.lock(connection, request.contract.name)
    numbers = request.delete_entries(driver_connection(connection))
    touched = _remove(connection, request.contract, numbers)
    if numbers and request.drop_inputs:
        kept_inputs.delete_since(connection, request.contract.name, since=min(numbers))
    request.repair(sorted(touched))(driver_connection(connection))
    _note(connection, request, None, len(numbers))
    for run_id, rows in sorted(touched.items()):
        _note(connection, request, run_id, rows)
    _release_again(connection, request, touched)
    return len(numbers)


def _release_again(connection: Connection, request: ErasureRequest, touched: dict[str, int]) -> None:
    """Give what is left a release of its own, so that no copy of an old answer passes for the present one."""
    current = releases.live(connection, request.contract.name)
    if current and touched.keys() & set(current["run_ids"]):
        ledger.append(
            connection, ledger.NewRelease(current["run_id"], "publish", request.who, f"erased: {request.why}")
        )


def newest_note(connection: Connection, run_id: str) -> sa.RowMapping | None:
    """Return the newest note about a run, or None."""
    query = (
        sa.select(tables.erasures)
        .where(COLUMNS.run_id == run_id)
        .order_by(COLUMNS.erasure_id.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def notes_since(connection: Connection, workload: str, *, since: datetime) -> list[sa.RowMapping]:
    """Return the notes about a workload that were made since an instant, newest first."""
    query = sa.select(tables.erasures).where(COLUMNS.workload == workload, COLUMNS.erased_at >= since)
    return list(connection.execute(query.order_by(COLUMNS.erasure_id.desc())).mappings().all())


def explains_missing_entries(database: Database, run: runs.RunRow, again: UnscoredEntries) -> bool:
    """Tell whether entries of a run have gone in a way that left a note, or by retention."""
    with database.engine.begin() as connection:
        notes = notes_since(connection, run["workload"], since=run["started_at"])
    return bool(notes) or again.first_number() > again.span.after + 1


def _remove(connection: Connection, contract: Contract, numbers: list[int]) -> dict[str, int]:
    """Delete the predictions of entries and return how many of each run went."""
    place = qualified_name(table_name(contract, contract.predictions))
    statement = sql.SQL(
        "WITH gone AS (DELETE FROM {} WHERE {} = ANY (%s::bigint[]) RETURNING run_id) SELECT run_id, count(*) FROM gone GROUP BY run_id"
    )
    found = (
        driver_connection(connection)
        .execute(statement.format(place, sql.Identifier(contract.entity)), [numbers])
        .fetchall()
    )
    return {str(run_id): int(rows) for run_id, rows in found}


def _note(connection: Connection, request: ErasureRequest, run_id: str | None, rows: int) -> None:
    digest = staged_hash(driver_connection(connection), request.contract, run_id, SCHEMA) if run_id else None
    values = {
        "workload": request.contract.name,
        "run_id": run_id,
        "rows": rows,
        "prediction_hash": digest,
        "who": request.who,
        "why": request.why,
    }
    connection.execute(sa.insert(tables.erasures).values(values))
