"""The course of entries and anomalies over time."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import Release, ReleaseRoute
from serve.answers.responses import ENCODE
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import EditionQuery, one_of
from serve.reading.edition import Edition
from serve.routes.logs import figures, period
from serve.routes.logs.parameters import PERIOD, LogsRelease, PeriodQuery, Source

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

MOST_POINTS = 2_000
STEPS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "1d": "1 day"}
FINE = ("5m", "15m")
COLUMNS = (
    Column(name="bucket", type="timestamp", doc="Begin of the bucket, in event time."),
    Column(name="name", type="text", doc="Level, severity, source or template."),
    Column(name="entries", type="bigint", doc="Entries."),
    Column(name="anomalies", type="bigint", doc="Anomalies among them."),
)
# Publishing a run writes its roll-ups. One query adds up those of several runs, both for rows and figures.
COURSE = """
WITH points AS MATERIALIZED (
    SELECT date_bin(%(step)s::interval, bucket, '2000-01-01Z') AS bucket, {name} AS name,
        sum(entries)::bigint AS entries, sum(anomalies)::bigint AS anomalies, {errors} AS errors
    FROM api.{view} WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s
        AND (%(source)s::text IS NULL OR source = %(source)s)
    GROUP BY 1, 2
)
SELECT (SELECT coalesce(json_agg(newest ORDER BY bucket, name), '[]')::text FROM (
        SELECT bucket, name, entries, anomalies FROM points ORDER BY bucket DESC, entries DESC LIMIT %(most)s
    ) AS newest), coalesce(sum(entries), 0)::bigint, coalesce(sum(errors), 0)::bigint,
    coalesce(sum(anomalies), 0)::bigint
FROM points"""
GROUPS = ("level", "severity", "source")
BY_FIVE_MINUTES = {
    name: COURSE.format(name=name, view="logs_rollups", errors=figures.ERRORS).encode() for name in GROUPS
}
# Hours have a twelfth of the rows, so the course of weeks is read from them.
BY_HOURS = {
    name: COURSE.format(name=name, view="logs_hours", errors=figures.ERRORS).encode() for name in GROUPS
}
# Hours of templates know no levels, so the figures are read apart.
OF_TEMPLATES = COURSE.format(name="template_id", view="logs_template_hours", errors="NULL::bigint").encode()
EXAMPLE = {
    "rows": [{"bucket": PERIOD["since"], "name": "error", "entries": 31, "anomalies": 12}],
    "figures": figures.EXAMPLE,
}
MEMBERS = {
    "rows": schemas.array(schemas.row(COLUMNS)),
    "figures": {"type": "object", "required": list(figures.EXAMPLE)},
}
Group = Literal["level", "severity", "source", "template"]
Step = Literal["5m", "15m", "1h", "6h", "1d"]


class AnalyticsQuery(PeriodQuery, EditionQuery):
    """The course over time."""

    by: Annotated[
        Group,
        one_of(*GROUPS, "template"),
        Field(description="What the rows of a bucket are.", examples=["level"]),
    ] = "level"
    step: Annotated[Step, one_of(*STEPS), Field(description="Width of a bucket.", examples=["1h"])] = "1h"
    source: Source = None

    @property
    def is_fine(self) -> bool:
        """Whether buckets narrower than an hour are read; templates are counted by hours only."""
        return self.step in FINE and self.by != "template"

    @property
    def course(self) -> bytes:
        """The query for the rows."""
        if self.by == "template":
            return OF_TEMPLATES
        return BY_FIVE_MINUTES[self.by] if self.is_fine else BY_HOURS[self.by]


@router.get("/analytics", **released(CONTRACT, MEMBERS, EXAMPLE))
async def read_analytics(
    query: Annotated[AnalyticsQuery, Depends(AnalyticsQuery.read)], release: LogsRelease
) -> Response:
    """Return counts over time.

    Entries and anomalies in each bucket by level, severity, source or template (hours at least), and the
    error rate. The newest 2,000 rows.
    """
    if release.edition is None:
        return release.answer(rows="[]", figures=ENCODE(figures.with_rate(0, 0, 0)))
    values = await _values(release, release.edition, query)
    [(rows, *counts)] = await release.rows(query.course, values)
    if query.by == "template":
        sums = await figures.read(release.service.database, figures.BY_HOURS, values)
    else:
        sums = figures.with_rate(*counts)
    return release.answer(rows=rows, figures=ENCODE(sums))


async def _values(release: Release, edition: Edition, query: AnalyticsQuery) -> dict[str, Any]:
    """Return the values of the queries above."""
    values = await period.values(release.service.database, edition, query, source=query.source)
    if not query.is_fine:
        # Hours are counted whole.
        values["since"] = values["since"].replace(minute=0, second=0, microsecond=0)
    return values | {"step": STEPS[query.step], "most": MOST_POINTS}
