"""The period of event time that a route reads where a request leaves it open."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from serve.reading.database import Database
from serve.routes.logs.parameters import PeriodQuery

# Reads the end of each run's key. The greatest of all buckets would be searched for among all.
NEWEST = b"""
SELECT max(bucket) FROM unnest(%s::text[]) AS runs(run)
CROSS JOIN LATERAL (
    SELECT bucket FROM api.logs_rollups WHERE run_id = run ORDER BY bucket DESC LIMIT 1
) AS newest"""
BUCKET = timedelta(minutes=5)
DAY = timedelta(days=1)


class Period(NamedTuple):
    """Event times from `since` on and before `until`."""

    since: datetime
    until: datetime


async def find(database: Database, run_ids: Sequence[str], query: PeriodQuery) -> Period:
    """Return the period of a query: by default the day that ends with what these runs have published."""
    until = query.until or await _end(database, run_ids)
    return Period(query.since or until - DAY, until)


async def values(
    database: Database, run_ids: Sequence[str], query: PeriodQuery, *, source: str | None = None
) -> dict[str, Any]:
    """Return the values of a statement over these runs, the period of a query, and one source or all."""
    since, until = await find(database, run_ids, query)
    return {"runs": list(run_ids), "since": since, "until": until, "source": source}


async def _end(database: Database, run_ids: Sequence[str]) -> datetime:
    [(newest,)] = await database.rows(NEWEST, (list(run_ids),))
    return (newest or datetime.now(UTC)) + BUCKET
