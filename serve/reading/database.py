"""Asking PostgreSQL: a pool in one role, with a deadline that holds even when a backend is stalled."""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from almanac.errors import DatabaseError, UsageError
from almanac.settings import Settings
from serve.http.deadline import ends_after
from serve.http.problems import Unavailable

Values = Sequence[Any] | Mapping[str, Any]
CONNECT_TIMEOUT_SECONDS = 2
# PostgreSQL gives up so much before we do, where it is told to.
SPARE_SECONDS = 0.1
AWAY = "The database does not answer. The server recovers by itself as soon as it does."
SLOW = "The database took too long for this question. Ask for fewer rows, or try again."
UNREADABLE = (
    "DATABASE_URL, or the one of the role, is no connection string. Write postgresql://USER:PASSWORD@HOST:5432/NAME, "
    "in USER and PASSWORD %25 for %, %40 for @ and so on."
)
OLDER = "The database lacks a table, column or function that this server expects. Its operator runs: almanac db migrate"


@dataclass(frozen=True)
class Role:
    """Who asks: its name in the database, and whether it changes anything there."""

    name: str
    writes: bool


READER = Role("almanac_reader", writes=False)
INGEST = Role("almanac_ingest", writes=True)


class Connection(psycopg.AsyncConnection[Any]):
    """A connection with one cursor for all queries: making a cursor takes as long as a query."""

    @cached_property
    def only_cursor(self) -> psycopg.AsyncCursor[Any]:
        """The cursor of this connection."""
        return self.cursor()

    async def rows(self, query: bytes, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        cursor = await self.only_cursor.execute(query, values)
        return await cursor.fetchall()

    async def rows_within(self, seconds: float, query: bytes, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows of a query that PostgreSQL itself gives up after `seconds`; that takes a transaction."""
        milliseconds = max(1, round(seconds * 1000))
        async with self.transaction():
            await self.execute(f"SET LOCAL statement_timeout = {milliseconds}".encode())
            return await self.rows(query, values)


class Database:
    """The connections of one role; `rows` answers within the deadline or raises Unavailable."""

    def __init__(self, settings: Settings, role: Role = READER) -> None:
        self._role = role
        self._conninfo = conninfo(settings, role)
        self._deadline = settings.deadline_seconds
        self._statement_timeout = min(settings.statement_timeout_seconds, settings.deadline_seconds)
        self._pool = AsyncConnectionPool(
            self._conninfo,
            connection_class=Connection,
            min_size=1,
            max_size=settings.ingest_pool_size if role.writes else settings.pool_size,
            kwargs={"autocommit": True},
            open=False,
            reconnect_timeout=1.0,
        )

    async def open(self) -> None:
        """Open the pool without waiting for a connection."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self._pool.close(timeout=1.0)

    async def connect(self) -> Connection:
        """Open a connection of its own, outside the pool; raises DatabaseError where the role is missing."""
        try:
            return await Connection.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            if self._role.name in str(error):
                reason = str(error).strip()
                raise DatabaseError(
                    f"The database does not let this user be {self._role.name}: {reason}. Run: almanac db migrate"
                ) from error
            raise

    async def rows(self, query: bytes, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one query, within the deadline or what the request has left of it.

        A connection that turns out to be dead is replaced and the query asked again. So a query that changes something must have the same
        outcome when it is asked twice: what is stored goes by its id.
        """
        ends = ends_after(self._deadline)
        if monotonic() >= ends:
            raise Unavailable(SLOW)
        for _ in range(self._pool.max_size + 1):
            try:
                return await self._ask(query, values, ends)
            except (psycopg.OperationalError, errors.InternalError) as error:
                if isinstance(error, errors.QueryCanceled):
                    raise Unavailable(SLOW) from error
                if monotonic() >= ends:
                    break
            except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction) as error:
                raise Unavailable(OLDER) from error
        raise Unavailable(AWAY)

    def pool_state(self) -> dict[str, int]:
        """Return the pool's size, its idle connections and the requests that wait for one."""
        stats = self._pool.get_stats()
        return {
            "size": stats["pool_size"],
            "idle": stats["pool_available"],
            "waiting": stats["requests_waiting"],
        }

    async def _ask(self, query: bytes, values: Values, ends: float) -> list[tuple[Any, ...]]:
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


def conninfo(settings: Settings, role: Role = READER) -> str:
    """Return the connection string of `role`; raises UsageError where no database is named, DatabaseError where that cannot be read.

    psycopg's own error may show a password, so it is not repeated.
    """
    url = (
        settings.ingest_database_url if role.writes else settings.reader_database_url
    ) or settings.database_url
    if url is None:
        raise UsageError(
            "DATABASE_URL is not set, so the server has nothing to read. `almanac serve` starts the embedded database and the server."
        )
    options = {
        "role": role.name,
        "default_transaction_read_only": "off" if role.writes else "on",
        "statement_timeout": f"{min(settings.statement_timeout_seconds, settings.deadline_seconds) * 1000:.0f}",
        "timezone": "UTC",
        # Most of what is read lies in memory, where asking another process to fetch a page takes longer than fetching it.
        "effective_io_concurrency": "0",
    }
    try:
        own = str(conninfo_to_dict(url.get_secret_value()).get("options") or "")
    except psycopg.ProgrammingError:
        raise DatabaseError(UNREADABLE) from None
    joined = " ".join([own, *(f"-c {name}={value}" for name, value in options.items())]).strip()
    return make_conninfo(
        url.get_secret_value(),
        options=joined,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        application_name="almanac-serve",
    )


@contextmanager
def hung_up_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Break off what waits on `connection` after `seconds`.

    A stalled backend answers neither timeouts nor a cancel request, and psycopg waits for it; shutting the socket down
    under libpq makes the waiting end at once with a lost connection, which the pool then replaces.
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
