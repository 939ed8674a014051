"""Runs statements that have their values written into them."""

from typing import Any

from psycopg import sql

from serve.reading.database import Database


async def run(database: Database, query: sql.Composable) -> list[tuple[Any, ...]]:
    """Return the rows of a query, which PostgreSQL plans for just these values; raises Unavailable."""
    return await database.rows(query.as_bytes(None).replace(b"%", b"%%"))
