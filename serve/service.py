"""Everything a route needs, and the one way from a request to an answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from starlette.responses import Response

from almanac.contract import Contract
from serve import answers
from serve.cache import Body, Cache
from serve.database import Database
from serve.editions import Editions
from serve.ledger import Edition
from serve.metrics import Metrics
from serve.problems import Problem, Unavailable
from serve.questions import Question
from serve.releases import Releases

# Makes the members of an answer beside its envelope, or None where there is no such thing; without a release it is given None.
Make = Callable[[Edition | None], Awaitable[Body | None]]
ATTEMPTS = 5
MISSING = "This release of '{workload}' has no such entry. GET /v1/{workload}/predictions lists what it has."
UNRELEASED = "'{workload}' has no release to read here yet. GET /v1/{workload}/releases is its ledger."


@dataclass(frozen=True)
class Service:
    """The parts of a running server; `ingest` stores what clients send, where this server takes in data."""

    contracts: Mapping[str, Contract]
    database: Database
    releases: Releases
    editions: Editions
    cache: Cache
    metrics: Metrics
    version: str
    ingest: Database | None = None

    async def answer(self, question: Question, make: Make) -> Response:
        """Answer from the edition that is asked for; what was read is thrown away if a release overtook it."""
        for _ in range(ATTEMPTS):
            edition = await self.editions.choose(question)
            stale = self._is_stale(question.contract, edition)
            tag = answers.tag(edition, stale, await self._origin(question), question.values)
            if question.request.method == "GET" and (known := answers.known_tag(question.request, tag)):
                return answers.not_modified(known, edition)
            if (body := self.cache.get(tag)) is None:
                members = await make(edition)
                if not await self.editions.still_holds(question, edition):
                    continue
                if members is None:
                    raise Problem(404, (MISSING if edition else UNRELEASED).format(workload=question.contract.name))
                head = answers.envelope(question.contract, edition, stale=stale, as_of=question.values.get("as_of"))
                body = Body(answers.compose(head, members.content), members.next)
                self.cache.put(tag, body)
            return answers.answer(question.request, self.cache, tag, body, edition)
        raise Unavailable("Releases follow each other faster than they can be read.")

    def document(self, request: Request, body: Body) -> Response:
        """Answer with a document that comes from no release, such as the ledger itself."""
        tag = answers.tag_of(body.content)
        if known := answers.known_tag(request, tag):
            return answers.not_modified(known)
        return answers.answer(request, self.cache, tag, body)

    def described(self) -> str:
        """Return what is served in words, for the line at the start."""
        words = []
        for name in self.contracts:
            live = self.releases.known(name)
            words.append(f"{name} (release {live.release_id}, model {live.model_version})" if live else f"{name} (no release yet)")
        away = "" if self.releases.is_confirmed else "; its database is away, it will answer when that comes;"
        return (", ".join(words) or "no workloads") + away

    async def _origin(self, question: Question) -> str:
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
        return self.releases.is_live(edition, contract.name) and answers.is_stale(contract, edition, datetime.now(UTC))
