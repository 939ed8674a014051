"""Two model versions beside each other: which entries they judge differently."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from psycopg import sql
from pydantic import Field
from starlette.responses import Response

from almanac import fields
from almanac.workloads.logs.contract import CONTRACT
from serve.answers.responses import ENCODE, payload
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import TAGGED, answers
from serve.http.query_models import DEFAULT_LIMIT, Parsed
from serve.http.route import Route
from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.routes.logs import columns, period
from serve.routes.logs.parameters import Limit, PeriodQuery
from serve.routes.logs.statements import run

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route)

LATEST_VERSION = 2**31 - 1
# No model version has this number, so a request without versions is answered 404.
NO_VERSION = 0
JUDGEMENTS = ("level", "severity", "anomaly")
COMMON = sql.SQL("""
FROM api.logs_predictions AS a JOIN api.logs_predictions AS b USING (entry_id)
WHERE a.run_id IN ({}) AND b.run_id IN ({}) AND a.event_time >= {} AND a.event_time < {}""")
COUNTS = sql.SQL("""
SELECT a.level, b.level, a.severity, b.severity, a.anomaly, b.anomaly, count(*) {}
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC, 1, 2, 3, 4, 5, 6""")
NEWEST = sql.SQL("""
SELECT coalesce(json_agg(newest), '[]')::text FROM (
    SELECT entry_id, a.event_time, a.source, a.template_id, json_build_array(a.level, b.level) AS level,
        json_build_array(a.severity, b.severity) AS severity,
        json_build_array(a.anomaly, b.anomaly) AS anomaly {}
    AND (a.level, a.severity, a.anomaly) IS DISTINCT FROM (b.level, b.severity, b.anomaly)
    ORDER BY a.event_time DESC, entry_id DESC LIMIT {}
) AS newest""")
EXAMPLE = {
    "workload": "logs",
    "versions": [3, 4],
    "common": 1204,
    "changed": 7,
    "changes": [
        {"level": ["info", "warning"], "severity": ["low", "medium"], "anomaly": [False, False], "entries": 7}
    ],
    "rows": [],
}
COMPARISON: Final = schemas.object_of(
    workload={"type": "string"},
    versions=schemas.array({"type": "integer"}),
    common={"type": "integer"},
    changed={"type": "integer"},
    changes=schemas.array({"type": "object", "required": [*JUDGEMENTS, "entries"]}),
    rows=schemas.array({"type": "object"}),
)
VERSION: schemas.Schema = {"type": "integer", "minimum": 1, "maximum": LATEST_VERSION}
READ_VERSION = fields.integer(1, LATEST_VERSION)


def _two_versions(text: str) -> tuple[int, ...]:
    versions = tuple(map(READ_VERSION, text.split(",")))
    if len(versions) != 2:
        raise ValueError("must be two model versions, for example 3,4")
    return versions


TWO_VERSIONS: Final = Parsed(_two_versions, {**schemas.array(VERSION), "minItems": 2, "maxItems": 2})


class CompareQuery(PeriodQuery):
    """Two versions in a period."""

    versions: Annotated[
        tuple[int, ...] | None,
        TWO_VERSIONS,
        Field(description="Two model versions, comma separated.", examples=[[3, 4]]),
    ] = None
    limit: Limit = DEFAULT_LIMIT


@router.get("/compare", **answers(COMPARISON, EXAMPLE, 404, 410, 503, headers=TAGGED))
async def compare_versions(
    request: Request, service: ServiceDep, query: Annotated[CompareQuery, Depends(CompareQuery.read)]
) -> Response:
    """Compare two model versions.

    How many entries that both versions have predicted get another level, severity or anomaly, and the newest
    of them; by default of the last day.
    """
    database, versions = service.database, query.versions or (NO_VERSION, NO_VERSION)
    editions = [await service.editions.of_version(CONTRACT, version) for version in versions]
    common = await _common(database, editions, query)
    counts = await run(database, COUNTS.format(common))
    [(newest,)] = await run(database, NEWEST.format(common, query.limit))
    members = {"workload": CONTRACT.name, "versions": versions} | _summary(counts)
    encoded = {name: ENCODE(member) for name, member in members.items()}
    return service.document(request, payload(encoded | {"rows": newest}))


async def _common(database: Database, editions: Sequence[Edition], query: CompareQuery) -> sql.Composed:
    """Return the FROM and WHERE of the entries of a period that both editions have predicted."""
    since, until = await period.find(database, editions[0], query)
    first, second = [columns.runs(edition.run_ids) for edition in editions]
    return COMMON.format(first, second, since, until)


def _summary(counts: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    changes = _changes(counts)
    common = sum(entries for *_, entries in counts)
    changed = sum(change["entries"] for change in changes)
    return {"common": common, "changed": changed, "changes": changes}


def _changes(counts: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the judgements that differ, each with what both versions say and the number of entries."""
    changes = []
    for *values, entries in counts:
        first, second = values[::2], values[1::2]
        if first != second:
            pairs = zip(first, second, strict=True)
            changes.append({**dict(zip(JUDGEMENTS, pairs, strict=True)), "entries": entries})
    return changes
