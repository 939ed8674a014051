"""How events come in: one by one, in bulk, and on demand from the simulator."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response

from almanac.fields import StrictModel
from almanac.workloads.events.shared.intake import Event
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import Service
from serve.http.endpoints import Endpoint
from serve.http.parameters import Values
from serve.http.problems import Problem
from serve.http.request_bodies import BadItem, JsonBody
from serve.reading.database import Database

BULK_BYTES = 5_000_000
MOST_EVENTS = 1_000
EVENT = {
    "event_id": "order-4711", "event_type": "order", "event_time": "2026-11-22T06:00:00Z", "size_kb": 2.5, "priority": "high",
    "payload": {"shop": "Graz", "items": 3},
}  # fmt: skip
RESULT = {"index": 0, "status": "accepted"}
INGEST = b"SELECT outcome FROM api.events_ingest(%s) ORDER BY place"
SIMULATE = b"SELECT api.events_simulate(%s, %s, %s, %s)"
SIMULATOR = b"SELECT row_to_json(told)::text FROM api.events_simulator AS told"
CONFLICT = "Another event is stored under this id. An id names one event for ever; give this one another."


class Wish(StrictModel):
    """What the simulator shall do; members that are left out stay as they were."""

    action: Literal["start", "stop"]
    trace: Literal["azure-conv", "nasa", "kafka", "poisson"] | None = None
    speed: (
        Annotated[
            float,
            Field(gt=0, le=3600, allow_inf_nan=False, description="Seconds of the trace that pass in one."),
        ]
        | None
    ) = None
    seconds: (
        Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False, description="For how long at most.")]
        | None
    ) = None


ROWS = TypeAdapter(list[dict[str, Any]])
SIMULATOR_SCHEMA = {
    "type": "object",
    "required": ["workload", "wanted", "trace", "speed", "seconds", "state", "sent"],
    "properties": {
        "workload": {"type": "string"},
        "wanted": {"enum": ["running", "stopped"]},
        "trace": {"type": "string"},
        "speed": {"type": "number"},
        "seconds": {"type": "number"},
        "state": {"enum": ["idle", "running", "finished", "failed"]},
        "sent": {"type": "integer"},
        "detail": {"type": ["string", "null"]},
        "listener": {"type": ["string", "null"]},
        "seen_at": {"type": ["string", "null"], "format": "date-time"},
    },
}
SIMULATOR_EXAMPLE = {
    "workload": "events", "request_id": 3, "wanted": "running", "trace": "azure-conv", "speed": 1.0, "seconds": 600.0,
    "requested_at": "2026-11-22T06:00:00+00:00", "state": "running", "detail": None, "obeyed_id": 3, "sent": 812, "listener": "5b1f02c3",
    "seen_at": "2026-11-22T06:02:30+00:00",
}  # fmt: skip


def endpoints(service: Service) -> list[Endpoint]:
    """Return the routes by which events come in."""
    return [_one(service), _bulk(service), _start(service), _status(service)]


def _one(service: Service) -> Endpoint:
    return Endpoint(
        path="/v1/events",
        summary="Store an event",
        doc="The same id with the same body is a duplicate and harmless; with another body it is refused with 409.",
        handler=partial(_store, service),
        schema={
            "type": "object",
            "required": ["duplicate"],
            "properties": {"duplicate": {"type": "boolean"}},
        },
        example={"duplicate": False},
        refusals=(409, 422, 503),
        tag="events",
        method="POST",
        body=JsonBody(Event, EVENT),
        writes=True,
    )


def _bulk(service: Service) -> Endpoint:
    counts = {name: {"type": "integer"} for name in ("accepted", "duplicates", "rejected")}
    status = {"enum": ["accepted", "duplicate", "conflict", "invalid"]}
    result = {
        "type": "object",
        "required": ["index", "status"],
        "properties": {"index": {"type": "integer"}, "status": status},
    }
    results = {
        "type": "array",
        "items": result,
        "description": "One for each event, in the order in which they were sent.",
    }
    return Endpoint(
        path="/v1/events/bulk",
        summary="Store many events",
        doc=f"At most {MOST_EVENTS} events as a JSON array or as lines of JSON, gzip allowed. Each is judged by itself: a bad one stops no other.",
        handler=partial(_store_many, service),
        schema={
            "type": "object",
            "required": [*counts, "results"],
            "properties": {**counts, "results": results},
        },
        example={"accepted": 1, "duplicates": 0, "rejected": 0, "results": [RESULT]},
        tag="events",
        method="POST",
        body=JsonBody(Event, [EVENT], most_items=MOST_EVENTS, limit_bytes=BULK_BYTES, gzip=True),
        writes=True,
    )


def _start(service: Service) -> Endpoint:
    return Endpoint(
        path="/v1/events/simulator",
        summary="Start or stop simulated traffic",
        doc="Writes what is wanted; `almanac simulate events --listen` obeys. At most 2,000 events a second and an hour at a time.",
        handler=partial(_wish, service),
        schema=SIMULATOR_SCHEMA,
        example=SIMULATOR_EXAMPLE,
        tag="events",
        method="POST",
        body=JsonBody(Wish, {"action": "start", "trace": "azure-conv", "speed": 1.0, "seconds": 600.0}),
        writes=True,
    )


def _status(service: Service) -> Endpoint:
    return Endpoint(
        path="/v1/events/simulator",
        summary="What the simulator is to do and does",
        doc="`seen_at` tells when a simulator last listened; without one nothing is sent.",
        handler=partial(_tell, service),
        schema=SIMULATOR_SCHEMA,
        example=SIMULATOR_EXAMPLE,
        tag="events",
    )


async def _store(service: Service, _request: Request, values: Values) -> Response:
    [outcome] = await _outcomes(service, [values["body"]])
    if outcome == "conflict":
        raise Problem(409, CONFLICT)
    return responses.fresh(ENCODE({"duplicate": outcome == "duplicate"}).encode())


async def _store_many(service: Service, _request: Request, values: Values) -> Response:
    items: list[Event | BadItem] = values["body"]
    outcomes = iter(await _outcomes(service, [item for item in items if isinstance(item, Event)]))
    results = [
        {"index": index, "status": "invalid", "errors": item.errors}
        if isinstance(item, BadItem)
        else {"index": index, "status": next(outcomes)}
        for index, item in enumerate(items)
    ]
    found = [result["status"] for result in results]
    accepted, duplicates = found.count("accepted"), found.count("duplicate")
    told = {
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": len(found) - accepted - duplicates,
        "results": results,
    }
    return responses.fresh(ENCODE(told).encode())


async def _outcomes(service: Service, events: Sequence[Event]) -> list[str]:
    """Store events in one transaction and return what became of each: accepted, duplicate or conflict."""
    if not events:
        return []
    content = ROWS.dump_json([event.row() for event in events]).decode()
    return [outcome for (outcome,) in await _writing(service).rows(INGEST, (content,))]


async def _wish(service: Service, request: Request, values: Values) -> Response:
    wish: Wish = values["body"]
    wanted = {"start": "running", "stop": "stopped"}[wish.action]
    await _writing(service).rows(SIMULATE, (wanted, wish.trace, wish.speed, wish.seconds))
    return await _tell(service, request, values)


async def _tell(service: Service, _request: Request, _values: Values) -> Response:
    [(told,)] = await service.database.rows(SIMULATOR)
    return responses.fresh(f'{{"workload":"events",{told[1:]}'.encode())


def _writing(service: Service) -> Database:
    if service.ingest is None:
        raise RuntimeError("a route that writes was called on a server that takes in nothing")
    return service.ingest
