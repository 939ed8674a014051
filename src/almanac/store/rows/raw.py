"""Raw tables: the same rows may be loaded again and again, and every correction is logged.

The made-up rows of `--sample mock` have tables of their own, so that no real run reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql

from almanac.contract import Contract, Table
from almanac.errors import AuditFailed, UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import admission, frames
from almanac.store.rows.admission import Refusal
from almanac.store.rows.names import column_list, raw_table
from almanac.store.schema.contract_tables import MOCK, MOCK_SUFFIX
from almanac.store.schema.tables import raw_changes

CORRECTION_COLUMNS = ("table_name", "key", "before", "after", "changed_at")
MAKE_INCOMING = sql.SQL("CREATE TEMP TABLE incoming (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP")
LOG_CHANGES = sql.SQL("""
    INSERT INTO almanac.raw_changes (workload, table_name, key, before, after, run_id)
    SELECT {workload}, {name}, jsonb_build_object({key}), to_jsonb(t), to_jsonb(i), {run_id}
    FROM {target} AS t JOIN incoming AS i ON {same_key} WHERE {differs}
""")
UPDATE_CHANGED = sql.SQL("UPDATE {} AS t SET {} FROM incoming AS i WHERE {} AND ({})")
INSERT_NEW = sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM incoming ON CONFLICT ({2}) DO NOTHING")


def of_sample(name: str, sample: str) -> str:
    """Return what `upsert` and `read` call raw table `name` with the rows of a sample.

    >>> of_sample("facts", "full"), of_sample("facts", "mock")
    ('facts', 'facts$mock')
    """
    return f"{name}{MOCK_SUFFIX}" if sample == MOCK else name


@dataclass(frozen=True)
class UpsertCounts:
    """How many rows of a load were new, corrected, there already, or refused; `refusals` has the reasons."""

    inserted: int
    updated: int
    unchanged: int
    refused: int = 0
    refusals: Sequence[Refusal] = field(default=(), compare=False)


def upsert(
    database: Database, contract: Contract, name: str, frame: pd.DataFrame, *, run_id: str | None = None
) -> UpsertCounts:
    """Bring the rows of `frame` into raw table `name`.

    A changed row is updated, its old and new values are logged. A row that breaks a rule of the contract, or
    that PostgreSQL cannot store, is left out with its reason; the others are stored. Raises UsageError for an
    unknown table, AuditFailed where a column is missing or most rows are refused. Then nothing is changed.
    """
    table = _raw_table(contract, name)
    target = raw_table(contract, name)
    frame, refusals = admission.admitted(table, frame)
    with database.connect() as connection:
        connection.execute(MAKE_INCOMING.format(target))
        frame, unstorable = _copy_in(connection, table, frame)
        _log_changes(connection, contract, name, run_id)
        updated = _update_changed(connection, target, table)
        inserted = _insert_new(connection, target, table)
    refusals += unstorable
    return UpsertCounts(inserted, updated, len(frame) - inserted - updated, len(refusals), refusals)


def _copy_in(
    connection: psycopg.Connection[Any], table: Table, frame: pd.DataFrame
) -> tuple[pd.DataFrame, list[Refusal]]:
    """Bring the rows into the table of incoming ones; return them and the refusals of those left out."""
    incoming = sql.Identifier("incoming")
    try:
        frames.copy_in(connection, incoming, table, frame)
    except AuditFailed:
        # Nothing was sent yet. Only now is it worth while to look at single rows.
        storable, refusals = admission.storable(table, frame)
        frames.copy_in(connection, incoming, table, storable)
        return storable, refusals
    return frame, []


def read(database: Database, contract: Contract, name: str) -> pd.DataFrame:
    """Return a raw table as a frame in key order; dates are datetime64[s]."""
    table = _raw_table(contract, name)
    target = raw_table(contract, name)
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}")
    with database.connect() as connection:
        ordered = query.format(column_list(table.column_names), target, column_list(table.key))
        return frames.read(connection, table, ordered)


def corrections(database: Database, workload: str, *, limit: int) -> pd.DataFrame:
    """Return the newest corrections of a workload's raw tables, with the columns CORRECTION_COLUMNS."""
    columns = [raw_changes.c[name] for name in CORRECTION_COLUMNS]
    query = sa.select(*columns).where(raw_changes.c.workload == workload)
    newest = query.order_by(raw_changes.c.change_id.desc()).limit(limit)
    with database.engine.begin() as connection:
        rows = connection.execute(newest).mappings().all()
    return pd.DataFrame(rows, columns=CORRECTION_COLUMNS)


def _raw_table(contract: Contract, name: str) -> Table:
    """Return the declaration of the raw table called `name`, of whichever sample; raises UsageError."""
    declared = name.removesuffix(MOCK_SUFFIX)
    names = sorted(table.name for table in contract.raw_tables)
    if declared not in names:
        listed = ", ".join(names) or "none"
        raise UsageError(f"'{contract.name}' has no raw table '{declared}'. Its raw tables: {listed}.")
    return contract.table(declared)


def _log_changes(
    connection: psycopg.Connection[Any], contract: Contract, name: str, run_id: str | None
) -> None:
    table = _raw_table(contract, name)
    pairs = [sql.SQL("{}, t.{}").format(part, sql.Identifier(part)) for part in table.key]
    statement = LOG_CHANGES.format(
        workload=contract.name,
        name=name,
        key=sql.SQL(", ").join(pairs),
        run_id=run_id,
        target=raw_table(contract, name),
        same_key=_same_key(table),
        differs=_differs(table),
    )
    connection.execute(statement)


def _update_changed(connection: psycopg.Connection[Any], target: sql.Composable, table: Table) -> int:
    """Update the rows whose values differ from the incoming ones; return how many."""
    names = _value_columns(table)
    if not names:
        return 0
    assignments = [sql.SQL("{0} = i.{0}").format(sql.Identifier(name)) for name in names]
    changes = sql.SQL(", ").join(assignments)
    return connection.execute(
        UPDATE_CHANGED.format(target, changes, _same_key(table), _differs(table))
    ).rowcount


def _insert_new(connection: psycopg.Connection[Any], target: sql.Composable, table: Table) -> int:
    """Insert the rows whose key is new; return how many."""
    statement = INSERT_NEW.format(target, column_list(table.column_names), column_list(table.key))
    return connection.execute(statement).rowcount


def _same_key(table: Table) -> sql.Composed:
    equal = [sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in table.key]
    return sql.SQL(" AND ").join(equal)


def _differs(table: Table) -> sql.Composable:
    """Return the condition that the old row `t` and the new row `i` differ.

    JSON has no equality, so its text counts.
    """
    parts = []
    for name in _value_columns(table):
        cast = sql.SQL("::text" if table.column(name).type == "json" else "")
        parts.append(sql.SQL("t.{0}{1} IS DISTINCT FROM i.{0}{1}").format(sql.Identifier(name), cast))
    return sql.SQL(" OR ").join(parts) if parts else sql.SQL("false")


def _value_columns(table: Table) -> list[str]:
    """Return the columns that are not part of the key."""
    return [name for name in table.column_names if name not in table.key]
