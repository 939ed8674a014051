"""Short questions to a database, so that tests read as sentences."""

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from almanac.store.connections.database import Database
from almanac.store.records import releases
from tests.stub import STUB

Answer = TypeVar("Answer")


def within(database: Database, work: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
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
    """Return the release of the stub that answers."""
    found = within(database, releases.live, STUB.name)
    assert found is not None, "nothing was released"
    return found


def staged_tables(database: Database) -> list[str]:
    """Return the tables that wait in the staging schema."""
    return [
        name
        for (name,) in rows(
            database, "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' ORDER BY 1"
        )
    ]
