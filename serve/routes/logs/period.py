"""The period of event time that a route reads where a request leaves it open."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.routes.logs.parameters import PeriodQuery

# Reads the end of each run's key. The greatest of all buckets would be searched for among all.
NEWEST = b"""
SELECT max(bucket) FROM unnest(%s::text[]) AS runs(run)
CROSS JOIN LATERAL (
    SELECT bucket FROM api.logs_rollups WHERE run_id = run AND bucket <= %s ORDER BY bucket DESC LIMIT 1
) AS newest"""
BUCKET = timedelta(minutes=5)
# A clock may be so much ahead. An entry that lies further in the future has a wrong time.
LEEWAY = timedelta(minutes=5)
DAY = timedelta(days=1)


class Period(NamedTuple):
    """Event times from `since` on and before `until`."""

    since: datetime
    until: datetime


def horizon(edition: Edition | None) -> datetime:
    """Return the event time after which the entries of an edition lie in the future.

    A release never changes, so its own time decides and not that of the request.
    """
    published_at = edition.published_at if edition else None
    return (published_at or datetime.now(UTC)) + LEEWAY


async def find(database: Database, edition: Edition, query: PeriodQuery) -> Period:
    """Return the period of a query: by default the day that ends with what an edition has published.

    Entries of the future do not move its end.
    """
    until = query.until or await _end(database, edition)
    return Period(query.since or until - DAY, until)


async def values(
    database: Database, edition: Edition, query: PeriodQuery, *, source: str | None = None
) -> dict[str, Any]:
    """Return the values of a statement over an edition, the period of a query, and one source or all."""
    since, until = await find(database, edition, query)
    return {"runs": list(edition.run_ids), "since": since, "until": until, "source": source}


async def _end(database: Database, edition: Edition) -> datetime:
    [(newest,)] = await database.rows(NEWEST, (list(edition.run_ids), horizon(edition)))
    return (newest or datetime.now(UTC)) + BUCKET
