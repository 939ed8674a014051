"""Which release is live: by NOTIFY and by polling, valid for less than a second after each confirmation."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic

import psycopg
from psycopg import errors

from almanac.contract import SCHEMA_REVISION
from almanac.errors import DatabaseError, SchemaMismatch
from serve.http.deadline import ends_after
from serve.http.problems import Unavailable
from serve.reading.database import AWAY, Connection, Database, hang_up, hung_up_after
from serve.reading.edition import LIVE, Edition, edition

# A reader sees a new release within a second: a confirmation is valid for LEASE_SECONDS after its query was
# sent.
LEASE_SECONDS = 0.9
POLL_SECONDS = 0.3
QUERY_SECONDS = 1.0
RETRY_SECONDS = 0.2
NOT_REACHED = "The server has not reached its database yet."
UNCONFIRMED = "The database does not say which release is live."
REVISION = b"SELECT revision FROM api.schema_version"
LOST = "the connection that follows releases is lost: %s"
log = logging.getLogger("almanac.serve")


class LiveReleases:
    """The live edition of each workload, followed on a connection of its own."""

    def __init__(self, database: Database, workloads: Iterable[str], *, deadline_seconds: float) -> None:
        self._database = database
        self._workloads = sorted(workloads)
        self._deadline = deadline_seconds
        self._live: dict[str, Edition] = {}
        self._confirmed_at = float("-inf")
        self._confirmed = asyncio.Event()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = NOT_REACHED
        # Called with each edition that becomes live.
        self.on_change: Callable[[Edition], None] | None = None

    async def start(self) -> None:
        """Begin to follow; raises DatabaseError for a schema that this server does not know."""
        with suppress(psycopg.Error, OSError):
            connection = await self._database.connect()
            async with connection:
                await check_schema(connection)
                await self._confirm(connection)
        self._task = asyncio.create_task(self._follow(), name="releases")

    async def stop(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            if self._connection:
                hang_up(self._connection)
            await asyncio.wait([self._task])

    async def live(self, workload: str) -> Edition | None:
        """Return the live edition, None before the first release; raises Unavailable if it is unconfirmed."""
        if not self.is_confirmed:
            await self._wait_until_confirmed()
        return self._live.get(workload)

    def last_confirmed(self, workload: str) -> Edition | None:
        """Return the live edition as it was confirmed last, however long ago."""
        return self._live.get(workload)

    def is_live(self, edition: Edition | None, workload: str) -> bool:
        """Return whether `live` would return this edition now."""
        return self.is_confirmed and self._live.get(workload) is edition

    @property
    def is_confirmed(self) -> bool:
        """Whether the live editions were confirmed less than a lease ago."""
        return monotonic() - self._confirmed_at < LEASE_SECONDS

    async def _wait_until_confirmed(self) -> None:
        ends = ends_after(self._deadline)
        while not self.is_confirmed:
            if self.trouble or monotonic() >= ends:
                raise Unavailable(self.trouble or UNCONFIRMED)
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
                log.warning(LOST, str(error).strip() or type(error).__name__)
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
                await check_schema(connection)
                await connection.execute("LISTEN almanac_release")
            await self._confirm(connection)
            self._connection = connection
            while True:
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
                await self._confirm(connection)

    async def _confirm(self, connection: Connection) -> None:
        sent_at = monotonic()
        with hung_up_after(connection, QUERY_SECONDS):
            rows = await connection.rows(LIVE, [self._workloads])
        self._live = {newest.workload: self._same_or(newest) for newest in map(edition, rows)}
        self._confirmed_at, self.trouble = sent_at, None
        self._confirmed.set()

    def _same_or(self, newest: Edition) -> Edition:
        """Return the same object for the same release, so that `is_live` may compare identities."""
        previous = self._live.get(newest.workload)
        if previous == newest:
            return previous
        log.info("%s is answered from release %s", newest.workload, newest.release_id)
        if self.on_change:
            self.on_change(newest)
        return newest


async def check_schema(connection: Connection) -> None:
    """Raise DatabaseError unless the database is at the revision that this server knows."""
    try:
        rows = await connection.rows(REVISION)
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InsufficientPrivilege):
        rows = []
    revision = rows[0][0] if rows else None
    if revision != SCHEMA_REVISION:
        raise SchemaMismatch(revision, SCHEMA_REVISION)
