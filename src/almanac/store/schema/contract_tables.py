"""The tables that a workload's contract declares, as SQLAlchemy tables."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON

from almanac.contract import Column, Contract, Table
from almanac.store.schema.tables import SCHEMA

# PostgreSQL cuts longer names.
LONGEST_NAME = 63
FULL, MOCK = SAMPLES = ("full", "mock")
# No name that a contract may declare has this character.
MOCK_SUFFIX = "$mock"
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    # Bytewise order: the same on every machine, and the order of hashes and cursors.
    "text": sa.Text(collation="C"),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "real": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
    "json": JSON(),
}


def table_name(contract: Contract, table: Table) -> str:
    """Return the database name of one of the workload's tables."""
    return f"{contract.name}_{table.name}"


def raw_table_name(contract: Contract, table: Table, sample: str) -> str:
    """Return the database name of a raw table; the rows of the sample mock have a table of their own."""
    return f"{table_name(contract, table)}{MOCK_SUFFIX if sample == MOCK else ''}"


def declared_tables(contract: Contract) -> list[sa.Table]:
    """Return the SQLAlchemy table of every table that the contract declares."""
    released = [_released_table(contract, table) for table in contract.released_tables]
    raw = [_raw_table(contract, table, sample) for table in contract.raw_tables for sample in SAMPLES]
    return released + raw


def indexes(contract: Contract, table: Table) -> list[tuple[str, ...]]:
    """Return the columns of each index of a released table besides its primary key."""
    if table is not contract.predictions:
        return []
    declared: list[tuple[str, ...]] = [(*contract.order, contract.entity)] if contract.order else []
    for query_filter in contract.filters:
        first_columns = {contract.entity, *(columns[0] for columns in declared)}
        if query_filter.column not in first_columns:
            declared.append((query_filter.column,))
    return declared


def _raw_table(contract: Contract, table: Table, sample: str) -> sa.Table:
    columns = [_column(table, column, primary_key=column.name in table.key) for column in table.columns]
    name = raw_table_name(contract, table, sample)
    return sa.Table(name, sa.MetaData(schema=SCHEMA), *columns, *_checks(table))


def _released_table(contract: Contract, table: Table) -> sa.Table:
    """Return a prediction or side table, partitioned by run."""
    name = table_name(contract, table)
    run = sa.Column("run_id", TYPES["text"], nullable=False)
    key = sa.PrimaryKeyConstraint("run_id", *table.key)
    columns = [_column(table, column) for column in table.columns]
    parts = (run, *columns, key, *_checks(table))
    released = sa.Table(name, sa.MetaData(schema=SCHEMA), *parts, postgresql_partition_by="LIST (run_id)")
    for names in indexes(contract, table):
        index_name = f"{name}_by_{'_'.join(names)}"[:LONGEST_NAME]
        sa.Index(index_name, *(released.c[column] for column in names))
    return released


def _column(table: Table, column: Column, *, primary_key: bool = False) -> sa.Column[Any]:
    nullable = column.nullable and column.name not in table.key
    kind = TYPES[column.type]
    return sa.Column(column.name, kind, nullable=nullable, primary_key=primary_key, autoincrement=False)


def _checks(table: Table) -> list[sa.CheckConstraint]:
    """Refuse the instants that a client cannot read back: infinity, BC, years beyond 9999."""
    names = [column.name for column in table.columns if column.type in ("date", "timestamp")]
    return [_is_readable(name) for name in names]


def _is_readable(name: str) -> sa.CheckConstraint:
    condition = f"{name} >= '0001-01-01' AND {name} < '9999-12-31'"
    return sa.CheckConstraint(condition, name=f"{name}_is_readable")
