"""The figures of a day, and how many entries wait for a run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from almanac.workloads.logs.contract import CONTRACT
from serve.answers import responses
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import answers, example_of
from serve.http.query_models import EditionQuery
from serve.http.route import Route
from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.routes.logs import figures, period
from serve.routes.logs.parameters import PERIOD, PeriodQuery, edition_of

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route)

KINDS = ("level", "severity", "source")
BY_NAME = """
SELECT coalesce(json_object_agg(name, entries), '{{}}')::text FROM (
    SELECT {name} AS name, sum(entries)::bigint AS entries FROM api.logs_rollups
    WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s
    GROUP BY 1 ORDER BY 2 DESC LIMIT 50
) AS most"""
GROUPED = {kind: BY_NAME.format(name=kind).encode() for kind in KINDS}
UNSCORED = b"""
SELECT count(*), min(received_at) FROM api.log_entries
WHERE entry_id > coalesce((SELECT covered_until FROM api.runs WHERE run_id = %s), 0)"""
FUTURE = b"""
SELECT coalesce(sum(entries), 0)::bigint FROM api.logs_rollups WHERE run_id = ANY (%s) AND bucket > %s"""
# Rows of releases that older programs made have neither.
WRITTEN = b"""
SELECT coalesce(sum(written), 0)::bigint, coalesce(sum(differing), 0)::bigint FROM api.logs_rollups
WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s"""
COUNTS: schemas.Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
FIGURE = {"type": "number"}
LAG = {"type": "number", "description": "Age of the oldest entry without prediction."}
INSTANT = {"type": ["string", "null"], "format": "date-time"}
MEMBERS = {
    **dict.fromkeys(figures.EXAMPLE, FIGURE),
    **{f"by_{kind}": COUNTS for kind in KINDS},
    "written": {"type": "integer", "description": "Entries whose author wrote a level."},
    "differing": {"type": "integer", "description": "Entries among them that deserve another level."},
    "unscored": {"type": "integer"},
    "future": {"type": "integer", "description": "Published entries whose time lies in the future."},
    "lag_seconds": LAG,
    **dict.fromkeys(PERIOD, INSTANT),
}
EXAMPLE = {
    **figures.EXAMPLE,
    "by_level": {"error": 31},
    "by_severity": {"low": 1173},
    "by_source": {"broker": 1204},
    "written": 1180,
    "differing": 61,
    "unscored": 3,
    "future": 0,
    "lag_seconds": 41.5,
    **PERIOD,
}


class StatsQuery(PeriodQuery, EditionQuery):
    """The figures of a period."""


@router.get("/stats", **answers(schemas.envelope(MEMBERS), example_of(CONTRACT, **EXAMPLE), 404, 410, 503))
async def read_stats(
    request: Request, service: ServiceDep, query: Annotated[StatsQuery, Depends(StatsQuery.read)]
) -> Response:
    """Return the figures of a day.

    Entries, errors and anomalies by level, severity and source, by default of the last 24 hours of event time
    that are published, and the entries that wait for a run. Entries whose time lies in the future are counted
    apart and do not move the period.
    """
    # What waits changes without a release, so no cache keeps this answer.
    edition = await edition_of(service, request, query)
    values = await _values(service.database, edition, query)
    head = responses.envelope(CONTRACT, edition, stale=False)
    head |= await figures.read(service.database, figures.BY_FIVE_MINUTES, values)
    head |= await _written(service.database, values)
    head |= {name: _iso(values[name]) for name in PERIOD}
    head |= await _waiting(service.database, edition.run_id if edition else "")
    head["future"] = await _future(service.database, edition) if edition else 0
    groups = await _groups(service.database, values)
    return responses.fresh(responses.compose(head, groups.encode()))


async def _values(database: Database, edition: Edition | None, query: StatsQuery) -> dict[str, Any]:
    """Return the values of the queries above; before the first release there is neither run nor period."""
    if edition is None:
        return {"runs": [], "since": None, "until": None, "source": None}
    return await period.values(database, edition, query)


async def _waiting(database: Database, run_id: str) -> dict[str, Any]:
    """Return how many entries no run has predicted since, and the age of the oldest."""
    [(unscored, oldest)] = await database.rows(UNSCORED, (run_id,))
    lag_seconds = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return {"unscored": unscored, "lag_seconds": round(lag_seconds, 3)}


async def _written(database: Database, values: Mapping[str, Any]) -> dict[str, int]:
    """Return how many entries have a written level, and how many of them another than the predicted one."""
    [(written, differing)] = await database.rows(WRITTEN, values)
    return {"written": int(written), "differing": int(differing)}


async def _future(database: Database, edition: Edition) -> int:
    """Return how many entries of an edition lie in its future."""
    [(entries,)] = await database.rows(FUTURE, (list(edition.run_ids), period.horizon(edition)))
    return int(entries)


async def _groups(database: Database, values: Mapping[str, Any]) -> str:
    """Return the entries by level, severity and source as members of a JSON object."""
    members = []
    for kind in KINDS:
        [(counts,)] = await database.rows(GROUPED[kind], values)
        members.append(f'"by_{kind}":{counts}')
    return ",".join(members)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
