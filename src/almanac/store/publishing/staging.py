"""Write and audit: a run's rows are loaded and checked in tables of their own that no reader sees yet."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg

from almanac.contract import Contract, Table
from almanac.errors import AuditFailed
from almanac.store.connections.database import Database
from almanac.store.publishing import staging_tables
from almanac.store.publishing.audit import audit
from almanac.store.rows import frames
from almanac.store.rows.hashes import combined_hash

Checkpoint = Callable[[str], None]


@dataclass(frozen=True)
class Staged:
    """What a run has staged: the number of predictions, the hash of each table, and one hash over all."""

    rows: int
    prediction_hash: str
    hashes: Mapping[str, str]

    def summary(self) -> dict[str, Any]:
        """Return what the predict step reports for the run's record."""
        return {"rows": self.rows, "prediction_hash": self.prediction_hash, "hashes": dict(self.hashes)}


def no_checkpoint(_point: str) -> None:
    """Do nothing at a named point of publishing."""


def stage(
    database: Database,
    contract: Contract,
    run_id: str,
    content: Mapping[str, pd.DataFrame],
    *,
    at: Checkpoint = no_checkpoint,
) -> Staged:
    """Load one frame for each released table of `contract`, index and audit them; in one transaction.

    `content` maps table names to frames. Raises AuditFailed and leaves nothing behind if anything is wrong.
    `at` is called at the named point after_copy.
    """
    refuse_other_tables(contract, content)
    hashes = {}
    with database.connect() as connection:
        for table in contract.released_tables:
            hashes[table.name] = _load(connection, contract, table, run_id, content[table.name])
        at("after_copy")
        rows = audit(connection, contract, run_id)
    return Staged(rows, combined_hash(hashes.values()), hashes)


def refuse_other_tables(contract: Contract, content: Mapping[str, pd.DataFrame]) -> None:
    """Raise AuditFailed unless there is one frame for each released table."""
    released = sorted(table.name for table in contract.released_tables)
    staged = sorted(content)
    if staged != released:
        message = f"'{contract.name}' releases the tables {released} together; the run staged {staged}."
        raise AuditFailed(message)


@contextmanager
def refused_rows_as_audit_failure(what: str) -> Iterator[None]:
    """Turn PostgreSQL's refusal of rows into AuditFailed; `what` begins its message."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise AuditFailed(f"{what} not accepted: {_detail(error)}.") from error


def _load(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str, frame: pd.DataFrame
) -> str:
    target = staging_tables.create_table(connection, contract, table, run_id)
    with refused_rows_as_audit_failure(f"Table '{table.name}' of run {run_id} was"):
        digest = frames.copy_in(connection, target, table, frame)
        staging_tables.create_indexes(connection, contract, table, run_id)
    return digest


def _detail(error: psycopg.Error) -> str:
    """Return what PostgreSQL says about rows that it does not accept."""
    text = str(error).strip() or type(error).__name__
    return error.diag.message_detail or error.diag.message_primary or text
