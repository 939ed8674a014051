"""The own routes of events: what comes in, what the workers do, and the policy for one state of the queue."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.documented import example_of
from serve.http.endpoints import FROM_RELEASE, Endpoint
from serve.http.parameters import Parameter, Values
from serve.reading.edition import Edition
from serve.reading.request import parse
from serve.routes.events import intake, queue

EXAMPLE = {
    "state_id": "b03-a01-k04-h00", "backlog_min": 4, "backlog_max": 4, "age_min_seconds": 0.5, "age_max_seconds": 0.9, "kb_min": 2.0, "kb_max": 4.0,
    "hour_min": 0, "hour_max": 24, "batch_size": 4, "wait_seconds": 1.42, "start_age_seconds": 1.92, "latest_age_seconds": 2.48,
    "patience_seconds": 0.9, "slack_seconds": 0.02, "expected_seconds": 0.06, "p90_seconds": 0.07, "expected_cost": 0.1212,
    "expected_cost_per_event": 0.0303, "objective_seconds": 2.0, "reason": "wait up to 1.42 s: processing takes about 0.06 s of 2 s",
}  # fmt: skip
STILL = Column(
    name="still_wait_seconds",
    type="real",
    doc="How long the oldest may still wait, counted from the age that was asked for.",
)
STATE = b"""
SELECT row_to_json(found)::text FROM (
    SELECT *, greatest(start_age_seconds - %(age_seconds)s, 0) AS still_wait_seconds FROM api.events_predictions
    WHERE run_id = ANY (%(runs)s) AND %(backlog)s BETWEEN backlog_min AND backlog_max AND age_min_seconds <= %(age_seconds)s
        AND (%(age_seconds)s < age_max_seconds OR age_max_seconds >= %(most)s)
        AND kb_min <= %(avg_kb)s AND (%(avg_kb)s < kb_max OR kb_max >= %(most)s) AND hour_min <= %(hour)s AND %(hour)s < hour_max
    ORDER BY state_id LIMIT 1
) AS found"""
MOST = 1e6
AMOUNT = {"type": "number", "minimum": 0, "maximum": MOST}
COUNT = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
HOUR = {"type": "integer", "minimum": 0, "maximum": 23}
ASKED = (
    Parameter("backlog", fields.integer(1, 1_000_000), COUNT, "Events that wait.", 4, required=True),
    Parameter("age_seconds", fields.amount(MOST), AMOUNT, "Age of the oldest of them.", 0.5, required=True),
    Parameter("avg_kb", fields.amount(MOST), AMOUNT, "Their average size.", 2.5, required=True),
    Parameter("hour", fields.integer(0, 23), HOUR, "Hour of the day, UTC; the present one if left out.", 6),
)


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that only events have."""
    return [*intake.endpoints(service), *queue.endpoints(service), _policy(service, contract)]


def _policy(service: Service, contract: Contract) -> Endpoint:
    row = schemas.row((*contract.predictions.columns, STILL))
    return Endpoint(
        path="/v1/events/policy",
        summary="What to do in one state of the queue",
        doc="The row of the released policy whose bands hold this state; 404 where it has none. /v1/events/predictions lists all states.",
        handler=partial(_read_policy, service, contract),
        schema=schemas.envelope({"row": row}),
        example=example_of(contract, row=EXAMPLE | {"still_wait_seconds": 1.42}),
        parameters=(*ASKED, *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="events",
    )


async def _read_policy(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    parameters.demand(values, ASKED)
    asked: dict[str, Any] = {"hour": datetime.now(UTC).hour, **values}

    async def make(edition: Edition | None) -> Payload | None:
        wanted = {parameter.name: asked[parameter.name] for parameter in ASKED}
        found = (
            await service.database.rows(STATE, wanted | {"runs": list(edition.run_ids), "most": MOST})
            if edition
            else []
        )
        return Payload(f'"row":{found[0][0]}'.encode()) if found else None

    return await service.answer(parse(contract, request, asked), make)
