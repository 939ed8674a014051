"""The templates of texts, most frequent first."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import DEFAULT_LIMIT, INSTANT, EditionQuery
from serve.routes.logs.parameters import PERIOD, Levels, Limit, LogsRelease

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

COLUMN_NAMES = (
    "template_id",
    "template",
    "level",
    "level_confidence",
    "warning_chance",
    "entries",
    "anomalies",
    "first_seen",
    "last_seen",
)
COLUMNS = [CONTRACT.table("templates").column(name) for name in COLUMN_NAMES]
# Counts of several runs are added up; text, level and chances are those of the last run.
TEMPLATES = b"""
SELECT coalesce(json_agg(most ORDER BY entries DESC, template_id), '[]')::text FROM (
    SELECT template_id, (array_agg(template ORDER BY turn DESC))[1] AS template,
        (array_agg(level ORDER BY turn DESC))[1] AS level,
        (array_agg(level_confidence ORDER BY turn DESC))[1] AS level_confidence,
        (array_agg(warning_chance ORDER BY turn DESC))[1] AS warning_chance, sum(entries)::bigint AS entries,
        sum(anomalies)::bigint AS anomalies, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM (
        SELECT *, array_position(%(runs)s::text[], run_id::text) AS turn FROM api.logs_templates
        WHERE run_id = ANY (%(runs)s)
    ) AS every
    GROUP BY template_id
    HAVING (%(level)s::text[] IS NULL OR (array_agg(level ORDER BY turn DESC))[1] = ANY (%(level)s))
       AND (%(since)s::timestamptz IS NULL OR min(first_seen) >= %(since)s)
    ORDER BY sum(entries) DESC, template_id LIMIT %(limit)s
) AS most"""
EXAMPLE = schemas.example_row(COLUMNS) | {
    "template": "Connection to node <*> was broken",
    "level": "warning",
}


class TemplatesQuery(EditionQuery):
    """Templates by their level and age."""

    level: Levels = None
    limit: Limit = DEFAULT_LIMIT
    since: Annotated[
        datetime | None,
        INSTANT,
        Field(description="Only templates first seen at this instant or later.", examples=[PERIOD["since"]]),
    ] = None


@router.get(
    "/templates", **released(CONTRACT, {"rows": schemas.array(schemas.row(COLUMNS))}, {"rows": [EXAMPLE]})
)
async def list_templates(
    query: Annotated[TemplatesQuery, Depends(TemplatesQuery.read)], release: LogsRelease
) -> Response:
    """List templates, most frequent first.

    Each with its level and the chance of it, how many entries have it, and when the first and the last of
    them were written.
    """
    levels = list(query.level) if query.level else None
    values = {"runs": release.run_ids, "level": levels, "since": query.since, "limit": query.limit}
    rows = await release.rows(TEMPLATES, values)
    return release.answer(rows=rows[0][0] if rows else "[]")
