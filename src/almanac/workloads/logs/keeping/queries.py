"""Results of SQL queries as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
Query = str | sql.Composed
Values = Sequence[object] | Mapping[str, object]


def rows(connection: Connection, query: Query, values: Values | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    statement = query.encode() if isinstance(query, str) else query
    return connection.execute(statement, values).fetchall()


def column(connection: Connection, query: Query, values: Values | None = None) -> list[Any]:
    """Return the only column of a query."""
    return [value for (value,) in rows(connection, query, values)]


def value(connection: Connection, query: Query, values: Values | None = None) -> Any:
    """Return the only value of a query; raises ValueError where there is not exactly one."""
    (result,) = column(connection, query, values)
    return result
