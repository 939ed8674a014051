"""Follows a small state of the database: by NOTIFY and by polling, on a connection of its own."""

import asyncio
import logging
from contextlib import suppress
from time import monotonic

import psycopg

from almanac.errors import DatabaseError
from serve.http.deadline import ends_after
from serve.http.problems import Unavailable
from serve.reading.database import AWAY, Connection, Database, hang_up, hung_up_after

# Every server sees a change within a second: a confirmation is valid for LEASE_SECONDS after its query was
# sent.
LEASE_SECONDS = 0.9
POLL_SECONDS = 0.3
QUERY_SECONDS = 1.0
RETRY_SECONDS = 0.2
NOT_REACHED = "The server has not reached its database yet."
LOST = "the connection that follows %s is lost: %s"
log = logging.getLogger("almanac.serve")


class Follower:
    """A state that is confirmed at every notification on `channel`, and at least each POLL_SECONDS.

    A subclass reads the state in `read`, and may refuse a database in `check`.
    """

    channel: str
    subject: str
    unconfirmed: str

    def __init__(self, database: Database, *, deadline_seconds: float) -> None:
        self._database = database
        self._deadline = deadline_seconds
        self._confirmed_at = float("-inf")
        self._confirmed = asyncio.Event()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = NOT_REACHED

    async def check(self, connection: Connection) -> None:
        """Raise DatabaseError for a database that cannot be followed."""

    async def read(self, connection: Connection) -> None:
        """Read the state anew."""
        raise NotImplementedError

    async def start(self) -> None:
        """Begin to follow; raises DatabaseError for a database that cannot be followed."""
        with suppress(psycopg.Error, OSError):
            connection = await self._database.connect()
            async with connection:
                await self.check(connection)
                await self._confirm(connection)
        self._task = asyncio.create_task(self._follow(), name=self.subject)

    async def stop(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            if self._connection:
                hang_up(self._connection)
            await asyncio.wait([self._task])

    @property
    def is_confirmed(self) -> bool:
        """Whether the state was confirmed less than a lease ago."""
        return monotonic() - self._confirmed_at < LEASE_SECONDS

    async def wait_until_confirmed(self) -> None:
        """Wait for a confirmation; raises Unavailable where none comes."""
        ends = ends_after(self._deadline)
        while not self.is_confirmed:
            if self.trouble or monotonic() >= ends:
                raise Unavailable(self.trouble or self.unconfirmed)
            self._confirmed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._confirmed.wait(), LEASE_SECONDS)

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except DatabaseError as error:
                await self._pause(str(error))
            except (psycopg.Error, OSError) as error:
                log.warning(LOST, self.subject, str(error).strip() or type(error).__name__)
                # A connection that worked is replaced at once. One that never worked means trouble.
                if self._connection is None:
                    await self._pause(AWAY)
            finally:
                self._connection = None

    async def _pause(self, trouble: str) -> None:
        self.trouble = trouble
        await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        """Confirm at every notification and at least each POLL_SECONDS, until the connection is lost."""
        connection = await self._database.connect()
        async with connection:
            with hung_up_after(connection, QUERY_SECONDS):
                await self.check(connection)
                await connection.execute(f"LISTEN {self.channel}".encode())
            await self._confirm(connection)
            self._connection = connection
            while True:
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
                await self._confirm(connection)

    async def _confirm(self, connection: Connection) -> None:
        sent_at = monotonic()
        with hung_up_after(connection, QUERY_SECONDS):
            await self.read(connection)
        self._confirmed_at, self.trouble = sent_at, None
        self._confirmed.set()
