"""What the workers do: the state of the queue, batches, what they cost, and who is at work."""

from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from serve.answers import pages, responses
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.endpoints import Endpoint
from serve.http.parameters import Parameter, Values
from serve.routes.events import queries as told

NEWEST = 2**63 - 1
LIMIT, _ = parameters.paging()
MOST_HOURS = 720
NUMBER = {"type": ["number", "null"]}


def counted(name: str, doc: str, *, most: int, default: int) -> Parameter:
    """Return a parameter that is a whole number from 1 on."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter(name, fields.integer(1, most), schema, doc, default, default=default)


HOURS = counted("hours", "Look back so many hours.", most=MOST_HOURS, default=24)
POINTS = counted("points", "Into how many intervals these hours are divided.", most=500, default=60)
FIXED_SIZE = counted("fixed_size", "Size of the fixed batches to compare with.", most=500, default=50)
BEFORE = Parameter(
    "before",
    fields.integer(1, NEWEST),
    {"type": "integer", "minimum": 1},
    "Only smaller numbers.",
    4711,
    default=NEWEST,
)


def endpoints(service: Service) -> list[Endpoint]:
    """Return the routes that tell what was done."""
    return [_stats(service), _batches(service), _cost(service), _worker(service)]


def members(**properties: schemas.Schema) -> schemas.Schema:
    """Return the schema of an object that has these members."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _stats(service: Service) -> Endpoint:
    counts = {name: {"type": "integer"} for name in ("waiting", "again", "done", "dead")}
    batches = {"batches": 812, "events": 9_340, "batch_size": 11.5, "seconds": 0.14, "missed_share": 0.004}
    cost = {"fixed": 81.2, "events": 46.7, "seconds": 2.3, "per_event": 0.0139}
    example = {
        "workload": "events",
        "hours": 24,
        "by_state": {"waiting": 12, "again": 0, "done": 9_340, "dead": 1},
        "by_type": [{"event_type": "order", "waiting": 12, "done": 9_340}],
        "by_priority": [{"priority": "medium", "waiting": 12, "done": 9_340}],
        "oldest_seconds": 0.8,
        "late": 3,
        "early": 0,
        "batches": batches,
        "cost": cost,
        "database_rows": {
            "events_queue": 9_353,
            "events_batches": 812,
            "events_rollups": 60,
            "events_dead": 1,
        },
    }
    rows = {"type": "array", "items": {"type": "object"}}
    return Endpoint(
        path="/v1/events/stats",
        summary="The queue in numbers",
        doc="Events by state, priority and type (the hundred most frequent); batches and their cost in the last hours; roughly how many rows.",
        handler=partial(_told, service, told.STATS),
        schema=members(
            by_state=members(**counts),
            by_type=rows,
            by_priority=rows,
            oldest_seconds=NUMBER,
            batches=_numbers(batches),
            cost=_numbers(cost),
            database_rows={"type": ["object", "null"]},
        ),
        example=example,
        parameters=(HOURS,),
        tag="events",
    )


def _batches(service: Service) -> Endpoint:
    row = schemas.example_row(told.BATCH) | {
        "batch_id": 4711,
        "kinds": {"order": 9},
        "sized_by": "published",
        "state_id": "b08-a01-k04-h00",
        "hour": 6,
    }
    return Endpoint(
        path="/v1/events/batches",
        summary="What was processed together, newest first",
        doc="Each with its waits, the parts of its cost, and what the policy had predicted.",
        handler=partial(_read_batches, service),
        schema=schemas.listing(schemas.row(told.BATCH)),
        example={"workload": "events", "rows": [row], "next": None},
        parameters=(LIMIT, BEFORE),
        tag="events",
    )


def _cost(service: Service) -> Endpoint:
    point = schemas.example_row(told.POINT) | {
        "cost_per_event": 0.0141,
        "fixed_size_cost_per_event": 0.0124,
        "batch_size": 11.5,
    }
    return Endpoint(
        path="/v1/events/cost",
        summary="Cost, size and wait over time, for a chart",
        doc="One row for each interval in which batches began; beside it what batches of a fixed size would have cost, had all been full.",
        handler=partial(_read_cost, service),
        schema=members(workload={"type": "string"}, rows={"type": "array", "items": schemas.row(told.POINT)}),
        example={"workload": "events", "rows": [point]},
        parameters=(HOURS, POINTS, FIXED_SIZE),
        tag="events",
    )


def _worker(service: Service) -> Endpoint:
    row = schemas.example_row(told.WORKER) | {
        "policy": "published",
        "policy_source": "release 12, model version 3",
        "batches": {"published": 812},
    }
    sized = {
        "type": "object",
        "additionalProperties": {"type": "integer"},
        "description": "Batches of these hours by what sized them.",
    }
    return Endpoint(
        path="/v1/events/worker",
        summary="Who is at work, and by which policy",
        doc="The workers seen in these hours, newest sign of life first.",
        handler=partial(_told, service, told.WORKERS),
        schema=members(
            workload={"type": "string"},
            rows={"type": "array", "items": schemas.row(told.WORKER)},
            sized_by=sized,
        ),
        example={"workload": "events", "rows": [row], "sized_by": {"published": 770, "explore": 42}},
        parameters=(HOURS,),
        tag="events",
    )


def _numbers(example: dict[str, Any]) -> schemas.Schema:
    return members(**dict.fromkeys(example, NUMBER))


async def _told(service: Service, query: bytes, _request: Request, values: Values) -> Response:
    [(answer,)] = await service.database.rows(query, values)
    return responses.fresh(str(answer).encode())


async def _read_batches(service: Service, request: Request, values: Values) -> Response:
    found = await service.database.rows(told.BATCHES, (values["before"], values["limit"] + 1))
    rows = found[: values["limit"]]
    following = pages.address(request, (), before=rows[-1][1]) if len(found) > len(rows) else None
    return responses.fresh(
        b'{"workload":"events",' + pages.listed((row for row, _ in rows), following).content + b"}"
    )


async def _read_cost(service: Service, _request: Request, values: Values) -> Response:
    wanted = {
        "hours": values["hours"],
        "interval": values["hours"] * 3600.0 / values["points"],
        "size": float(values["fixed_size"]),
    }
    [(rows,)] = await service.database.rows(told.COST, wanted)
    return responses.fresh(f'{{"workload":"events","rows":{rows}}}'.encode())
