"""Quoted names for SQL statements."""

from collections.abc import Iterable

from psycopg import sql

from almanac.contract import Contract, Table
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import SCHEMA


def qualified_name(name: str, schema: str = SCHEMA) -> sql.Identifier:
    """Return the quoted name of a table with its schema."""
    return sql.Identifier(schema, name)


def workload_table(contract: Contract, table: Table) -> sql.Identifier:
    """Return the quoted name of one of a workload's tables."""
    return qualified_name(table_name(contract, table))


def raw_table(contract: Contract, name: str) -> sql.Identifier:
    """Return the quoted name of the raw table that the contract, or `raw.of_sample`, calls `name`."""
    return qualified_name(f"{contract.name}_{name}")


def column_list(names: Iterable[str]) -> sql.Composed:
    """Return quoted column names, separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
