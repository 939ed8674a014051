"""Abnormal sessions and entries, worst first."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import DEFAULT_LIMIT, EditionQuery
from serve.routes.logs import period
from serve.routes.logs.parameters import Limit, LogsRelease, PeriodQuery, Source

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

# The last run that saw a session has judged it with all its entries.
SESSIONS = b"""
SELECT coalesce(json_agg(worst ORDER BY anomaly_score DESC, source, session), '[]')::text FROM (
    SELECT * FROM (
        SELECT DISTINCT ON (source, session) source, session, started_at, ended_at, entries, anomaly,
            anomaly_score, severity, reasons
        FROM api.logs_sessions
        WHERE run_id = ANY (%(runs)s) AND (%(source)s::text IS NULL OR source = %(source)s)
        ORDER BY source, session, array_position(%(runs)s::text[], run_id::text) DESC
    ) AS newest
    WHERE anomaly AND ended_at >= %(since)s AND started_at < %(until)s
    ORDER BY anomaly_score DESC, source, session LIMIT %(limit)s
) AS worst"""
LINES = b"""
SELECT coalesce(json_agg(worst ORDER BY anomaly_score DESC, entry_id DESC), '[]')::text FROM (
    SELECT p.entry_id, p.event_time, p.source, e.session, p.level, p.level_confidence, p.warning_chance,
        p.written_level, p.severity, p.anomaly_score, p.anomaly_kind, p.template_id,
        left(e.text, 2000) AS text
    FROM (
        SELECT * FROM api.logs_predictions
        WHERE run_id = ANY (%(runs)s) AND anomaly AND event_time >= %(since)s AND event_time < %(until)s
            AND (%(source)s::text IS NULL OR source = %(source)s)
        ORDER BY anomaly_score DESC, entry_id DESC LIMIT %(limit)s
    ) AS p
    JOIN api.log_entries AS e USING (entry_id)
) AS worst"""
SESSION = {
    "source": "broker",
    "session": "req-81",
    "entries": 12,
    "anomaly_score": 0.97,
    "severity": "critical",
    "reasons": ["never seen: <*> lost"],
}
LINE = {
    "entry_id": 1204,
    "source": "broker",
    "anomaly_score": 0.83,
    "anomaly_kind": "rare",
    "severity": "high",
    "text": "Connection to node 7 was broken",
}
OBJECTS = schemas.array({"type": "object"})


class AnomaliesQuery(PeriodQuery, EditionQuery):
    """What is abnormal in a period."""

    source: Source = None
    limit: Limit = DEFAULT_LIMIT


@router.get(
    "/anomalies",
    **released(CONTRACT, {"sessions": OBJECTS, "lines": OBJECTS}, {"sessions": [SESSION], "lines": [LINE]}),
)
async def list_anomalies(
    query: Annotated[AnomaliesQuery, Depends(AnomaliesQuery.read)], release: LogsRelease
) -> Response:
    """List anomalies, worst first.

    Abnormal sessions with the reasons in words, and abnormal lines with their kind (session, burst, rare). By
    default of the last day that is published.
    """
    if release.edition is None:
        return release.answer(sessions="[]", lines="[]")
    values = await period.values(release.service.database, release.edition, query, source=query.source)
    values["limit"] = query.limit
    [(sessions,)] = await release.rows(SESSIONS, values)
    [(lines,)] = await release.rows(LINES, values)
    return release.answer(sessions=sessions, lines=lines)
