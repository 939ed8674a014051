"""The routes of the house itself: what is served, whether it is well, and its metrics."""

import json
import platform
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from almanac.contract import SCHEMA_REVISION, Contract
from serve.answers import responses
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http.endpoints import HEADERS, Endpoint
from serve.http.parameters import Values
from serve.http.problems import Unavailable
from serve.reading.edition import Edition, is_stale
from serve.telemetry.prometheus import MEDIA_TYPE

STATUS = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
HOLDS = b"SELECT workload, on_hold FROM api.workloads"
NO_STORE = {"Cache-Control": "no-store"}


def endpoints(service: Service) -> list[Endpoint]:
    """Return the platform's routes."""
    workloads = {
        "rows": [
            _described(contract, None, on_hold=False, stale=False) for contract in service.contracts.values()
        ]
    }
    return [
        Endpoint(
            "/livez",
            "Is the process alive?",
            "Needs nothing.",
            _alive,
            STATUS,
            {"status": "alive"},
            refusals=(422,),
        ),
        Endpoint("/readyz", "Can it answer?", READY, partial(_ready, service), STATUS, {"status": "ready"}),
        Endpoint(
            "/version",
            "Versions",
            "Of the server, its Python and its schema.",
            partial(_version, service),
            VERSION,
            EXAMPLE,
            refusals=(422,),
        ),
        Endpoint(
            path="/metrics",
            summary="Metrics for Prometheus",
            doc="Latency per route, the pool, the age of live releases, runs and their success. Keep it from the public at the proxy.",
            handler=partial(_metrics, service),
            schema={"type": "string"},
            example='almanac_release_age_seconds{workload="football"} 512.0',
            refusals=(422,),
            media_type=MEDIA_TYPE,
        ),
        Endpoint(
            path="/v1/workloads",
            summary="What is served here",
            doc="Every workload with its live release, its filters and its addresses.",
            handler=partial(_workloads, service),
            schema={
                "type": "object",
                "required": ["rows"],
                "properties": {"rows": {"type": "array", "items": {"type": "object"}}},
            },
            example=workloads,
            headers=HEADERS,
        ),
    ]


READY = "200 while the server knows which releases are live, 503 while its database is away. A stale release does not make it unready."
VERSION = {"type": "object", "required": ["version", "schema_revision", "python"]}
EXAMPLE = {"version": "0.1.0", "schema_revision": SCHEMA_REVISION, "python": "3.12.11"}


async def _alive(_request: Request, _values: Values) -> Response:
    return Response(b'{"status":"alive"}', headers=NO_STORE, media_type="application/json")


async def _ready(service: Service, _request: Request, _values: Values) -> Response:
    if not service.releases.is_confirmed:
        raise Unavailable(
            service.releases.trouble or "The database has not said for a second which releases are live."
        )
    return JSONResponse({"status": "ready"}, headers=NO_STORE)


async def _version(service: Service, _request: Request, _values: Values) -> Response:
    content = {
        "version": service.version,
        "schema_revision": SCHEMA_REVISION,
        "python": platform.python_version(),
    }
    return JSONResponse(content, headers=NO_STORE)


async def _metrics(service: Service, _request: Request, _values: Values) -> Response:
    metrics, releases = service.metrics, service.releases
    metrics.see_database(
        service.database, is_known=releases.is_confirmed, cached_bytes=service.cache.used_bytes
    )
    # A scrape while the database is away is worth having: it says that it is away.
    with suppress(Unavailable):
        for contract in service.contracts.values():
            metrics.see_release(contract, await releases.live(contract.name))
        await metrics.see_runs(service.database, sorted(service.contracts))
    return Response(metrics.text(), headers=NO_STORE, media_type=MEDIA_TYPE)


async def _workloads(service: Service, request: Request, _values: Values) -> Response:
    holds = dict(await service.database.rows(HOLDS))
    now, rows = datetime.now(UTC), []
    for contract in service.contracts.values():
        live = await service.releases.live(contract.name)
        rows.append(
            _described(
                contract, live, on_hold=holds.get(contract.name, False), stale=is_stale(contract, live, now)
            )
        )
    return service.document(request, Payload(json.dumps({"rows": rows}, separators=(",", ":")).encode()))


def _described(contract: Contract, live: Edition | None, *, on_hold: bool, stale: bool) -> dict[str, Any]:
    about = {"title": contract.title, "doc": contract.doc, "entity": contract.entity, "on_hold": on_hold}
    filters = [
        {"name": declared.name, "op": declared.op, "doc": declared.doc} for declared in contract.filters
    ]
    seconds = {
        "cadence_seconds": contract.cadence.total_seconds(),
        "stale_after_seconds": contract.stale_after.total_seconds(),
    }
    links = {name: f"/v1/{contract.name}/{name}" for name in ("predictions", "model", "releases")}
    return (
        responses.envelope(contract, live, stale=stale)
        | about
        | seconds
        | {"filters": filters, "links": links}
    )
