"""A workload's own tables and functions: plain SQL files in its folder, each applied once and never changed afterwards."""

import hashlib
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from psycopg import sql

from almanac import discovery
from almanac.errors import ContractError
from almanac.store.connections.database import Database, driver_connection
from almanac.store.schema.tables import API, workload_migrations

COLUMNS = workload_migrations.c
CHANGED = "Restore the file, and write the change as a new file with the next number."
GONE = "Use the program that brought it, or a newer one."


def migrate(connection: sa.Connection, workload: str) -> list[str]:
    """Apply the files of `workload` that the database has not seen yet, in the order of their names; return these names.

    Raises ContractError where a file differs from what was applied, or is gone; then nothing is changed.
    """
    files = {path.name: path for path in discovery.migrations(workload)}
    applied = _applied(connection, workload)
    _refuse_missing(workload, sorted(applied.keys() - files.keys()))
    pending = []
    for name, path in files.items():
        if name not in applied:
            pending.append(path)
        elif applied[name] != _hash(path):
            raise ContractError(f"Migration {name} of '{workload}' was applied and then changed. {CHANGED}")
    for path in pending:
        _apply(connection, workload, path)
    return [path.name for path in pending]


def newest_rows(database: Database, workload: str, view: str, *, by: str, limit: int) -> pd.DataFrame:
    """Return the newest rows, oldest of them first and ordered `by` a column, of the view `api.<workload>_<view>` that its migrations made."""
    names = {"view": sql.Identifier(API, f"{workload}_{view}"), "by": sql.Identifier(by)}
    query = sql.SQL(
        "SELECT * FROM (SELECT * FROM {view} ORDER BY {by} DESC LIMIT {limit}) AS newest ORDER BY {by}"
    ).format(**names, limit=limit)
    with database.connect() as connection:
        found = connection.execute(query)
        return pd.DataFrame(found.fetchall(), columns=[column.name for column in found.description or ()])


def _applied(connection: sa.Connection, workload: str) -> dict[str, str]:
    query = sa.select(COLUMNS.name, COLUMNS.sha256).where(COLUMNS.workload == workload)
    return {row.name: row.sha256 for row in connection.execute(query)}


def _refuse_missing(workload: str, names: list[str]) -> None:
    if names:
        raise ContractError(
            f"The database has migration {names[-1]} of '{workload}', which this program lacks. {GONE}"
        )


def _apply(connection: sa.Connection, workload: str, path: Path) -> None:
    # Without parameters a percent sign is a percent sign, and one call may hold many statements.
    driver_connection(connection).execute(path.read_bytes())
    connection.execute(
        sa.insert(workload_migrations).values(workload=workload, name=path.name, sha256=_hash(path))
    )


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
