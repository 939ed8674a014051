"""Queries to PostgreSQL: connections in one role, with a deadline that holds even for a stalled backend."""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from time import monotonic
from typing import Any, Literal

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from almanac import connection_strings
from almanac.errors import DatabaseError, UsageError
from almanac.settings import Settings
from serve.http.deadline import ends_after
from serve.http.problems import Unavailable

Role = Literal["reader", "ingest", "access"]
Values = Sequence[Any] | Mapping[str, Any]
CONNECT_TIMEOUT_SECONDS = 2
ACCESS_POOL_SIZE = 2
# PostgreSQL cancels a query so much earlier than the server gives it up.
SPARE_SECONDS = 0.1
NO_DATABASE = (
    "DATABASE_URL is not set, so the server has nothing to read. "
    "`almanac serve` starts the embedded database and the server."
)
AWAY = "The database does not answer. The server recovers by itself as soon as it does."
SLOW = "The database took too long for this question. Ask for fewer rows, or try again."
OLDER = (
    "The database lacks a table, column or function that this server expects. "
    "Its operator runs: almanac db migrate"
)


class Connection(psycopg.AsyncConnection[Any]):
    """A connection with one cursor for all queries: making a cursor takes as long as a query."""

    @cached_property
    def only_cursor(self) -> psycopg.AsyncCursor[Any]:
        """The cursor of this connection."""
        return self.cursor()

    async def rows(self, query: bytes, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        cursor = await self.only_cursor.execute(query, values)
        return await cursor.fetchall()

    async def rows_within(self, seconds: float, query: bytes, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows of a query, which PostgreSQL cancels after `seconds`; that takes a transaction."""
        milliseconds = max(1, round(seconds * 1000))
        async with self.transaction():
            await self.execute(f"SET LOCAL statement_timeout = {milliseconds}".encode())
            return await self.rows(query, values)


class Database:
    """The connections of one role; `rows` answers within the deadline or raises Unavailable."""

    def __init__(self, settings: Settings, role: Role = "reader") -> None:
        self._role = role
        self._conninfo = conninfo(settings, role)
        self._deadline = settings.deadline_seconds
        self._statement_timeout = statement_timeout(settings)
        self._pool = AsyncConnectionPool(
            self._conninfo,
            connection_class=Connection,
            min_size=1,
            max_size=_most_connections(settings, role),
            kwargs={"autocommit": True},
            open=False,
            reconnect_timeout=1.0,
            configure=self._refuse_other_role,
        )

    async def open(self) -> None:
        """Open the pool without waiting for a connection."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self._pool.close(timeout=1.0)

    async def connect(self) -> Connection:
        """Open a connection of its own, outside the pool; raises DatabaseError where it lacks its role."""
        try:
            connection = await Connection.connect(self._conninfo, autocommit=True)
            await self._refuse_other_role(connection)
        except psycopg.OperationalError as error:
            if missing := connection_strings.missing_role(self._role, error):
                raise missing from error
            raise
        return connection

    async def _refuse_other_role(self, connection: Connection) -> None:
        """Close a connection that does not work in this role, and raise DatabaseError."""
        [(actual,)] = await connection.rows(connection_strings.CURRENT_USER)
        try:
            connection_strings.refuse_other_role(self._role, bytes(actual))
        except DatabaseError:
            await connection.close()
            raise

    async def rows(self, query: bytes, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one query, within the deadline or what the request has left of it.

        A dead connection is replaced and the query sent again. So a query that writes must have the same
        outcome when it is sent twice: what it stores is identified by an id.
        """
        ends = ends_after(self._deadline)
        if monotonic() >= ends:
            raise Unavailable(SLOW)
        for _ in range(self._pool.max_size + 1):
            try:
                return await self._send(query, values, ends)
            except errors.QueryCanceled as error:
                raise Unavailable(SLOW) from error
            except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction) as error:
                raise Unavailable(OLDER) from error
            except (psycopg.OperationalError, errors.InternalError):
                if monotonic() >= ends:
                    break
        raise Unavailable(AWAY)

    def pool_state(self) -> dict[str, int]:
        """Return the pool's size, its idle connections and the requests that wait for one."""
        stats = self._pool.get_stats()
        return {
            "size": stats["pool_size"],
            "idle": stats["pool_available"],
            "waiting": stats["requests_waiting"],
        }

    async def _send(self, query: bytes, values: Values, ends: float) -> list[tuple[Any, ...]]:
        try:
            connection = await self._pool.getconn(timeout=ends - monotonic())
        except PoolTimeout:
            raise Unavailable(AWAY) from None
        seconds = ends - monotonic()
        timer = asyncio.get_running_loop().call_later(seconds, hang_up, connection)
        try:
            if seconds > self._statement_timeout - 2 * SPARE_SECONDS:
                return await connection.rows(query, values)
            return await connection.rows_within(seconds - SPARE_SECONDS, query, values)
        finally:
            timer.cancel()
            await self._pool.putconn(connection)


def conninfo(settings: Settings, role: Role = "reader") -> str:
    """Return the connection string of `role`.

    Raises UsageError where no database is named, DatabaseError where its connection string cannot be parsed.
    """
    url = connection_strings.url_of(settings, role)
    if url is None:
        raise UsageError(NO_DATABASE)
    return connection_strings.make(
        url,
        role,
        parameters=_parameters(settings, role),
        connect_timeout=str(CONNECT_TIMEOUT_SECONDS),
        application_name="almanac-serve",
    )


def statement_timeout(settings: Settings) -> float:
    """Return the seconds after which PostgreSQL cancels a query."""
    return min(settings.statement_timeout_seconds, settings.deadline_seconds)


def _most_connections(settings: Settings, role: Role) -> int:
    sizes = {"reader": settings.pool_size, "ingest": settings.ingest_pool_size, "access": ACCESS_POOL_SIZE}
    return sizes[role]


def _parameters(settings: Settings, role: Role) -> dict[str, str]:
    return {
        "default_transaction_read_only": "on" if role == "reader" else "off",
        "statement_timeout": f"{statement_timeout(settings) * 1000:.0f}",
        # Most pages are in memory, where reading one is faster than asking another process to prefetch it.
        "effective_io_concurrency": "0",
    }


@contextmanager
def hung_up_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Hang up `connection` after `seconds`.

    A stalled backend answers neither a timeout nor a cancel request, and psycopg waits for it. Once its
    socket is shut down, libpq reports a lost connection, and the pool replaces it.
    """
    timer = asyncio.get_running_loop().call_later(seconds, hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def hang_up(connection: Connection) -> None:
    """Shut down the socket of `connection`; libpq keeps its own descriptor and notices the end."""
    with (
        suppress(OSError, psycopg.OperationalError),
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
