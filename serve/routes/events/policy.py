"""The released policy for one state of the queue."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.events.contract import CONTRACT
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import EditionQuery, number, whole

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=ReleaseRoute)
EventsRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]

# The last band of an age or a size has no upper bound.
MOST = 1e6
EXAMPLE = {
    "state_id": "b03-a01-k04-h00",
    "backlog_min": 4,
    "backlog_max": 4,
    "age_min_seconds": 0.5,
    "age_max_seconds": 0.9,
    "kb_min": 2.0,
    "kb_max": 4.0,
    "hour_min": 0,
    "hour_max": 24,
    "batch_size": 4,
    "wait_seconds": 1.42,
    "start_age_seconds": 1.92,
    "latest_age_seconds": 2.48,
    "patience_seconds": 0.9,
    "slack_seconds": 0.02,
    "expected_seconds": 0.06,
    "p90_seconds": 0.07,
    "p90_coverage": 0.91,
    "expected_cost": 0.1212,
    "expected_cost_per_event": 0.0303,
    "objective_seconds": 2.0,
    "reason": "wait up to 1.42 s: processing takes about 0.06 s of 2 s",
}
STILL_WAIT = Column(
    name="still_wait_seconds",
    type="real",
    doc="How long the oldest event may still wait, counted from `age_seconds` of the request.",
)
POLICY = released(
    CONTRACT,
    {"row": schemas.row((*CONTRACT.predictions.columns, STILL_WAIT))},
    {"row": EXAMPLE | {"still_wait_seconds": 1.42}},
)
STATE = b"""
SELECT row_to_json(state)::text FROM (
    SELECT *, greatest(start_age_seconds - %(age_seconds)s, 0) AS still_wait_seconds
    FROM api.events_predictions
    WHERE run_id = ANY (%(runs)s) AND %(backlog)s BETWEEN backlog_min AND backlog_max
        AND age_min_seconds <= %(age_seconds)s
        AND (%(age_seconds)s < age_max_seconds OR age_max_seconds >= %(most)s)
        AND kb_min <= %(avg_kb)s AND (%(avg_kb)s < kb_max OR kb_max >= %(most)s)
        AND hour_min <= %(hour)s AND %(hour)s < hour_max
    ORDER BY state_id LIMIT 1
) AS state"""


def _present_hour() -> int:
    return datetime.now(UTC).hour


class StateQuery(EditionQuery):
    """One state of the queue."""

    backlog: Annotated[int, whole(1, 1_000_000), Field(description="Events that wait.", examples=[4])]
    age_seconds: Annotated[
        float, number(MOST), Field(description="Age of the oldest of them.", examples=[0.5])
    ]
    avg_kb: Annotated[float, number(MOST), Field(description="Their average size.", examples=[2.5])]
    hour: Annotated[
        int | None,
        whole(0, 23),
        Field(description="Hour of the day in UTC; the present hour if it is left out.", examples=[6]),
    ] = Field(default_factory=_present_hour)


@router.get("/policy", **POLICY)
async def read_policy(
    query: Annotated[StateQuery, Depends(StateQuery.read)], release: EventsRelease
) -> Response:
    """Return what the policy does in one state of the queue.

    The row of the released policy whose bands hold this state; 404 if there is none.
    /v1/events/predictions lists all states.
    """
    rows = await release.rows(STATE, _values(query, release))
    if not rows:
        raise release.not_found()
    return release.answer(row=rows[0][0])


def _values(query: StateQuery, release: Release) -> dict[str, Any]:
    return {
        "backlog": query.backlog,
        "age_seconds": query.age_seconds,
        "avg_kb": query.avg_kb,
        "hour": query.hour,
        "runs": release.run_ids,
        "most": MOST,
    }
