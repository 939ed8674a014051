"""Raw tables: loaded again and again without harm, every correction logged."""

from dataclasses import dataclass

import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract, Table
from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import frames
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import raw_changes


@dataclass(frozen=True)
class UpsertCounts:
    """How many rows of a load were new, corrected, or known already."""

    inserted: int
    updated: int
    unchanged: int


def upsert(
    database: Database, contract: Contract, name: str, frame: pd.DataFrame, *, run_id: str | None = None
) -> UpsertCounts:
    """Bring the rows of `frame` into raw table `name`; a changed row is updated and its old and new values are logged.

    Raises UsageError for an unknown table, AuditFailed for values that cannot be stored or two rows with one key; then nothing is changed.
    """
    table = _raw_table(contract, name)
    target = frames.qualified_name(table_name(contract, table))
    with database.connect() as connection:
        connection.execute(
            sql.SQL("CREATE TEMP TABLE incoming (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP").format(target)
        )
        frames.copy_in(connection, sql.Identifier("incoming"), table, frame)
        _log_changes(connection, contract, table, run_id)
        inserted, updated = _merge(connection, target, table)
    return UpsertCounts(inserted, updated, len(frame) - inserted - updated)


def read(database: Database, contract: Contract, name: str) -> pd.DataFrame:
    """Return a raw table as a frame in key order; dates are datetime64[s]."""
    table = _raw_table(contract, name)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        columns, frames.qualified_name(table_name(contract, table)), keys
    )
    with database.connect() as connection:
        return frames.read(connection, table, query)


def corrections(database: Database, workload: str, *, limit: int) -> pd.DataFrame:
    """Return the newest corrections of a workload's raw tables: table_name, key, before, after, changed_at."""
    columns = raw_changes.c
    query = sa.select(columns.table_name, columns.key, columns.before, columns.after, columns.changed_at)
    with database.engine.begin() as connection:
        found = (
            connection.execute(
                query.where(columns.workload == workload).order_by(columns.change_id.desc()).limit(limit)
            )
            .mappings()
            .all()
        )
    return pd.DataFrame(found, columns=["table_name", "key", "before", "after", "changed_at"])


def _raw_table(contract: Contract, name: str) -> Table:
    """Return the raw table called `name`; raises UsageError."""
    names = sorted(table.name for table in contract.raw_tables)
    if name not in names:
        raise UsageError(
            f"'{contract.name}' has no raw table '{name}'. Its raw tables: {', '.join(names) or 'none'}."
        )
    return contract.table(name)


def _differs(table: Table) -> sql.Composable:
    """Compare old row `t` with new row `i`; JSON is compared by its text, since it has no equality."""
    parts = []
    for column in table.columns:
        if column.name not in table.key:
            cast = sql.SQL("::text" if column.type == "json" else "")
            name = sql.Identifier(column.name)
            parts.append(sql.SQL("t.{0}{1} IS DISTINCT FROM i.{0}{1}").format(name, cast))
    return sql.SQL(" OR ").join(parts) if parts else sql.SQL("false")


def _log_changes(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, table: Table, run_id: str | None
) -> None:
    join = sql.SQL(" AND ").join(sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in table.key)
    key = sql.SQL(", ").join(sql.SQL("{}, t.{}").format(name, sql.Identifier(name)) for name in table.key)
    statement = sql.SQL(
        "INSERT INTO almanac.raw_changes (workload, table_name, key, before, after, run_id) "
        "SELECT {}, {}, jsonb_build_object({}), to_jsonb(t), to_jsonb(i), {} FROM {} AS t JOIN incoming AS i ON {} WHERE {}"
    )
    target = frames.qualified_name(table_name(contract, table))
    connection.execute(
        statement.format(contract.name, table.name, key, run_id, target, join, _differs(table))
    )


def _merge(
    connection: psycopg.Connection[tuple[object, ...]], target: sql.Composable, table: Table
) -> tuple[int, int]:
    names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    others = [name for name in table.column_names if name not in table.key]
    changes = sql.SQL(", ").join(sql.SQL("{0} = i.{0}").format(sql.Identifier(name)) for name in others)
    join = sql.SQL(" AND ").join(sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in table.key)
    updated = 0
    if others:
        update = sql.SQL("UPDATE {} AS t SET {} FROM incoming AS i WHERE {} AND ({})").format(
            target, changes, join, _differs(table)
        )
        updated = connection.execute(update).rowcount
    insert = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM incoming ON CONFLICT ({}) DO NOTHING").format(
        target, names, names, keys
    )
    return connection.execute(insert).rowcount, updated
