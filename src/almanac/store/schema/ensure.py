"""Brings the tables and views of one workload to its contract, and refuses what would change data."""

import logging
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from almanac.contract import Contract, Table
from almanac.log_lines import fields
from almanac.store.schema import contract_views, tables, workload_sql
from almanac.store.schema.changes import changes
from almanac.store.schema.contract_tables import SAMPLES, declared_tables, raw_table_name
from almanac.store.schema.tables import SCHEMA

LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac shape ' || :name))")
MISSING_TABLES = sa.text("""
    SELECT name FROM unnest(CAST(:names AS text[])) AS name
    WHERE NOT EXISTS (SELECT FROM pg_tables WHERE schemaname = :schema AND tablename = name)
""")
HAS_MOCK_RUN = sa.text(
    "SELECT EXISTS (SELECT FROM almanac.runs WHERE workload = :workload AND sample = 'mock')"
)
HAS_RUN = sa.text("SELECT EXISTS (SELECT FROM almanac.runs WHERE workload = :workload)")
IS_RECORDED = sa.text("SELECT EXISTS (SELECT FROM almanac.workloads WHERE workload = :workload)")
log = logging.getLogger("almanac")


def ensure(connection: sa.Connection, contract: Contract) -> None:
    """Apply the workload's SQL files, then make the tables and views of `contract`.

    Adds nullable columns and new indexes to a table that exists, drops NOT NULL, and keeps columns that are
    no longer declared, with a warning. Raises ContractError for every other change.
    """
    connection.execute(LOCK, {"name": contract.name})
    workload_sql.migrate(connection, contract.name)
    if is_applied(connection, contract):
        return
    new_mock_tables = _missing_mock_tables(connection, contract)
    contract_views.lock_views(connection, contract)
    for table in declared_tables(contract):
        _ensure_table(connection, contract, table)
        _grant(connection, "SELECT", table.name)
    for raw in new_mock_tables:
        _copy_rows_of_earlier_programs(connection, contract, raw)
    contract_views.make_views(connection, contract)
    for raw in contract.raw_tables:
        for sample in SAMPLES:
            _grant(connection, "INSERT, UPDATE", raw_table_name(contract, raw, sample))
    _record(connection, contract)


def is_applied(connection: sa.Connection, contract: Contract) -> bool:
    """Tell whether exactly this contract was made before.

    The question takes no lock that readers would feel.
    """
    query = sa.select(tables.workloads.c.contract).where(tables.workloads.c.workload == contract.name)
    is_same = connection.execute(query).scalar() == contract.model_dump(mode="json")
    return is_same and not _missing_mock_tables(connection, contract)


def is_due(connection: sa.Connection, workload: str) -> bool:
    """Tell whether a workload is new to the database, or has SQL files that are.

    A workload that was retired is not new: its runs are on record.
    """
    if not connection.execute(IS_RECORDED, {"workload": workload}).scalar():
        return not connection.execute(HAS_RUN, {"workload": workload}).scalar()
    return bool(workload_sql.pending(connection, workload))


@dataclass(frozen=True)
class Fit:
    """How the tables of a workload fit its contract, and what a person should know of them."""

    is_applied: bool
    warnings: tuple[str, ...]


def examine(connection: sa.Connection, contract: Contract) -> Fit:
    """Return how the tables of a workload fit its contract; changes nothing.

    Raises ContractError for what `ensure` would refuse.
    """
    needed = [changes(connection, contract, table) for table in declared_tables(contract)]
    is_complete = not any(each.statements for each in needed)
    warnings = tuple(warning for each in needed for warning in each.warnings)
    return Fit(is_complete and is_applied(connection, contract), warnings)


def _missing_mock_tables(connection: sa.Connection, contract: Contract) -> list[Table]:
    """Return the raw tables without a table for mock rows, as earlier programs have left them."""
    names = {raw_table_name(contract, raw, "mock"): raw for raw in contract.raw_tables}
    missing = connection.execute(MISSING_TABLES, {"schema": SCHEMA, "names": list(names)}).scalars()
    return [names[name] for name in missing]


def _copy_rows_of_earlier_programs(connection: sa.Connection, contract: Contract, raw: Table) -> None:
    """Let the mock runs of a database that has had some find the rows that they had, beside all others."""
    if not connection.execute(HAS_MOCK_RUN, {"workload": contract.name}).scalar():
        return
    full, mock = (raw_table_name(contract, raw, sample) for sample in SAMPLES)
    columns = ", ".join(f'"{name}"' for name in raw.column_names)
    copy = f'INSERT INTO {SCHEMA}."{mock}" ({columns}) SELECT {columns} FROM {SCHEMA}."{full}"'
    connection.execute(sa.text(copy))


def _record(connection: sa.Connection, contract: Contract) -> None:
    declared = contract.model_dump(mode="json")
    statement = insert(tables.workloads).values(workload=contract.name, contract=declared)
    upsert = statement.on_conflict_do_update(index_elements=["workload"], set_={"contract": declared})
    connection.execute(upsert)


def _grant(connection: sa.Connection, rights: str, name: str) -> None:
    connection.execute(sa.text(f'GRANT {rights} ON {SCHEMA}."{name}" TO almanac_worker'))


def _ensure_table(connection: sa.Connection, contract: Contract, table: sa.Table) -> None:
    needed = changes(connection, contract, table)
    for statement in needed.statements:
        connection.execute(statement)
    for warning in needed.warnings:
        log.warning(warning, extra=fields(workload=contract.name))
