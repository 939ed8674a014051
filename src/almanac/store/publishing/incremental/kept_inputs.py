"""What a run of an incremental workload knew beside its entries: kept with it for `almanac reproduce`, forgotten with what it speaks of."""

import hashlib
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


def save(database: Database, run_id: str, scored: UnscoredEntries) -> dict[str, str]:
    """Keep the side tables that a run knew and return the hash of each."""
    contract, hashes = scored.contract, {}
    known = [
        (table, scored.context[table.name]) for table in contract.side_tables if table.name in scored.context
    ]
    with database.engine.begin() as connection:
        for table, frame in known:
            content = frames.to_parquet(table, frame)
            hashes[table.name] = hashlib.sha256(content).hexdigest()
            row = {
                "run_id": run_id,
                "name": table.name,
                "workload": contract.name,
                "covered_until": scored.span.until,
                "content": content,
            }
            statement = insert(tables.run_inputs).values(row)
            # A notebook may stage again what it has staged before.
            connection.execute(
                statement.on_conflict_do_update(index_elements=["run_id", "name"], set_={"content": content})
            )
    return hashes


def load(
    connection: Connection, contract: Contract, run_id: str, hashes: dict[str, str]
) -> dict[str, pd.DataFrame]:
    """Return the side tables that a run knew; raises NotFound where they are not kept any more, BrokenChain where they were changed."""
    query = sa.select(COLUMNS.name, COLUMNS.content).where(COLUMNS.run_id == run_id)
    kept = {name: bytes(content) for name, content in connection.execute(query)}
    if not hashes or hashes.keys() - kept.keys():
        raise NotFound(
            f"What run {run_id} knew when it predicted is not kept any more: it goes after {contract.retention.days} days, "
            "and at once when entries from before are deleted. Its predictions cannot be made again."
        )
    changed = [
        name for name, expected in hashes.items() if hashlib.sha256(kept[name]).hexdigest() != expected
    ]
    if changed:
        raise BrokenChain(
            f"What run {run_id} knew of {', '.join(sorted(changed))} was changed; its predictions cannot be made again."
        )
    return {
        table.name: frames.from_parquet(table, kept[table.name])
        for table in contract.side_tables
        if table.name in hashes
    }


def hashes(connection: Connection, run_id: str) -> dict[str, str]:
    """Return the hash of each side table that is kept of what a run knew."""
    query = sa.select(COLUMNS.name, COLUMNS.content).where(COLUMNS.run_id == run_id)
    return {name: hashlib.sha256(content).hexdigest() for name, content in connection.execute(query)}


def delete_since(connection: Connection, workload: str, *, since: int) -> None:
    """Drop what every run knew that covers the entry `since` or later ones: it may speak of that entry."""
    connection.execute(
        sa.delete(tables.run_inputs).where(COLUMNS.workload == workload, COLUMNS.covered_until >= since)
    )


def delete_before(connection: Connection, workload: str, *, before: datetime) -> None:
    """Drop what runs knew whose inputs were kept before an instant."""
    connection.execute(
        sa.delete(tables.run_inputs).where(COLUMNS.workload == workload, COLUMNS.kept_at < before)
    )
