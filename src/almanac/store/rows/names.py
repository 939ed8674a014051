"""Quoted names for SQL statements."""

from collections.abc import Iterable

from psycopg import sql

from almanac.store.schema.tables import SCHEMA


def qualified_name(name: str, schema: str = SCHEMA) -> sql.Identifier:
    """Return the quoted name of a table with its schema."""
    return sql.Identifier(schema, name)


def column_list(names: Iterable[str]) -> sql.Composed:
    """Return quoted column names, separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
