"""Kept inputs: the side tables with which a run of an incremental workload has scored.

`almanac reproduce` needs them. They are deleted after the workload's retention, and at once with the entries
that they may describe.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from almanac.contract import Contract
from almanac.errors import BrokenChain, NotFound
from almanac.store.connections.database import Connection, Database
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.rows import frames
from almanac.store.schema import tables

COLUMNS = tables.run_inputs.c
DELETED = (
    "What run {run_id} knew when it predicted is not kept any more: it goes after {days} days, "
    "and at once when entries from before are deleted. Its predictions cannot be made again."
)
CHANGED = "What run {run_id} knew of {names} was changed; its predictions cannot be made again."


def save(database: Database, run_id: str, scored: UnscoredEntries) -> dict[str, str]:
    """Save the side tables with which a run has scored and return the hash of each."""
    contents = {
        table.name: frames.to_parquet(table, scored.context[table.name])
        for table in scored.contract.side_tables
        if table.name in scored.context
    }
    with database.engine.begin() as connection:
        for name, content in contents.items():
            _write(connection, run_id, scored, name, content)
    return {name: _hash(content) for name, content in contents.items()}


def load(
    connection: Connection, contract: Contract, run_id: str, hashes: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """Return the side tables with which a run has scored.

    Raises NotFound where they were deleted, BrokenChain where they differ from `hashes`.
    """
    contents = _contents(connection, run_id)
    if not hashes or hashes.keys() - contents.keys():
        raise NotFound(DELETED.format(run_id=run_id, days=contract.retention.days))
    changed = [name for name, expected in hashes.items() if _hash(contents[name]) != expected]
    if changed:
        raise BrokenChain(CHANGED.format(run_id=run_id, names=", ".join(sorted(changed))))
    saved = [table for table in contract.side_tables if table.name in hashes]
    return {table.name: frames.from_parquet(table, contents[table.name]) for table in saved}


def hashes(connection: Connection, run_id: str) -> dict[str, str]:
    """Return the hash of each side table that is saved for a run."""
    return {name: _hash(content) for name, content in _contents(connection, run_id).items()}


def delete_since(connection: Connection, workload: str, *, since: int) -> None:
    """Delete the inputs of runs that cover the entry `since` or later ones: they may describe that entry."""
    may_describe = (COLUMNS.workload == workload) & (COLUMNS.covered_until >= since)
    connection.execute(sa.delete(tables.run_inputs).where(may_describe))


def delete_before(connection: Connection, workload: str, *, before: datetime) -> None:
    """Delete the inputs that were saved before an instant."""
    is_old = (COLUMNS.workload == workload) & (COLUMNS.kept_at < before)
    connection.execute(sa.delete(tables.run_inputs).where(is_old))


def _write(connection: Connection, run_id: str, scored: UnscoredEntries, name: str, content: bytes) -> None:
    row = {
        "run_id": run_id,
        "name": name,
        "workload": scored.contract.name,
        "covered_until": scored.span.until,
        "content": content,
    }
    statement = insert(tables.run_inputs).values(row)
    # A notebook may stage again what it has staged before.
    upsert = statement.on_conflict_do_update(index_elements=["run_id", "name"], set_={"content": content})
    connection.execute(upsert)


def _contents(connection: Connection, run_id: str) -> dict[str, bytes]:
    query = sa.select(COLUMNS.name, COLUMNS.content).where(COLUMNS.run_id == run_id)
    return {name: bytes(content) for name, content in connection.execute(query)}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
