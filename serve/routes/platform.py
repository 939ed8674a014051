"""The routes of the platform: what is served, whether the server is well, and its metrics."""

import platform
from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import Response

from almanac.contract import SCHEMA_REVISION
from serve.answers import responses, workloads
from serve.answers.cache import Payload
from serve.answers.responses import ENCODE
from serve.answers.service import ServiceDep
from serve.answers.workloads import LINKS
from serve.http import schemas
from serve.http.documented import RUN_EXAMPLE, TAGGED, answers
from serve.http.problems import Unavailable
from serve.http.route import Route
from serve.http.schemas import Schema
from serve.telemetry.prometheus import MEDIA_TYPE

router = APIRouter(tags=["platform"], route_class=Route)

NO_STORE = {"Cache-Control": "no-store"}
UNCONFIRMED = "The database has not said for a second which releases are live."
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
STATUS = schemas.object_of(status=TEXT)
READY: Schema = {"type": "object", "required": ["status"], "properties": {"status": TEXT, "warning": TEXT}}
VERSION = schemas.object_of(version=TEXT, schema_revision=TEXT, python=TEXT)
VERSION_EXAMPLE = {"version": "0.1.0", "schema_revision": SCHEMA_REVISION, "python": "3.12.11"}
METRICS_EXAMPLE = 'almanac_release_age_seconds{workload="football"} 512.0'
FILTER = schemas.object_of(name=TEXT, op={"enum": ["eq", "in", "min", "max"]}, doc=TEXT)
WORKLOAD = schemas.envelope(
    {
        "title": TEXT,
        "doc": TEXT,
        "entity": {**TEXT, "description": "The column that names one prediction."},
        "on_hold": {"type": "boolean", "description": "Whether later runs publish without releasing."},
        "cadence_seconds": {**NUMBER, "description": "A run is due so often."},
        "stale_after_seconds": {**NUMBER, "description": "From this age on a release is stale."},
        "filters": {"type": "array", "items": FILTER},
        "links": schemas.object_of(**dict.fromkeys(LINKS, TEXT)),
    }
)
WORKLOAD_EXAMPLE = {
    "workload": "football",
    "release": 12,
    "published_at": "2025-04-15T06:02:11.482913Z",
    "model_version": 3,
    "run": RUN_EXAMPLE,
    "data_as_of": "2025-04-15",
    "source": "openfootball",
    "title": "Football",
    "doc": "Chances of the coming matches.",
    "entity": "match_id",
    "on_hold": False,
    "cadence_seconds": 21_600.0,
    "stale_after_seconds": 86_400.0,
    "filters": [{"name": "league", "op": "in", "doc": "League codes."}],
    "links": {name: f"/v1/football/{name}" for name in LINKS},
}


@router.get("/livez", **answers(STATUS, {"status": "alive"}))
async def is_alive() -> Response:
    """Check that the process is alive."""
    return responses.fresh(b'{"status":"alive"}')


@router.get("/readyz", **answers(READY, {"status": "ready"}, 503))
async def is_ready(service: ServiceDep) -> Response:
    """Check that the server can answer.

    200 while the server knows which releases are live, 503 while its database is away. A stale release does
    not make it unready. `warning` says where everybody may read and write.
    """
    if not service.releases.is_confirmed:
        raise Unavailable(service.releases.trouble or UNCONFIRMED)
    warning = {"warning": service.warning} if service.warning else {}
    return responses.fresh(ENCODE({"status": "ready"} | warning).encode())


@router.get("/version", **answers(VERSION, VERSION_EXAMPLE))
async def read_version(service: ServiceDep) -> Response:
    """Return the versions of the server, its schema and its Python."""
    python = platform.python_version()
    version = {"version": service.version, "schema_revision": SCHEMA_REVISION, "python": python}
    return responses.fresh(ENCODE(version).encode())


@router.get("/metrics", **answers(TEXT, METRICS_EXAMPLE, media_types=(MEDIA_TYPE,)))
async def read_metrics(service: ServiceDep) -> Response:
    """Return metrics for Prometheus.

    Latency per route, the pool, the age of live releases, runs and their success. Keep it from the public at
    the proxy.
    """
    metrics, releases = service.metrics, service.releases
    metrics.see_database(
        service.database, is_confirmed=releases.is_confirmed, cached_bytes=service.cache.used_bytes
    )
    metrics.see_streams(service.live.counts())
    # While the database is away, a scrape still says so.
    with suppress(Unavailable):
        for contract in service.contracts.values():
            metrics.see_release(contract, await releases.live(contract.name))
        await metrics.see_runs(service.database, sorted(service.contracts))
        await metrics.see_slots(service.database, sorted(service.contracts))
    return Response(metrics.text(), headers=NO_STORE, media_type=MEDIA_TYPE)


@router.get(
    "/v1/workloads",
    **answers(
        schemas.object_of(rows=schemas.array(WORKLOAD)), {"rows": [WORKLOAD_EXAMPLE]}, 503, headers=TAGGED
    ),
)
async def list_workloads(request: Request, service: ServiceDep) -> Response:
    """List the workloads.

    Every workload with its live release, its filters and its addresses.
    """
    rows = await workloads.described(service)
    return service.document(request, Payload(ENCODE({"rows": rows}).encode()))
