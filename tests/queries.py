"""Short database queries, so that tests read as sentences."""

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from almanac.store.connections.database import Database
from almanac.store.records import releases
from tests.stub import STUB

Result = TypeVar("Result")


def within(database: Database, work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Call `work` with a connection in a transaction of its own."""
    with database.engine.begin() as connection:
        return work(connection, *arguments, **named)


def rows(database: Database, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with database.engine.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), parameters)]


def one(database: Database, query: str, **parameters: Any) -> Any:
    """Return the only value of a query."""
    ((value,),) = rows(database, query, **parameters)
    return value


def change(database: Database, statement: str, **parameters: Any) -> int:
    """Execute a statement and return how many rows it touched."""
    with database.engine.begin() as connection:
        return connection.execute(sa.text(statement), parameters).rowcount


def live(database: Database) -> releases.ReleaseRow:
    """Return the live release of the stub."""
    release = within(database, releases.live, STUB.name)
    assert release is not None, "nothing was released"
    return release


def staged_tables(database: Database) -> list[str]:
    """Return the tables in the staging schema."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' ORDER BY 1"
    return [name for (name,) in rows(database, query)]
