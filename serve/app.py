"""The server as an ASGI application, put together from settings and contracts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from almanac import discovery
from almanac.contract import Contract
from almanac.settings import Settings
from serve import pages, routes
from serve.answers import events
from serve.answers.cache import Cache
from serve.answers.service import Service
from serve.http import docs_page, documented, origins, problems, schemas
from serve.http.limits import Limits
from serve.http.prefix import Prefix
from serve.http.route import Bounds, Route
from serve.pages.cache import PageCache
from serve.reading.choice import Editions
from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.reading.listening import Live, Producer, follow_query, follow_runs
from serve.reading.live import LiveReleases
from serve.telemetry.access import Access
from serve.telemetry.prometheus import Metrics
from serve.telemetry.usage import Usage
from serve.users.limits import READS, WRITES, Buckets

DOC = """\
Predictions computed ahead, published whole, and looked up here. Every answer names its release, model version
and run. `ETag` and `If-None-Match` make repeated requests cheap. Lists name their next page and stay in the
release they began with."""

OPEN_TO_ALL = (
    "ALMANAC_AUTH is off: everybody who reaches this server may read, and write where it takes in data"
)


class Application(FastAPI):
    """FastAPI whose OpenAPI description includes what dependencies read, and the problem document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description, made at the first call."""
        if self.openapi_schema:
            return self.openapi_schema
        described = [route for route in self.routes if isinstance(route, APIRoute)]
        api_routes = [route for route in described if route.include_in_schema]
        for route in api_routes:
            if isinstance(route, Route):
                route.document()
        description = super().openapi()
        documented.restore_examples(description, api_routes)
        components = description.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = schemas.PROBLEM
        if self.state.service.access:
            _describe_access(self, description, api_routes)
        return description


def create_app(settings: Settings, contracts: Mapping[str, Contract] | None = None) -> FastAPI:
    """Return the application, which connects when it starts; raises UsageError without a database."""
    service = make_service(settings, discovery.contracts() if contracts is None else contracts)
    app = Application(
        title="Almanac",
        version=service.version,
        description=DOC,
        # The pages of docs_page take their place.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        servers=[{"url": settings.path_prefix}] if settings.path_prefix else None,
        # FastAPI would look for exporters of traces at each request; this server has none.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan,
    )
    hosts = origins.names(settings.allowed_hosts)
    app.state.service = service
    app.state.rendered_pages = PageCache()
    app.state.prefix = settings.path_prefix
    app.state.trusted_proxies = settings.trusted_proxies
    app.state.quotas = {READS.name: settings.read_limit, WRITES.name: settings.write_limit}
    app.state.buckets = Buckets()
    app.state.usage = Usage(service.access, service.contracts) if service.access else None
    app.state.bounds = Bounds(settings.deadline_seconds, settings.body_limit_bytes, hosts)
    # Not `include_router`: it would try one router after the other, and build every route a second time.
    app.router.routes[:0] = routes.make_routes(service)
    app.router.routes += pages.make_routes(service, settings.mlflow_url)
    docs_page.install(app)
    if service.access:
        _add_access(app, settings, service.access)
    problems.install(app)
    _add_middleware(app, settings)
    return app


def make_service(settings: Settings, contracts: Mapping[str, Contract]) -> Service:
    """Return the parts of a server, not yet connected."""
    database = Database(settings)
    releases = LiveReleases(database, contracts, deadline_seconds=settings.deadline_seconds)
    topics: dict[str, Producer | None] = {"release": None, "runs": follow_runs(database)}
    if "events" in contracts:
        topics["events"] = follow_query(database, events.NEWEST_BATCH)
    live = Live(topics)
    releases.on_change = partial(_publish_release, live)
    return Service(
        contracts=contracts,
        database=database,
        releases=releases,
        editions=Editions(database, releases),
        cache=Cache(settings.cache_mb * 1_000_000),
        metrics=Metrics(),
        version=own_version(),
        live=live,
        ingest=Database(settings, "ingest") if settings.ingest else None,
        access=Database(settings, "access") if settings.has_access_control else None,
        warning="" if settings.has_access_control or settings.is_local else OPEN_TO_ALL,
    )


def _add_access(app: FastAPI, settings: Settings, database: Database) -> None:
    """Put the guard before every route."""
    # PyJWT and argon2 take memory, so they are imported only where they are used.
    from serve.routes.rights import rights_for
    from serve.users.access import make_access
    from serve.users.guard import Guard, protected
    from serve.users.streams import Streams

    app.state.access = make_access(settings, database)
    if settings.oidc_issuer:
        _add_oidc(app, settings)
    guard = Guard(app.state.access, public_read=settings.public_read, metrics_open=settings.metrics_open)
    app.state.guard = guard
    app.state.streams = Streams(guard, app.state.access.epochs)
    app.router.routes[:] = protected(app.routes, guard, rights_for(app.state.service.contracts))


def _describe_access(app: FastAPI, description: dict[str, Any], api_routes: list[APIRoute]) -> None:
    """Add to the OpenAPI description which credential each route needs."""
    from serve.routes.rights import rights_for
    from serve.users import described

    right_of = rights_for(app.state.service.contracts)
    described.add_access(description, [(route, right_of(route)) for route in api_routes], app.state.guard)


def _add_oidc(app: FastAPI, settings: Settings) -> None:
    """Let users of a directory log in; raises UsageError where its settings do not fit."""
    from serve.routes import oidc
    from serve.users.oidc import Provider

    app.state.oidc = Provider(settings)
    app.router.routes[:0] = oidc.router.routes


def _publish_release(live: Live, edition: Edition) -> None:
    """Tell viewers which release became live."""
    live.publish("release", {"workload": edition.workload, "release": edition.release_id})


def own_version() -> str:
    """Return the version that is installed; a container that runs from the sources has none."""
    try:
        return version("almanac")
    except PackageNotFoundError:
        return "source"


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add what surrounds every route; what is added last comes first."""
    if allowed := [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]:
        app.add_middleware(origins.Cors, origins=allowed)
    largest = routes.largest_body(app.routes)
    app.add_middleware(Limits, body_limit_bytes=settings.body_limit_bytes, largest_body_bytes=largest)
    metrics, proxies = app.state.service.metrics, settings.trusted_proxies
    app.add_middleware(Access, metrics=metrics, trusted_proxies=proxies, usage=app.state.usage)
    if settings.path_prefix:
        app.add_middleware(Prefix, prefix=settings.path_prefix)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    pools = [pool for pool in (service.database, service.ingest, service.access) if pool]
    access = getattr(app.state, "access", None)
    followers = [service.releases, *((access.epochs, app.state.usage) if access else ())]
    for follower in followers:
        await follower.start()
    for pool in pools:
        await pool.open()
    try:
        yield
    finally:
        service.live.end()
        for follower in followers:
            await follower.stop()
        for pool in pools:
            await pool.close()
        if access:
            access.hasher.close()
