"""Alerts: what the rules have opened, and closing it."""

import json
from functools import partial
from typing import Literal

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from almanac.fields import StrictModel
from serve.answers import responses
from serve.answers.service import Service
from serve.http import schemas
from serve.http.endpoints import Endpoint
from serve.http.parameters import Parameter, Values
from serve.http.problems import Problem
from serve.http.request_bodies import JsonBody

STATES = ("open", "acknowledged", "closed")
COLUMNS = (
    Column(name="alert", type="bigint", doc="Number of the alert."),
    Column(name="rule", type="text", doc="The rule that opened it."),
    Column(name="kind", type="text", doc="What it counts: errors, anomalies or new_templates."),
    Column(name="source", type="text", nullable=True, doc="Of which source; null: of all."),
    Column(name="threshold", type="bigint", doc="From this value on it is open."),
    Column(
        name="window_minutes", type="integer", doc="Minutes of event time up to the run that are counted."
    ),
    Column(name="state", type="text", doc="open, acknowledged or closed."),
    Column(name="value", type="bigint", doc="What the newest run counted."),
    Column(name="highest", type="bigint", doc="The highest value since it was opened."),
    Column(name="opened_at", type="timestamp"),
    Column(name="changed_at", type="timestamp"),
    Column(name="closed_at", type="timestamp", nullable=True),
)
EXAMPLE = schemas.example_row(COLUMNS) | {
    "rule": "many errors",
    "kind": "errors",
    "source": None,
    "threshold": 100,
    "state": "open",
    "closed_at": None,
}
LIST = b"""SELECT coalesce(json_agg(found ORDER BY opened_at DESC, alert DESC), '[]')::text
    FROM (SELECT * FROM api.log_alerts WHERE state = ANY (%s) ORDER BY opened_at DESC, alert DESC LIMIT %s) AS found"""
CHANGE = b"SELECT api.log_change_alert(%s, %s)::text"


class Change(StrictModel):
    """What becomes of an alert."""

    state: Literal["acknowledged", "closed"]


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes of alerts."""
    return [_listing(service, contract), _changing(service, contract)]


def _listing(service: Service, contract: Contract) -> Endpoint:
    states = {"type": "array", "items": {"type": "string", "enum": list(STATES)}}
    state = Parameter(
        "state",
        fields.listed(_state),
        states,
        "States, comma separated.",
        ["open"],
        default=("acknowledged", "open"),
    )
    most = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    limit = Parameter("limit", fields.integer(1, 1000), most, "Most rows.", 100, default=100)
    return Endpoint(
        path="/v1/logs/alerts",
        summary="Alerts, newest first",
        doc="Rules are judged after each run. An alert is opened once, and closed by the first run that counts less than its threshold again.",
        handler=partial(_list, service),
        schema={
            "type": "object",
            "required": ["rows"],
            "properties": {"rows": {"type": "array", "items": schemas.row(COLUMNS)}},
        },
        example={"rows": [EXAMPLE]},
        parameters=(state, limit),
        tag=contract.name,
    )


def _changing(service: Service, contract: Contract) -> Endpoint:
    number = Parameter(
        "alert",
        fields.integer(1, 2**63 - 1),
        {"type": "integer", "minimum": 1},
        "Number of the alert.",
        1,
        "path",
    )
    return Endpoint(
        path="/v1/logs/alerts/{alert}",
        summary="Acknowledge or close an alert",
        doc="What was closed stays closed. If its rule still holds, the next run opens a new alert.",
        handler=partial(_change, service),
        schema=schemas.row(COLUMNS),
        example=EXAMPLE | {"state": "acknowledged"},
        parameters=(number,),
        refusals=(404, 422, 503),
        tag=contract.name,
        method="PATCH",
        body=JsonBody(Change, {"state": "acknowledged"}, "The new state."),
        writes=True,
    )


async def _list(service: Service, _request: Request, values: Values) -> Response:
    [(rows,)] = await service.database.rows(LIST, (list(values["state"]), values["limit"]))
    return responses.fresh(f'{{"rows":{rows}}}'.encode())


async def _change(service: Service, _request: Request, values: Values) -> Response:
    [(found,)] = (
        await service.ingest.rows(CHANGE, (values["alert"], values["body"].state))
        if service.ingest
        else [(None,)]
    )
    if found is None:
        raise Problem(
            404,
            "There is no alert with this number. GET /v1/logs/alerts?state=open,acknowledged,closed lists them.",
        )
    return responses.fresh(json.dumps(json.loads(found)).encode())


def _state(given: str) -> str:
    if given not in STATES:
        raise ValueError(f"must be one of {', '.join(STATES)}")
    return given
