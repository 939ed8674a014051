"""Alerts that rules have opened, and the change of their state."""

import json
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column
from almanac.workloads.logs.shared.intake import AlertChange
from serve.answers import responses
from serve.answers.service import IngestDep, ServiceDep
from serve.http import schemas
from serve.http.documented import answers
from serve.http.origins import own_origin
from serve.http.problems import NotFound
from serve.http.query_models import NUMBER, Parsed, QueryModel, whole
from serve.http.request_bodies import body
from serve.http.route import Route

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route)
intake_router = APIRouter(
    prefix="/v1/logs", tags=["logs"], route_class=Route, dependencies=[Depends(own_origin)]
)

DEFAULT_LIMIT = 100
MOST_ALERTS = 1_000
STATES = ("open", "acknowledged", "closed")
STATE: Final = Parsed(
    fields.listed(fields.one_of(*STATES)),
    {"type": "array", "items": {"type": "string", "enum": list(STATES)}},
)
NO_ALERT = """\
There is no alert with this number. GET /v1/logs/alerts?state=open,acknowledged,closed lists them."""
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
ALERT: Final = schemas.row(COLUMNS)
EXAMPLE = schemas.example_row(COLUMNS) | {
    "rule": "many errors",
    "kind": "errors",
    "source": None,
    "threshold": 100,
    "state": "open",
    "closed_at": None,
}
LIST = b"""
SELECT coalesce(json_agg(newest ORDER BY opened_at DESC, alert DESC), '[]')::text FROM (
    SELECT * FROM api.log_alerts WHERE state = ANY (%s) ORDER BY opened_at DESC, alert DESC LIMIT %s
) AS newest"""
CHANGE = b"SELECT api.log_change_alert(%s, %s)::text"


class AlertsQuery(QueryModel):
    """Alerts by their state."""

    state: Annotated[
        tuple[str, ...], STATE, Field(description="States, comma separated.", examples=[["open"]])
    ] = ("acknowledged", "open")
    limit: Annotated[
        int, whole(1, MOST_ALERTS), Field(description="Most rows.", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT


class AlertQuery(QueryModel):
    """One alert."""

    alert: Annotated[int, NUMBER, Field(description="Number of the alert.", examples=[1])]


@router.get("/alerts", **answers(schemas.object_of(rows=schemas.array(ALERT)), {"rows": [EXAMPLE]}, 503))
async def list_alerts(
    query: Annotated[AlertsQuery, Depends(AlertsQuery.read)], service: ServiceDep
) -> Response:
    """List alerts, newest first.

    Each run judges the rules. A rule opens one alert, and the first run that counts less than its threshold
    again closes it.
    """
    [(rows,)] = await service.database.rows(LIST, (list(query.state), query.limit))
    return responses.fresh(responses.payload({"rows": rows}).content)


@intake_router.patch("/alerts/{alert}", **answers(ALERT, EXAMPLE | {"state": "acknowledged"}, 404, 503))
async def change_alert(
    query: Annotated[AlertQuery, Depends(AlertQuery.read)],
    change: Annotated[AlertChange, body(AlertChange, {"state": "acknowledged"}, doc="The new state.")],
    ingest: IngestDep,
) -> Response:
    """Acknowledge or close an alert

    A closed alert stays closed. If its rule still holds, the next run opens a new alert.
    """
    [(alert,)] = await ingest.rows(CHANGE, (query.alert, change.state))
    if alert is None:
        raise NotFound(NO_ALERT)
    return responses.fresh(json.dumps(json.loads(alert)).encode())
