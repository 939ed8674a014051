"""Which release is live: told by NOTIFY, asked again and again, and believed for less than a second."""

import asyncio
import logging
from collections.abc import Iterable
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

# The promise is one second: what was confirmed is believed for LEASE_SECONDS from the moment the question was sent.
LEASE_SECONDS = 0.9
POLL_SECONDS = 0.3
PATIENCE_SECONDS = 1.0
RETRY_SECONDS = 0.2
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
        self._line: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = "The server has not reached its database yet."

    async def start(self) -> None:
        """Begin to follow; raises DatabaseError if the database has a schema this server does not know."""
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
            if self._line:
                hang_up(self._line)
            await asyncio.wait([self._task])

    async def live(self, workload: str) -> Edition | None:
        """Return the live edition, or None before the first release; raises Unavailable where that cannot be known."""
        if not self.is_confirmed:
            await self._wait_until_confirmed()
        return self._live.get(workload)

    def known(self, workload: str) -> Edition | None:
        """Return the live edition as last heard of, however long ago."""
        return self._live.get(workload)

    def is_live(self, edition: Edition | None, workload: str) -> bool:
        """Tell whether `edition` is still what `live` would return now."""
        return self.is_confirmed and self._live.get(workload) is edition

    @property
    def is_confirmed(self) -> bool:
        """Whether the live editions were confirmed less than a lease ago."""
        return monotonic() - self._confirmed_at < LEASE_SECONDS

    async def _wait_until_confirmed(self) -> None:
        ends = ends_after(self._deadline)
        while not self.is_confirmed:
            if self.trouble or monotonic() >= ends:
                raise Unavailable(self.trouble or "The database does not say which release is live.")
            self._confirmed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._confirmed.wait(), LEASE_SECONDS)

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except DatabaseError as error:
                await self._rest(str(error))
            except (psycopg.Error, OSError) as error:
                log.warning(
                    "the connection that follows releases is lost: %s",
                    str(error).strip() or type(error).__name__,
                )
                # A connection that worked is replaced at once; only what cannot be replaced is trouble.
                if self._line is None:
                    await self._rest(AWAY)
            finally:
                self._line = None

    async def _rest(self, trouble: str) -> None:
        self.trouble = trouble
        await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        """Confirm at every notification and at least each POLL_SECONDS, until the connection is lost."""
        connection = await self._database.connect()
        async with connection:
            with hung_up_after(connection, PATIENCE_SECONDS):
                await check_schema(connection)
                await connection.execute("LISTEN almanac_release")
            await self._confirm(connection)
            self._line = connection
            while True:
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
                await self._confirm(connection)

    async def _confirm(self, connection: Connection) -> None:
        asked_at = monotonic()
        with hung_up_after(connection, PATIENCE_SECONDS):
            found = await (await connection.execute(LIVE, [self._workloads])).fetchall()
        self._live = {newest.workload: self._same_or(newest) for newest in map(edition, found)}
        self._confirmed_at, self.trouble = asked_at, None
        self._confirmed.set()

    def _same_or(self, newest: Edition) -> Edition:
        """Return the object that readers already hold where nothing changed, so that `is_live` may compare identities."""
        known = self._live.get(newest.workload)
        if known == newest:
            return known
        log.info("%s is answered from release %s", newest.workload, newest.release_id)
        return newest


async def check_schema(connection: Connection) -> None:
    """Raise DatabaseError unless the database is at the revision this server knows."""
    try:
        row = await (await connection.execute("SELECT revision FROM api.schema_version")).fetchone()
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InsufficientPrivilege):
        row = None
    found = row[0] if row else None
    if found != SCHEMA_REVISION:
        raise SchemaMismatch(found, SCHEMA_REVISION)
