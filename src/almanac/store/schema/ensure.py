"""Brings the tables and views of one workload to its contract, and refuses what would change data."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.schema import CreateIndex, CreateTable

from almanac.contract import Contract
from almanac.errors import ContractError
from almanac.store.schema import contract_views, tables, workload_sql
from almanac.store.schema.contract_tables import declared_tables, table_name
from almanac.store.schema.tables import SCHEMA

LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac shape ' || :name))")
WAY_OUT = (
    "Declare the column under a new name, "
    "or rename the table in the contract and keep the old one for its history."
)


def ensure(connection: sa.Connection, contract: Contract) -> None:
    """Apply the workload's SQL files, then make the tables and views of `contract`.

    Adds nullable columns and new indexes to a table that exists; raises ContractError for every other change.
    """
    connection.execute(LOCK, {"name": contract.name})
    workload_sql.migrate(connection, contract.name)
    if _is_recorded(connection, contract):
        return
    contract_views.lock_views(connection, contract)
    for table in declared_tables(contract):
        _ensure_table(connection, contract, table)
        _grant(connection, "SELECT", table.name)
    contract_views.make_views(connection, contract)
    for raw in contract.raw_tables:
        _grant(connection, "INSERT, UPDATE", table_name(contract, raw))
    _record(connection, contract)


def _is_recorded(connection: sa.Connection, contract: Contract) -> bool:
    """Tell whether exactly this contract was made before.

    The question takes no lock that readers would feel.
    """
    query = sa.select(tables.workloads.c.contract).where(tables.workloads.c.workload == contract.name)
    return connection.execute(query).scalar() == contract.model_dump(mode="json")


def _record(connection: sa.Connection, contract: Contract) -> None:
    declared = contract.model_dump(mode="json")
    statement = insert(tables.workloads).values(workload=contract.name, contract=declared)
    upsert = statement.on_conflict_do_update(index_elements=["workload"], set_={"contract": declared})
    connection.execute(upsert)


def _grant(connection: sa.Connection, rights: str, name: str) -> None:
    connection.execute(sa.text(f'GRANT {rights} ON {SCHEMA}."{name}" TO almanac_worker'))


def _ensure_table(connection: sa.Connection, contract: Contract, table: sa.Table) -> None:
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=SCHEMA):
        _create(connection, table)
        return
    existing = {column["name"]: column for column in inspector.get_columns(table.name, schema=SCHEMA)}
    _refuse_removed_columns(contract, table, existing)
    _refuse_other_key(inspector, table)
    for column in table.c:
        if column.name in existing:
            _refuse_other_type(connection, table, column, existing[column.name])
        else:
            _add_column(connection, table, column)
    _ensure_indexes(connection, inspector, table)


def _create(connection: sa.Connection, table: sa.Table) -> None:
    connection.execute(CreateTable(table))
    for _, index in sorted(_named_indexes(table).items()):
        connection.execute(CreateIndex(index))


def _named_indexes(table: sa.Table) -> dict[str, sa.Index]:
    return {str(index.name): index for index in table.indexes}


def _refuse_removed_columns(
    contract: Contract, table: sa.Table, existing: Mapping[str, ReflectedColumn]
) -> None:
    removed = sorted(existing.keys() - set(table.c.keys()))
    if removed:
        reason = f"has column {removed} that the contract of '{contract.name}' no longer declares"
        raise _refusal(table, reason)


def _refuse_other_key(inspector: sa.Inspector, table: sa.Table) -> None:
    declared = [column.name for column in table.primary_key]
    actual = inspector.get_pk_constraint(table.name, schema=SCHEMA)["constrained_columns"]
    if declared != actual:
        raise _refusal(table, f"has the key {actual}, the contract declares {declared}")


def _refuse_other_type(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], existing: ReflectedColumn
) -> None:
    declared = _type_text(connection, column.type, column.nullable)
    actual = _type_text(connection, existing["type"], existing["nullable"])
    if declared != actual:
        reason = f"has column '{column.name}' of type {actual}, the contract declares {declared}"
        raise _refusal(table, reason)


def _type_text(connection: sa.Connection, kind: sa.types.TypeEngine[Any], nullable: bool | None) -> str:
    return kind.compile(connection.dialect) + ("" if nullable else " NOT NULL")


def _add_column(connection: sa.Connection, table: sa.Table, column: sa.Column[Any]) -> None:
    if not column.nullable:
        reason = f"lacks column '{column.name}', which is not nullable; only nullable columns are added"
        raise _refusal(table, reason)
    kind = column.type.compile(connection.dialect)
    connection.execute(sa.text(f'ALTER TABLE {SCHEMA}."{table.name}" ADD COLUMN "{column.name}" {kind}'))


def _ensure_indexes(connection: sa.Connection, inspector: sa.Inspector, table: sa.Table) -> None:
    """Make the declared indexes and drop all others: the tables of new runs have the declared ones only."""
    existing = {str(index["name"]) for index in inspector.get_indexes(table.name, schema=SCHEMA)}
    declared = _named_indexes(table)
    for name in sorted(declared.keys() - existing):
        connection.execute(CreateIndex(declared[name]))
    for name in sorted(existing - declared.keys()):
        connection.execute(sa.text(f'DROP INDEX {SCHEMA}."{name}"'))


def _refusal(table: sa.Table, reason: str) -> ContractError:
    return ContractError(f"Table {SCHEMA}.{table.name} {reason}. {WAY_OUT}")
