"""The old mechanism: a route as one value. Delete it with parameters.py when every workload is ported."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from serve.http import origins, parameters, problems, request_bodies, schemas
from serve.http.deadline import answering_within
from serve.http.parameters import Parameter, Values
from serve.http.request_bodies import JsonBody
from serve.http.route import Bounds

Handler = Callable[[Request, Values], Awaitable[Response]]
MEANINGS = {
    304: "The client's copy, named in If-None-Match, is still right.",
    400: "The body cannot be read.",
    403: "The Host is not one of this server's, or the Origin is another.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "It contradicts what is stored under the same id.",
    410: "It was here and its rows were pruned; `ledger` says what it was.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The Content-Type or Content-Encoding is not one that this route reads.",
    422: "A parameter or a member of the body does not fit.",
    431: "The headers are too large.",
    503: "The database is away for the moment; try again after the seconds in Retry-After.",
}
ALWAYS = (413, 414, 431)
WITH_BODY = (400, 408, 415)
HEADERS = {
    "ETag": {
        "description": "Changes with the answer; send it back in If-None-Match.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "Caches may keep the answer but ask each time.",
        "schema": {"type": "string"},
    },
}
FROM_RELEASE = HEADERS | {
    "Age": {"description": "Seconds since the release was published.", "schema": {"type": "integer"}}
}
LIST = FROM_RELEASE | {"Link": {"description": 'The next page, as rel="next".', "schema": {"type": "string"}}}


@dataclass(frozen=True)
class Answer:
    """A good answer with a status other than 200."""

    status: int
    summary: str
    schema: schemas.Schema
    example: Any


@dataclass(frozen=True)
class Endpoint:
    """One route; `schema` and `example` are those of its 200 answer, `refusals` the problems it may end in.

    Its handler finds what the body held as the value `body`. What `writes` exists only where the server takes in data.
    """

    path: str
    summary: str
    doc: str
    handler: Handler
    schema: schemas.Schema
    example: Any
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = (422, 503)
    headers: dict[str, Any] | None = None
    tag: str = "platform"
    media_type: str = "application/json"
    other_media_types: tuple[str, ...] = ()
    method: Literal["GET", "POST", "PATCH"] = "GET"
    body: JsonBody | None = None
    writes: bool = False
    others: tuple[Answer, ...] = ()


def make_router(endpoints: Iterable[Endpoint], bounds: Bounds, *, writes: bool) -> APIRouter:
    """Return a router of these endpoints; what `writes` only where the server takes in data."""
    router = APIRouter()
    for endpoint in endpoints:
        if endpoint.writes and not writes:
            continue
        router.add_api_route(
            endpoint.path,
            _taking(endpoint, bounds) if endpoint.body or endpoint.writes else _reading(endpoint, bounds),
            methods=[endpoint.method],
            summary=endpoint.summary,
            description=endpoint.doc,
            tags=[endpoint.tag],
            operation_id=_operation(endpoint),
            response_class=Response,
            openapi_extra=_documented(endpoint),
            responses=_responses(endpoint),
        )
        setattr(router.routes[-1], "limit_bytes", (endpoint.body.limit_bytes or 0) if endpoint.body else 0)  # noqa: B010
    return router


def _reading(endpoint: Endpoint, bounds: Bounds) -> Callable[[Request], Awaitable[Response]]:
    known = {parameter.name: parameter for parameter in endpoint.parameters}

    async def read(request: Request) -> Response:
        values = parameters.read(request, known)
        with answering_within(bounds.deadline_seconds):
            return await endpoint.handler(request, values)

    return read


def _taking(endpoint: Endpoint, bounds: Bounds) -> Callable[[Request], Awaitable[Response]]:
    known = {parameter.name: parameter for parameter in endpoint.parameters}

    async def take(request: Request) -> Response:
        if endpoint.writes:
            origins.check(request, bounds.hosts)
        values = parameters.read(request, known)
        if endpoint.body:
            values["body"] = await request_bodies.read(request, endpoint.body, bounds.body_limit_bytes)
        with answering_within(bounds.deadline_seconds):
            return await endpoint.handler(request, values)

    return take


def _operation(endpoint: Endpoint) -> str:
    words = [word.strip("{}").removesuffix(":path") for word in endpoint.path.split("/") if word]
    name = "_".join(word.replace(".", "_").replace("-", "_") for word in words)
    return name if endpoint.method == "GET" else f"{endpoint.method.lower()}_{name}"


def _documented(endpoint: Endpoint) -> dict[str, Any]:
    held = {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "example": '"0123456789abcdef"',
    }
    own = [parameter.documented() for parameter in endpoint.parameters]
    told = {
        "parameters": [*own, held | {"description": "ETag of the copy that the client has."}]
        if endpoint.headers
        else own
    }
    return told | ({"requestBody": endpoint.body.documented()} if endpoint.body else {})


def _responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    content = {endpoint.media_type: {"schema": endpoint.schema, "example": endpoint.example}}
    content |= {kind: {"schema": {"type": "string"}, "example": ""} for kind in endpoint.other_media_types}
    good: dict[int | str, dict[str, Any]] = {
        200: {"description": endpoint.summary, "content": content, "headers": endpoint.headers or {}}
    }
    for other in endpoint.others:
        good[other.status] = {
            "description": other.summary,
            "content": {"application/json": {"schema": other.schema, "example": other.example}},
        }
    if endpoint.headers:
        good[304] = {"description": MEANINGS[304]}
    refusals = {
        *endpoint.refusals,
        *ALWAYS,
        *(WITH_BODY if endpoint.body else ()),
        *((403,) if endpoint.writes else ()),
    }
    return good | {status: _refusal(status) for status in sorted(refusals)}


def _refusal(status: int) -> dict[str, Any]:
    retry = {"Retry-After": {"schema": {"type": "integer"}}} if status == 503 else {}
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": MEANINGS[status], "content": content, "headers": retry}
