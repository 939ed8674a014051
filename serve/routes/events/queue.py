"""The queue in numbers: its state, batches, their cost, and the workers."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from serve.answers import events, pages, responses
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import answers
from serve.http.query_models import DEFAULT_LIMIT, MOST_ROWS, NUMBER, QueryModel, whole
from serve.http.route import Route

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=Route)

MOST_HOURS = 720
TEXT: schemas.Schema = {"type": "string"}
NUMBER_OR_NULL: schemas.Schema = {"type": ["number", "null"]}
OBJECTS = schemas.array({"type": "object"})
BATCHES_EXAMPLE = {
    "batches": 812,
    "events": 9_340,
    "batch_size": 11.5,
    "seconds": 0.14,
    "missed_share": 0.004,
}
COST_EXAMPLE = {"fixed": 81.2, "events": 46.7, "seconds": 2.3, "per_event": 0.0139}
STATS_EXAMPLE = {
    "workload": "events",
    "hours": 24,
    "by_state": {"waiting": 12, "again": 0, "done": 9_340, "dead": 1},
    "by_type": [{"event_type": "order", "waiting": 12, "done": 9_340}],
    "by_priority": [{"priority": "medium", "waiting": 12, "done": 9_340}],
    "oldest_seconds": 0.8,
    "late": 3,
    "early": 0,
    "batches": BATCHES_EXAMPLE,
    "cost": COST_EXAMPLE,
    "database_rows": {"events_queue": 9_353, "events_batches": 812, "events_rollups": 60, "events_dead": 1},
}
BATCH_EXAMPLE = schemas.example_row(events.BATCH_COLUMNS) | {
    "batch_id": 4711,
    "kinds": {"order": 9},
    "sized_by": "published",
    "state_id": "b08-a01-k04-h00",
    "hour": 6,
}
POINT_EXAMPLE = schemas.example_row(events.POINT_COLUMNS) | {
    "cost_per_event": 0.0141,
    "fixed_size_cost_per_event": 0.0124,
    "batch_size": 11.5,
}
WORKER_EXAMPLE = schemas.example_row(events.WORKER_COLUMNS) | {
    "policy": "published",
    "policy_source": "release 12, model version 3",
    "batches": {"published": 812},
}


def _objects_of(schema: schemas.Schema, names: Iterable[str]) -> schemas.Schema:
    return schemas.object_of(**dict.fromkeys(names, schema))


STATS = answers(
    schemas.object_of(
        by_state=_objects_of({"type": "integer"}, ("waiting", "again", "done", "dead")),
        by_type=OBJECTS,
        by_priority=OBJECTS,
        oldest_seconds=NUMBER_OR_NULL,
        batches=_objects_of(NUMBER_OR_NULL, BATCHES_EXAMPLE),
        cost=_objects_of(NUMBER_OR_NULL, COST_EXAMPLE),
        database_rows={"type": ["object", "null"]},
    ),
    STATS_EXAMPLE,
    503,
)
BATCHES = answers(
    schemas.listing(schemas.row(events.BATCH_COLUMNS)),
    {"workload": "events", "rows": [BATCH_EXAMPLE], "next": None},
    503,
)
COST = answers(
    schemas.object_of(workload=TEXT, rows=schemas.array(schemas.row(events.POINT_COLUMNS))),
    {"workload": "events", "rows": [POINT_EXAMPLE]},
    503,
)
WORKERS = answers(
    schemas.object_of(
        workload=TEXT,
        rows=schemas.array(schemas.row(events.WORKER_COLUMNS)),
        sized_by={
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "Batches of these hours by what sized them.",
        },
    ),
    {"workload": "events", "rows": [WORKER_EXAMPLE], "sized_by": {"published": 770, "explore": 42}},
    503,
)


class HoursQuery(QueryModel):
    """A period that ends with the present."""

    hours: Annotated[
        int, whole(1, MOST_HOURS), Field(description="Look back so many hours.", examples=[24])
    ] = 24


class CostQuery(HoursQuery):
    """The intervals of a chart of cost."""

    points: Annotated[
        int, whole(1, 500), Field(description="Into how many intervals the hours are divided.", examples=[60])
    ] = 60
    fixed_size: Annotated[
        int, whole(1, 500), Field(description="Size of the fixed batches to compare with.", examples=[50])
    ] = 50


class BatchQuery(QueryModel):
    """A page of batches."""

    limit: Annotated[
        int, whole(1, MOST_ROWS), Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT
    before: Annotated[int | None, NUMBER, Field(description="Only smaller numbers.", examples=[4711])] = None


@router.get("/stats", **STATS)
async def read_stats(query: Annotated[HoursQuery, Depends(HoursQuery.read)], service: ServiceDep) -> Response:
    """Return counts and rates of the queue.

    Events by state, priority and type (the hundred most frequent).
    Batches and their cost in these hours. Roughly how many rows the tables have.
    """
    return responses.fresh((await events.stats(service, query.hours)).encode())


@router.get("/batches", **BATCHES)
async def list_batches(
    request: Request, query: Annotated[BatchQuery, Depends(BatchQuery.read)], service: ServiceDep
) -> Response:
    """List batches, newest first.

    Each with its waits, the parts of its cost, and what the policy had predicted.
    """
    rows = await events.batches(service, query.limit, query.before)
    page, following = pages.cut_by_number(request, rows, query.limit)
    members = {"workload": '"events"'} | pages.members(page, following)
    return responses.fresh(responses.payload(members).content)


@router.get("/cost", **COST)
async def read_cost(query: Annotated[CostQuery, Depends(CostQuery.read)], service: ServiceDep) -> Response:
    """Return cost, size and wait over time, for a chart.

    One row for each interval in which batches began.
    Beside it: what batches of a fixed size would have cost, had all been full.
    """
    rows = await events.cost(service, query.hours, query.points, query.fixed_size)
    return responses.fresh(responses.payload({"workload": '"events"', "rows": rows}).content)


@router.get("/worker", **WORKERS)
async def list_workers(
    query: Annotated[HoursQuery, Depends(HoursQuery.read)], service: ServiceDep
) -> Response:
    """List the workers and the policy of each.

    The workers seen in these hours, newest sign of life first.
    """
    return responses.fresh((await events.workers(service, query.hours)).encode())
