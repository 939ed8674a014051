"""How a route documents itself: `answers` for its decorator, and what its dependencies add to OpenAPI."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi.routing import APIRoute
from starlette.responses import Response

from almanac.contract import Column, Contract
from serve.http import problems, query_models, schemas
from serve.http.request_bodies import JSON, JsonBody
from serve.http.schemas import Schema

MEANINGS = {
    304: "The copy that the client names in If-None-Match is still valid.",
    400: "The body cannot be read.",
    401: "Nobody asks, or the token, key, session or password is not valid.",
    403: "The Host is not one of this server's, the Origin is another, or a right is missing.",
    404: "The release has nothing by this name.",
    408: "The body did not arrive in time.",
    409: "Something else is stored under the same id.",
    410: "Its rows were pruned; `ledger` has the entry of the release.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The Content-Type or Content-Encoding is not one that this route reads.",
    429: "Too many requests; try again after the seconds in Retry-After.",
    422: "A parameter or a member of the body does not fit.",
    431: "The headers are too large.",
    503: "The database is away for the moment; try again after the seconds in Retry-After.",
}
# What the server refuses before any route sees it.
ALWAYS = (413, 414, 431)
RUN_EXAMPLE = "20250415t060000-1f2e3d4c"
_TEXT: Schema = {"type": "string"}
TAGGED: Mapping[str, Schema] = {
    "ETag": {"description": "Changes with the answer; send it back in If-None-Match.", "schema": _TEXT},
    "Cache-Control": {"description": "Caches may keep the answer but ask each time.", "schema": _TEXT},
}
AGED: Mapping[str, Schema] = {
    **TAGGED,
    "Age": {"description": "Seconds since the release was published.", "schema": {"type": "integer"}},
}
PAGED: Mapping[str, Schema] = {
    **AGED,
    "Link": {"description": 'The next page, as rel="next".', "schema": _TEXT},
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "example": '"0123456789abcdef"',
    "description": "ETag of the copy that the client has.",
}


class Other(NamedTuple):
    """A good answer with a status other than 200."""

    description: str
    schema: Schema
    example: Any


def answers(
    schema: Schema,
    example: Any,
    *refusals: int,
    headers: Mapping[str, Schema] | None = None,
    media_types: Sequence[str] = (JSON,),
    others: Mapping[int, Other] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return arguments of a route decorator: the good answers, and the problems that the endpoint raises.

    With `headers` the answer has an ETag, and a client that names it is answered 304. `others` are good
    answers with another status. The route adds the problems that dependencies raise.
    """
    responses: dict[int | str, Any] = {200: _good(schema, example, media_types)}
    responses |= {status: _other(other) for status, other in others.items()}
    responses |= {status: refusal(status) for status in refusals}
    options: dict[str, Any] = {"response_class": Response, "responses": responses}
    if headers:
        responses[200]["headers"] = dict(headers)
        responses[304] = {"description": MEANINGS[304]}
        options["openapi_extra"] = {"parameters": [IF_NONE_MATCH]}
    return options


def released(
    contract: Contract,
    members: Mapping[str, Schema],
    example: Mapping[str, Any],
    *,
    headers: Mapping[str, Schema] | None = AGED,
) -> dict[str, Any]:
    """Return `answers` of a route that reads a release: its envelope and further members."""
    return answers(schemas.envelope(dict(members)), example_of(contract, **example), headers=headers)


def page_of(
    contract: Contract,
    columns: Iterable[Column],
    example: Mapping[str, Any],
    **others: tuple[Schema, Any],
) -> dict[str, Any]:
    """Return `answers` of a list with pages; `others` are further members, each with schema and example."""
    members = schemas.rows(schemas.row(columns)) | {name: schema for name, (schema, _) in others.items()}
    examples = {"rows": [example], "next": None} | {name: value for name, (_, value) in others.items()}
    return released(contract, members, examples, headers=PAGED)


def example_of(contract: Contract, **members: Any) -> dict[str, Any]:
    """Return an answer of `contract` as it might be, with these members."""
    head = {
        "workload": contract.name,
        "release": 12,
        "published_at": "2025-04-15T06:02:11.482913Z",
        "model_version": 3,
        "run": RUN_EXAMPLE,
        "data_as_of": "2025-04-15",
        "source": "openfootball",
        "attribution": contract.attribution,
    }
    return head | members


@cache
def refusal(status: int) -> dict[str, Any]:
    """Return a problem as OpenAPI describes it, the same object each time."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"Retry-After": {"schema": {"type": "integer"}}} if status in (429, 503) else {}
    return {"description": MEANINGS[status], "content": content, "headers": headers}


def operation(calls: Iterable[Callable[..., Any]], path: Collection[str]) -> dict[str, Any]:
    """Return what dependencies read, as OpenAPI describes it; `path` has the names in the route's path."""
    operation: dict[str, Any] = {"parameters": []}
    for call in calls:
        if model := query_models.model_of(call):
            operation["parameters"] += query_models.documented(model, path)
        if isinstance(call, JsonBody):
            operation["requestBody"] = call.documented()
    return operation


def with_refusals(
    responses: Mapping[int | str, Any], calls: Iterable[Callable[..., Any]]
) -> dict[int | str, Any]:
    """Return the answers of a route with the problems that its dependencies and the server raise."""
    statuses = {status for call in calls for status in problems.refusals(call)} | {*ALWAYS}
    return {**responses, **{status: refusal(status) for status in sorted(statuses)}}


def restore_examples(description: dict[str, Any], routes: Iterable[APIRoute]) -> None:
    """Put the examples of all answers back into the description: FastAPI removes every null from them."""
    for route in routes:
        operations = description["paths"][route.path_format]
        for method in route.methods or ():
            described = operations[method.lower()]["responses"]
            for status, media_type, example in _examples(route.responses):
                described[status]["content"][media_type]["example"] = example


def _examples(responses: Mapping[int | str, Any]) -> Iterator[tuple[str, str, Any]]:
    for status, response in responses.items():
        for media_type, content in response.get("content", {}).items():
            if "example" in content:
                yield str(status), media_type, content["example"]


def _good(schema: Schema, example: Any, media_types: Iterable[str]) -> dict[str, Any]:
    return {"content": {media_type: {"schema": schema, "example": example} for media_type in media_types}}


def _other(other: Other) -> dict[str, Any]:
    return {"description": other.description, **_good(other.schema, other.example, [JSON])}
