"""Takes the tables and views of one workload away; the records of its runs and releases stay."""

import sqlalchemy as sa

from almanac.contract import Contract
from almanac.store.connections.database import driver_connection
from almanac.store.publishing import staging_tables
from almanac.store.records import ledger
from almanac.store.schema import contract_views, tables
from almanac.store.schema.contract_tables import declared_tables
from almanac.store.schema.tables import SCHEMA

NEWEST_REAL_RELEASE = sa.text("""
    SELECT max(l.release_id) FROM almanac.releases AS l JOIN almanac.runs AS r USING (run_id)
    WHERE l.workload = :workload AND NOT r.simulated
""")
# A release whose run has no rows any more answers nobody.
MARK_PRUNED = sa.text("""
    UPDATE almanac.runs SET pruned_at = clock_timestamp()
    WHERE workload = :workload AND rows IS NOT NULL AND pruned_at IS NULL
""")
FORGET_INPUTS = sa.text("DELETE FROM almanac.run_inputs WHERE workload = :workload")
FORGET = sa.text("DELETE FROM almanac.workloads WHERE workload = :workload")
FILES = sa.text("SELECT name FROM almanac.workload_migrations WHERE workload = :workload ORDER BY name")


def recorded_contract(connection: sa.Connection, workload: str) -> Contract | None:
    """Return the contract that a workload's tables were made from, or None where it has none."""
    query = sa.select(tables.workloads.c.contract).where(tables.workloads.c.workload == workload)
    recorded = connection.execute(query).scalar()
    return Contract.model_validate(recorded) if recorded else None


def newest_real_release(connection: sa.Connection, workload: str) -> int | None:
    """Return the number of the newest release of predictions that were not simulated, or None."""
    number: int | None = connection.execute(NEWEST_REAL_RELEASE, {"workload": workload}).scalar()
    return number


def row_counts(connection: sa.Connection, contract: Contract) -> dict[str, int]:
    """Return how many rows each table of a workload has."""
    return {
        name: connection.execute(sa.text(f'SELECT count(*) FROM {SCHEMA}."{name}"')).scalar_one()
        for name in _existing(connection, contract)
    }


def remove(connection: sa.Connection, contract: Contract) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Drop the tables and views of a workload and forget its contract.

    Return the tables, and the names of the SQL files whose objects stay. Raises ContractError where a view of
    somebody else shows them.
    """
    ledger.lock(connection, contract.name)
    staging_tables.sweep(driver_connection(connection), contract)
    contract_views.drop_views(connection, contract)
    names = _existing(connection, contract)
    for name in names:
        connection.execute(sa.text(f'DROP TABLE {SCHEMA}."{name}"'))
    for statement in (MARK_PRUNED, FORGET_INPUTS, FORGET):
        connection.execute(statement, {"workload": contract.name})
    files = connection.execute(FILES, {"workload": contract.name}).scalars()
    return tuple(names), tuple(files)


def _existing(connection: sa.Connection, contract: Contract) -> list[str]:
    inspector = sa.inspect(connection)
    names = [table.name for table in declared_tables(contract)]
    return [name for name in names if inspector.has_table(name, schema=SCHEMA)]
