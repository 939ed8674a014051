"""Rows of a query as mappings from column names to values."""

from typing import Any

import sqlalchemy as sa

Row = sa.RowMapping


def first_row(connection: sa.Connection, query: sa.Select[Any]) -> Row | None:
    """Return the first row of a query, or None."""
    return connection.execute(query).mappings().first()


def all_rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    """Return all rows of a query."""
    return list(connection.execute(query).mappings().all())
