"""A release as a route reads it, and the routes that read one, from memory where that is possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import Request
from starlette.responses import Response

from almanac.contract import Contract, Table
from serve.answers import pages, responses
from serve.answers.cache import Answered, Cache, Payload
from serve.answers.service import ATTEMPTS, MISSING, UNRELEASED, Service
from serve.http.problems import NotFound, Unavailable
from serve.http.query_models import EditionQuery, QueryModel
from serve.http.route import Route, Step
from serve.reading import queries, records
from serve.reading.choice import Choice
from serve.reading.edition import Edition
from serve.reading.queries import Condition
from serve.reading.request import ReadRequest, parse, values_of
from serve.telemetry.usage import EDITION


@dataclass(slots=True)
class Release:
    """The rows of one workload that answer one request; before the first release there are none."""

    service: Service
    read: ReadRequest
    choice: Choice
    tag: str
    # The answer that the endpoint has made, for the cache.
    payload: Payload | None = None

    @property
    def edition(self) -> Edition | None:
        """The runs whose rows are read."""
        return self.choice.edition

    @property
    def run_id(self) -> str:
        """The run whose rows are read."""
        return self.edition.run_id if self.edition else ""

    @property
    def run_ids(self) -> list[str]:
        """All runs whose rows are read, where a workload is incremental."""
        return list(self.edition.run_ids) if self.edition else []

    async def rows(self, query: bytes, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Return the rows of a query; raises Unavailable."""
        return await self.service.database.rows(query, values) if self.edition else []

    async def row(self, table: Table, key: Any) -> str:
        """Return the JSON of the row of `table` with this key; raises NotFound."""
        rows = await self._rows_of(table, key)
        if not rows:
            raise self.not_found()
        return str(rows[0][0])

    async def exists(self, table: Table, key: Any) -> bool:
        """Tell whether `table` has a row with this key; before the first release every key may come."""
        return self.edition is None or bool(await self._rows_of(table, key))

    async def whole(self, table: Table, *conditions: Condition, values: Sequence[Any] = ()) -> str:
        """Return the JSON array of the rows of a side table that meet `conditions`, ordered by its key."""
        if self.edition is None:
            return "[]"
        query = queries.whole(self.read.contract, table, self.edition, *conditions)
        [(rows,)] = await self.rows(query, values)
        return str(rows)

    async def model(self) -> str:
        """Return the JSON of the model that made the predictions; raises NotFound."""
        contract = self.read.contract
        version = self.edition.model_version if self.edition else None
        rows = []
        if version is not None:
            rows = await self.rows(records.MODEL, (contract.primary_metric, contract.name, version))
        if not rows:
            raise self.not_found()
        return str(rows[0][0])

    async def page(
        self, values: Mapping[str, Any], *, columns: Sequence[str] = (), **members: str
    ) -> Response:
        """Answer with one page of the predictions that fit `values`, and with further members."""
        return self.page_of_rows(await self.page_rows(values, columns=columns), **members)

    async def page_rows(self, values: Mapping[str, Any], *, columns: Sequence[str] = ()) -> list[Any]:
        """Return the JSON and the key of the predictions of one page, and of one more."""
        if self.edition is None:
            return []
        key = self.read.cursor.key if self.read.cursor else ()
        query = queries.page(self.read.contract, self.edition, values, chosen=columns, key=key)
        return await self.rows(*query)

    def page_of_rows(self, rows: Sequence[tuple[Any, ...]], **members: str) -> Response:
        """Answer with pairs of JSON and key, of which the query has read one more than the limit."""
        pin = self.edition.pin if self.edition else ""
        page, following = pages.cut(self.read, pin, rows)
        return self._answer(pages.members(page, following) | members, following)

    def answer(self, **members: str) -> Response:
        """Answer with these members, whose values are JSON, after the envelope."""
        return self._answer(members)

    def not_found(self) -> NotFound:
        """Return the problem of a release that lacks what a request names."""
        detail = MISSING if self.edition else UNRELEASED
        return NotFound(detail.format(workload=self.read.contract.name))

    def from_memory(self) -> Response | None:
        """Return the answer where the client or the cache has it."""
        response = responses.from_memory(self.read.request, self.service.cache, self.tag, self.edition)
        if response and not self.read.pins:
            answered = Answered(self.read.contract, self.choice, self.tag)
            self.service.addresses.put(self.read.request, answered)
        return response

    async def still_holds(self) -> bool:
        """Tell whether no other release has overtaken what was read."""
        return await self.service.editions.still_holds(self.read, self.edition)

    def keep(self) -> None:
        """Keep the answer for the next request."""
        if self.payload:
            self.service.cache.put(self.tag, self.payload)

    async def _rows_of(self, table: Table, key: Any) -> list[Any]:
        if self.edition is None:
            return []
        return await self.rows(*queries.one(self.read.contract, table, self.edition, key))

    def _answer(self, members: Mapping[str, str], following: str | None = None) -> Response:
        as_of = self.read.values.get("as_of")
        head = responses.envelope(self.read.contract, self.edition, stale=self.choice.is_stale, as_of=as_of)
        joined = ",".join([f'"{name}":{value}' for name, value in members.items()])
        self.payload = Payload(responses.compose(head, joined.encode()), following)
        # Nothing of it is kept before `still_holds`.
        return self._respond(self.payload, None)

    def _respond(self, payload: Payload, cache: Cache | None) -> Response:
        return responses.answer(self.read.request, cache, self.tag, payload, self.edition)


