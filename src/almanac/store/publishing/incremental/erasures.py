"""Erasures: predictions of deleted entries are removed from published runs, with a permanent note."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract
from almanac.store.connections.database import Connection, Database, Work, driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.connections.rows import all_rows, first_row
from almanac.store.publishing.incremental import kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.publishing.publish import staged_hash
from almanac.store.records import audit, ledger, releases, runs
from almanac.store.rows.names import workload_table
from almanac.store.schema import tables
from almanac.store.schema.tables import SCHEMA

COLUMNS = tables.erasures.c
# Makes the side tables of runs agree with the predictions that are left, on a connection of the owner.
Repair = Callable[[list[str]], Work[None]]
DELETE = sql.SQL("""
    WITH gone AS (DELETE FROM {} WHERE {} = ANY (%s::bigint[]) RETURNING run_id)
    SELECT run_id, count(*) FROM gone GROUP BY run_id
""")


@dataclass(frozen=True)
class ErasureRequest:
    """Who erases what of a workload and why.

    `delete_entries` deletes rows of the table of entries and returns their numbers. `drop_inputs` also
    deletes the kept inputs of later runs at once; without it they stay until their retention ends.
    """

    contract: Contract
    delete_entries: Work[list[int]]
    repair: Repair
    who: str
    why: str
    drop_inputs: bool = False


def erase(database: Database, request: ErasureRequest) -> int:
    """Delete entries with their predictions in every run, write a note per run, return how many entries.

    This is one transaction, which gives way to readers and tries again. Raises DatabaseError where it never
    gets its locks.
    """
    return retry_on_lock(database, partial(_erase, request=request))


def newest_note(connection: Connection, run_id: str) -> sa.RowMapping | None:
    """Return the newest note about a run, or None."""
    query = sa.select(tables.erasures).where(COLUMNS.run_id == run_id)
    return first_row(connection, query.order_by(COLUMNS.erasure_id.desc()).limit(1))


def notes_since(connection: Connection, workload: str, *, since: datetime) -> list[sa.RowMapping]:
    """Return the notes about a workload that were written since an instant, newest first."""
    query = sa.select(tables.erasures).where(COLUMNS.workload == workload, COLUMNS.erased_at >= since)
    return all_rows(connection, query.order_by(COLUMNS.erasure_id.desc()))


def explains_missing_entries(database: Database, run: runs.RunRow, again: UnscoredEntries) -> bool:
    """Tell whether entries of a run may be missing because a note says so, or because of retention."""
    with database.engine.begin() as connection:
        notes = notes_since(connection, run["workload"], since=run["started_at"])
    return bool(notes) or again.first_number() > again.span.after + 1


def _erase(connection: Connection, request: ErasureRequest) -> int:
    workload = request.contract.name
    ledger.lock(connection, workload)
    numbers = request.delete_entries(driver_connection(connection))
    deleted = _delete_predictions(connection, request.contract, numbers)
    if numbers and request.drop_inputs:
        kept_inputs.delete_since(connection, workload, since=min(numbers))
    repair = request.repair(sorted(deleted))
    repair(driver_connection(connection))
    _write_note(connection, request, None, len(numbers))
    if numbers:
        detail = {"entries": str(len(numbers)), "why": request.why}
        audit.append(connection, "deletion", who=request.who, subject=workload, detail=detail)
    for run_id, rows in sorted(deleted.items()):
        _write_note(connection, request, run_id, rows)
    _release_again(connection, request, deleted)
    return len(numbers)


def _delete_predictions(connection: Connection, contract: Contract, numbers: list[int]) -> dict[str, int]:
    """Delete the predictions of entries and return how many of each run there were."""
    place = workload_table(contract, contract.predictions)
    statement = DELETE.format(place, sql.Identifier(contract.entity))
    counts = driver_connection(connection).execute(statement, [numbers]).fetchall()
    return {str(run_id): int(rows) for run_id, rows in counts}


def _write_note(connection: Connection, request: ErasureRequest, run_id: str | None, rows: int) -> None:
    values = {
        "workload": request.contract.name,
        "run_id": run_id,
        "rows": rows,
        "prediction_hash": _hash_of_rest(connection, request.contract, run_id),
        "who": request.who,
        "why": request.why,
    }
    connection.execute(sa.insert(tables.erasures).values(values))


def _hash_of_rest(connection: Connection, contract: Contract, run_id: str | None) -> str | None:
    if run_id is None:
        return None
    return staged_hash(driver_connection(connection), contract, run_id, SCHEMA)


def _release_again(connection: Connection, request: ErasureRequest, deleted: dict[str, int]) -> None:
    """Write a new release of the rows that are left, so that no cached answer of the old one stays valid."""
    current = releases.live(connection, request.contract.name)
    if current and deleted.keys() & set(current["run_ids"]):
        why = f"erased: {request.why}"
        ledger.append(connection, ledger.NewRelease(current["run_id"], "publish", request.who, why))
