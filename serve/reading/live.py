"""Which release is live: followed by NOTIFY and by polling."""

import logging
from collections.abc import Callable, Iterable

from psycopg import errors

from almanac.contract import SCHEMA_REVISION
from almanac.errors import SchemaMismatch
from serve.reading.database import Connection, Database
from serve.reading.edition import LIVE, Edition, edition
from serve.reading.following import Follower

REVISION = b"SELECT revision FROM api.schema_version"
log = logging.getLogger("almanac.serve")


class LiveReleases(Follower):
    """The live edition of each workload, followed on a connection of its own."""

    channel = "almanac_release"
    subject = "releases"
    unconfirmed = "The database does not say which release is live."

    def __init__(self, database: Database, workloads: Iterable[str], *, deadline_seconds: float) -> None:
        super().__init__(database, deadline_seconds=deadline_seconds)
        self._workloads = sorted(workloads)
        self._live: dict[str, Edition] = {}
        # Called with each edition that becomes live.
        self.on_change: Callable[[Edition], None] | None = None

    async def live(self, workload: str) -> Edition | None:
        """Return the live edition, None before the first release; raises Unavailable if it is unconfirmed."""
        if not self.is_confirmed:
            await self.wait_until_confirmed()
        return self._live.get(workload)

    def last_confirmed(self, workload: str) -> Edition | None:
        """Return the live edition as it was confirmed last, however long ago."""
        return self._live.get(workload)

    def is_live(self, edition: Edition | None, workload: str) -> bool:
        """Return whether `live` would return this edition now."""
        return self.is_confirmed and self._live.get(workload) is edition

    async def check(self, connection: Connection) -> None:
        """Raise DatabaseError for a schema that this server does not know."""
        await check_schema(connection)

    async def read(self, connection: Connection) -> None:
        """Read the newest release of each workload."""
        rows = await connection.rows(LIVE, [self._workloads])
        self._live = {newest.workload: self._same_or(newest) for newest in map(edition, rows)}

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