@dataclass(frozen=True)
class ReleaseOf:
    """A dependency: the release of a workload that the parameters of a request name.

    `GamesRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]` makes it an argument of a route.
    """

    contract: Contract
    refusals: ClassVar[tuple[int, ...]] = (404, 410, 422, 503)

    async def __call__(self, request: Request) -> Release:
        """Choose the release; raises Problem 404, 410, 422 or 503."""
        service: Service = request.app.state.service
        read = parse(self.contract, request, values_of(request))
        choice = await service.editions.choose(read)
        return Release(service, read, choice, service.tag(choice, read.values))


class ReleaseRoute(Route):
    """A route whose endpoint reads a release.

    The endpoint is not called where client or cache have the answer, and it is called again where a newer
    release has overtaken the reading. Routes without a release run as every other.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.release = next((step for step in self.steps if isinstance(step.call, ReleaseOf)), None)
        self.reads = [step for step in self.reads if step is not self.release]
        # Only the address decides what such a route answers from the live release.
        self.is_recalled = self.release is not None and "GET" in (self.methods or ()) and len(self.reads) == 1

    async def response_to(self, request: Request) -> Response:
        """Answer an address again from memory, as long as the same release is live."""
        if self.is_recalled and (response := _recalled(request)):
            return response
        return await super().response_to(request)

    async def respond(self, request: Request, arguments: dict[str, Any]) -> Response:
        """Return the response of one release."""
        if self.release is None or self.release.name is None:
            return await super().respond(request, arguments)
        for _ in range(ATTEMPTS):
            release: Release = await self.release.call(request)
            request.scope[EDITION] = release.edition
            if response := release.from_memory():
                return response
            arguments[self.release.name] = release
            try:
                response = await super().respond(request, arguments)
            except NotFound:
                if await release.still_holds():
                    raise
                continue
            if await release.still_holds():
                release.keep()
                return response
        raise Unavailable("Releases follow each other faster than they can be read.")

    def default_query(self, steps: Sequence[Step]) -> type[QueryModel]:
        """Return `as_of` and `model_version` for a route that reads a release and declares no parameters."""
        is_of_release = any(isinstance(step.call, ReleaseOf) for step in steps)
        return EditionQuery if is_of_release else super().default_query(steps)


def _recalled(request: Request) -> Response | None:
    service: Service = request.app.state.service
    answered = service.addresses.get(request)
    if answered is None or not service.editions.is_current(answered.contract, answered.choice):
        return None
    edition = request.scope[EDITION] = answered.choice.edition
    return responses.from_memory(request, service.cache, answered.tag, edition)
