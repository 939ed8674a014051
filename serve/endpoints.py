"""A route as one value: its address, parameters, answer and words, registered with FastAPI and shown by OpenAPI."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from serve import parameters, problems, schemas
from serve.parameters import Parameter, Values

Handler = Callable[[Request, Values], Awaitable[Response]]
MEANINGS = {
    304: "The client's copy, named in If-None-Match, is still right.",
    404: "There is no such thing.",
    410: "It was here and its rows were pruned; `ledger` says what it was.",
    413: "The body is too large.",
    414: "The address is too long.",
    422: "A parameter does not fit.",
    431: "The headers are too large.",
    503: "The database is away for the moment; try again after the seconds in Retry-After.",
}
ALWAYS = (413, 414, 431)
READ_MOST = ("{entity:path}", "predictions")
HEADERS = {
    "ETag": {"description": "Changes with the answer; send it back in If-None-Match.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "Caches may keep the answer but ask each time.", "schema": {"type": "string"}},
}
FROM_RELEASE = HEADERS | {"Age": {"description": "Seconds since the release was published.", "schema": {"type": "integer"}}}
LIST = FROM_RELEASE | {"Link": {"description": 'The next page, as rel="next".', "schema": {"type": "string"}}}


@dataclass(frozen=True)
class Endpoint:
    """One GET route; `schema` and `example` are those of its 200 answer, `refusals` the problems it may end in."""

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


def register(app: FastAPI, endpoints: Iterable[Endpoint]) -> None:
    """Add every endpoint to `app`.

    Routes are tried one after the other, so what is read most stands first: single predictions, then lists.
    """
    for endpoint in sorted(endpoints, key=_rank):
        app.add_api_route(
            endpoint.path,
            _reading(endpoint),
            methods=["GET"],
            summary=endpoint.summary,
            description=endpoint.doc,
            tags=[endpoint.tag],
            operation_id=_operation(endpoint.path),
            response_class=Response,
            openapi_extra={"parameters": _documented(endpoint)},
            responses=_responses(endpoint),
        )


def _rank(endpoint: Endpoint) -> int:
    last = endpoint.path.rsplit("/", 1)[-1]
    return READ_MOST.index(last) if last in READ_MOST else len(READ_MOST)


def _reading(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    known = {parameter.name: parameter for parameter in endpoint.parameters}

    async def read(request: Request) -> Response:
        return await endpoint.handler(request, parameters.read(request, known))

    return read


def _operation(path: str) -> str:
    words = [word.strip("{}").removesuffix(":path") for word in path.split("/") if word]
    return "_".join(word.replace(".", "_").replace("-", "_") for word in words)


def _documented(endpoint: Endpoint) -> list[dict[str, Any]]:
    held = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}, "example": '"0123456789abcdef"'}
    own = [parameter.documented() for parameter in endpoint.parameters]
    return [*own, held | {"description": "ETag of the copy that the client has."}] if endpoint.headers else own


def _responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    content = {endpoint.media_type: {"schema": endpoint.schema, "example": endpoint.example}}
    good: dict[int | str, dict[str, Any]] = {200: {"description": endpoint.summary, "content": content, "headers": endpoint.headers or {}}}
    if endpoint.headers:
        good[304] = {"description": MEANINGS[304]}
    return good | {status: _refusal(status) for status in sorted({*endpoint.refusals, *ALWAYS})}


def _refusal(status: int) -> dict[str, Any]:
    retry = {"Retry-After": {"schema": {"type": "integer"}}} if status == 503 else {}
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": MEANINGS[status], "content": content, "headers": retry}
