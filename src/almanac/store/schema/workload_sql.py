"""A workload's own tables and functions: plain SQL files, each applied once and never changed afterwards."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac import discovery
from almanac.errors import ContractError
from almanac.store.connections.database import Database, driver_connection
from almanac.store.schema.tables import API, workload_migrations

COLUMNS = workload_migrations.c
CHANGED = (
    "Migration {name} of '{workload}' was applied and then changed. "
    "Restore the file, and write the change as a new file with the next number."
)
MISSING = (
    "The database has migration {name} of '{workload}', which this program lacks. "
    "Use the program that brought it, or a newer one."
)
FAILED = (
    "Migration {name} of '{workload}' failed and was undone: {reason}. Mend the file, then migrate again."
)
NEWEST_ROWS = sql.SQL(
    "SELECT * FROM (SELECT * FROM {view} ORDER BY {by} DESC LIMIT {limit}) AS newest ORDER BY {by}"
)


def migrate(connection: sa.Connection, workload: str) -> list[str]:
    """Apply the files of `workload` that are new to the database, in the order of their names.

    Return these names. Raises ContractError where a file was changed after it was applied, or is gone; then
    nothing is changed.
    """
    files = {path.name: path for path in discovery.migrations(workload)}
    applied = _applied_hashes(connection, workload)
    _refuse_missing(workload, files, applied)
    _refuse_changed(workload, files, applied)
    new_files = pending(connection, workload)
    for path in new_files:
        _apply(connection, workload, path)
    return [path.name for path in new_files]


def pending(connection: sa.Connection, workload: str) -> list[Path]:
    """Return the files of a workload that are new to the database."""
    applied = _applied_hashes(connection, workload)
    return [path for path in discovery.migrations(workload) if path.name not in applied]


def newest_rows(database: Database, workload: str, view: str, *, by: str, limit: int) -> pd.DataFrame:
    """Return the last rows of the view `api.<workload>_<view>`, in the order of column `by`.

    The workload's migrations make the view.
    """
    view_name = sql.Identifier(API, f"{workload}_{view}")
    query = NEWEST_ROWS.format(view=view_name, by=sql.Identifier(by), limit=limit)
    with database.connect() as connection:
        cursor = connection.execute(query)
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)


def _applied_hashes(connection: sa.Connection, workload: str) -> dict[str, str]:
    query = sa.select(COLUMNS.name, COLUMNS.sha256).where(COLUMNS.workload == workload)
    return {row.name: row.sha256 for row in connection.execute(query)}


def _refuse_missing(workload: str, files: Mapping[str, Path], applied: Mapping[str, str]) -> None:
    missing = applied.keys() - files.keys()
    if missing:
        raise ContractError(MISSING.format(name=max(missing), workload=workload))


def _refuse_changed(workload: str, files: Mapping[str, Path], applied: Mapping[str, str]) -> None:
    for name, path in files.items():
        if name in applied and applied[name] != _hash(path):
            raise ContractError(CHANGED.format(name=name, workload=workload))


def _apply(connection: sa.Connection, workload: str, path: Path) -> None:
    # Without parameters psycopg leaves percent signs alone, and one call may hold many statements.
    try:
        driver_connection(connection).execute(path.read_bytes())
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ContractError(FAILED.format(name=path.name, workload=workload, reason=reason)) from error
    values = {"workload": workload, "name": path.name, "sha256": _hash(path)}
    connection.execute(sa.insert(workload_migrations).values(values))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
