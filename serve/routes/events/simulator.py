"""The simulator of traffic: its state, and requests to start or stop it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.fields import StrictModel
from serve.answers import events, responses
from serve.answers.service import IngestDep, Service, ServiceDep
from serve.http.documented import answers
from serve.http.origins import own_origin
from serve.http.request_bodies import body
from serve.http.route import Route

PREFIX, TAGS = "/v1/events", ["events"]
router = APIRouter(prefix=PREFIX, tags=[*TAGS], route_class=Route)
intake_router = APIRouter(prefix=PREFIX, tags=[*TAGS], route_class=Route, dependencies=[Depends(own_origin)])

STATES = {"start": "running", "stop": "stopped"}
SCHEMA = {
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
EXAMPLE = {
    "workload": "events",
    "request_id": 3,
    "wanted": "running",
    "trace": "azure-conv",
    "speed": 1.0,
    "seconds": 600.0,
    "requested_at": "2026-11-22T06:00:00+00:00",
    "state": "running",
    "detail": None,
    "obeyed_id": 3,
    "sent": 812,
    "listener": "5b1f02c3",
    "seen_at": "2026-11-22T06:02:30+00:00",
}
REQUEST_EXAMPLE = {"action": "start", "trace": "azure-conv", "speed": 1.0, "seconds": 600.0}
REQUEST_STATE = b"SELECT api.events_simulate(%s, %s, %s, %s)"


class SimulatorRequest(StrictModel):
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


@router.get("/simulator", **answers(SCHEMA, EXAMPLE, 503))
async def read_simulator(service: ServiceDep) -> Response:
    """Return the state of the simulator and the last request.

    `seen_at` tells when a simulator last listened; without one nothing is sent.
    """
    return await _state(service)


@intake_router.post("/simulator", **answers(SCHEMA, EXAMPLE, 503))
async def control_simulator(
    order: Annotated[SimulatorRequest, body(SimulatorRequest, REQUEST_EXAMPLE)],
    ingest: IngestDep,
    service: ServiceDep,
) -> Response:
    """Start or stop simulated traffic.

    Stores the request; `almanac simulate events --listen` obeys it.
    At most 2,000 events a second and an hour at a time.
    """
    values = (STATES[order.action], order.trace, order.speed, order.seconds)
    await ingest.rows(REQUEST_STATE, values)
    return await _state(service)


async def _state(service: Service) -> Response:
    state = await events.simulator(service)
    return responses.fresh(f'{{"workload":"events",{state[1:]}'.encode())
