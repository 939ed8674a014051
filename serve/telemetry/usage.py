"""Who reads what: counts by day, key, route, workload and model version, without addresses."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.types import Scope

from serve.http.problems import Problem
from serve.reading.database import Database

ADD = b"SELECT api.usage_add(%s)"
# Where a route leaves the edition that answers in the scope of its request.
EDITION = "almanac.edition"
FLUSH_SECONDS = 60.0
# Past so many different counts in a minute, the others share one name.
MOST_COUNTS = 10_000
OTHERS = "others"
ANONYMOUS = "anonymous"
log = logging.getLogger("almanac.serve")


class Read(NamedTuple):
    """What is counted."""

    day: str
    who: str
    route: str
    workload: str
    model_version: int


class Usage:
    """Counts answers below 400 in memory, and adds them to the table each minute and at the end."""

    def __init__(self, database: Database, workloads: Collection[str]) -> None:
        self._database = database
        self._workloads = frozenset(workloads)
        self._counts: Counter[Read] = Counter()
        self._task: asyncio.Task[None] | None = None

    def count(self, scope: Scope, route: str) -> None:
        """Count one answer."""
        principal = scope.get("state", {}).get("principal")
        edition = scope.get(EDITION)
        parts = route.split("/", 3)
        workload = parts[2] if len(parts) > 2 and parts[2] in self._workloads else ""
        read = Read(
            day=datetime.now(UTC).date().isoformat(),
            who=principal.name if principal else ANONYMOUS,
            route=route,
            workload=workload,
            model_version=(edition.model_version or 0) if edition else 0,
        )
        if len(self._counts) >= MOST_COUNTS and read not in self._counts:
            read = read._replace(who=OTHERS)
        self._counts[read] += 1

    async def start(self) -> None:
        """Begin to write the counts each minute."""
        self._task = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write what was counted last."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.write()

    async def write(self) -> None:
        """Add the counts to the table; where the database is away they wait for the next time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        rows = [{**read._asdict(), "count": number} for read, number in counts.items()]
        try:
            await self._database.rows(ADD, (json.dumps(rows),))
        except Problem:
            log.warning("the counts of use wait for the database")
            self._counts.update(counts)

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.write()
