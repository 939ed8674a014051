"""Everything a route needs, and the one way from a request to an answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import responses
from serve.answers.cache import Cache, Payload
from serve.http.problems import Problem, Unavailable
from serve.reading.choice import Editions
from serve.reading.database import Database
from serve.reading.edition import Edition, is_stale
from serve.reading.live import LiveReleases
from serve.reading.request import ReadRequest
from serve.telemetry.prometheus import Metrics

# Makes the members of an answer beside its envelope, or None where there is no such thing; without a release it is given None.
Make = Callable[[Edition | None], Awaitable[Payload | None]]
ATTEMPTS = 5
MISSING = "This release of '{workload}' has no such entry. GET /v1/{workload}/predictions lists what it has."
UNRELEASED = "'{workload}' has no release to read here yet. GET /v1/{workload}/releases is its ledger."


@dataclass(frozen=True)
class Service:
    """The parts of a running server; `ingest` stores what clients send, where this server takes in data."""

    contracts: Mapping[str, Contract]
    database: Database
    releases: LiveReleases
    editions: Editions
    cache: Cache
    metrics: Metrics
    version: str
    ingest: Database | None = None

    async def answer(self, question: ReadRequest, make: Make) -> Response:
        """Answer from the edition that is asked for; what was read is thrown away if a release overtook it."""
        for _ in range(ATTEMPTS):
            edition = await self.editions.choose(question)
            stale = self._is_stale(question.contract, edition)
            tag = responses.tag(edition, stale, await self._origin(question), question.values)
            if question.request.method == "GET" and (known := responses.known_tag(question.request, tag)):
                return responses.not_modified(known, edition)
            if (body := self.cache.get(tag)) is None:
                members = await make(edition)
                if not await self.editions.still_holds(question, edition):
                    continue
                if members is None:
                    raise Problem(
                        404, (MISSING if edition else UNRELEASED).format(workload=question.contract.name)
                    )
                head = responses.envelope(
                    question.contract, edition, stale=stale, as_of=question.values.get("as_of")
                )
                body = Payload(responses.compose(head, members.content), members.next)
                self.cache.put(tag, body)
            return responses.answer(question.request, self.cache, tag, body, edition)
        raise Unavailable("LiveReleases follow each other faster than they can be read.")

    def document(self, request: Request, body: Payload) -> Response:
        """Answer with a document that comes from no release, such as the ledger itself."""
        tag = responses.tag_of(body.content)
        if known := responses.known_tag(request, tag):
            return responses.not_modified(known)
        return responses.answer(request, self.cache, tag, body)

    def described(self) -> str:
        """Return what is served in words, for the line at the start."""
        words = []
        for name in self.contracts:
            live = self.releases.known(name)
            words.append(
                f"{name} (release {live.release_id}, model {live.model_version})"
                if live
                else f"{name} (no release yet)"
            )
        away = "" if self.releases.is_confirmed else "; its database is away, it will answer when that comes;"
        return (", ".join(words) or "no workloads") + away

    async def _origin(self, question: ReadRequest) -> str:
        """Return what a tag names beside edition and parameters: program, route, and the live release where entries of an older one may be erased.

        Whoever erases makes a release, so an answer that was kept before is not given again.
        """
        route = f"{self.version} {question.request.scope['route'].path}"
        if not (question.contract.incremental and question.pins):
            return route
        live = await self.releases.live(question.contract.name)
        return f"{route} {live.pin}" if live else route

    def _is_stale(self, contract: Contract, edition: Edition | None) -> bool:
        """Only what is live can be stale; an older edition is as old as it was asked to be."""
        return self.releases.is_live(edition, contract.name) and is_stale(
            contract, edition, datetime.now(UTC)
        )
