"""The parts of a running server that routes use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import responses
from serve.answers.cache import Addresses, Cache, Payload
from serve.reading.choice import Choice, Editions
from serve.reading.database import Database
from serve.reading.listening import Live
from serve.reading.live import LiveReleases
from serve.telemetry.prometheus import Metrics

ATTEMPTS = 5
MISSING = "This release of '{workload}' has no such entry. GET /v1/{workload}/predictions lists what it has."
AWAY = "; its database is away, it will answer when that is back;"
UNRELEASED = "'{workload}' has no release to read here yet. GET /v1/{workload}/releases is its ledger."


@dataclass(frozen=True)
class Service:
    """The parts of a running server.

    `ingest` stores what clients send, where this server takes in data. `access` has users, sessions and keys,
    where this server asks who reads and writes.
    """

    contracts: Mapping[str, Contract]
    database: Database
    releases: LiveReleases
    editions: Editions
    cache: Cache
    metrics: Metrics
    version: str
    live: Live
    ingest: Database | None = None
    access: Database | None = None
    # What an operator should know as long as the server runs.
    warning: str = ""
    addresses: Addresses = field(default_factory=Addresses)

    def tag(self, choice: Choice, values: Mapping[str, Any]) -> str:
        """Return the ETag of an answer from `choice` to a request with these parameters."""
        return responses.tag(choice.edition, choice.is_stale, f"{self.version} {choice.origin}", values)

    def document(self, request: Request, payload: Payload) -> Response:
        """Answer with a document that comes from no release, such as the ledger itself."""
        tag = responses.tag_of(payload.content)
        if matching := responses.matching_tag(request, tag):
            return responses.not_modified(matching)
        return responses.answer(request, self.cache, tag, payload)

    def described(self) -> str:
        """Return in words what is served, for the line at the start."""
        workloads = ", ".join(map(self._described, self.contracts)) or "no workloads"
        return workloads if self.releases.is_confirmed else workloads + AWAY

    def _described(self, workload: str) -> str:
        live = self.releases.last_confirmed(workload)
        if live is None:
            return f"{workload} (no release yet)"
        return f"{workload} (release {live.release_id}, model {live.model_version})"


async def service_of(request: Request) -> Service:
    """Return the parts of the server that answers."""
    service: Service = request.app.state.service
    return service


async def ingest_of(request: Request) -> Database:
    """Return the database in the role that stores what clients send; only routes that write depend on it."""
    service: Service = request.app.state.service
    if service.ingest is None:
        raise RuntimeError("a route that writes was called on a server that takes in no data")
    return service.ingest


async def access_of(request: Request) -> Database:
    """Return the database in the role of access; only routes that need it depend on it."""
    service: Service = request.app.state.service
    if service.access is None:
        raise RuntimeError("a route of access was called on a server that does not ask who reads")
    return service.access


ServiceDep = Annotated[Service, Depends(service_of)]
IngestDep = Annotated[Database, Depends(ingest_of)]
AccessDatabaseDep = Annotated[Database, Depends(access_of)]
