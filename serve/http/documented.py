"""How a route documents itself: `answers` for its decorator, and what its dependencies add to OpenAPI."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi.routing import APIRoute
from starlette.responses import Response

from almanac.contract import Column, Contract
from serve.http import problems, query_models, schemas
from serve.http.query_models import QueryModel
from serve.http.request_bodies import JSON, JsonBody
from serve.http.schemas import Schema

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
    """Return arguments of a route decorator: the good answers, and the problems that the endpoint itself raises.

    With `headers` the answer has an ETag, and a client that names it is answered 304. `others` are good answers with
    another status. The route adds the problems that dependencies raise.
    """
    content: dict[str, Any] = {kind: {"schema": schema, "example": example} for kind in media_types}
    responses: dict[int | str, Any] = {200: {"content": content, "headers": dict(headers or {})}}
    for status, other in others.items():
        content = {JSON: {"schema": other.schema, "example": other.example}}
        responses[status] = {"description": other.description, "content": content}
    if headers:
        responses[304] = {"description": MEANINGS[304]}
    responses |= {status: refusal(status) for status in refusals}
    extra = {"parameters": [IF_NONE_MATCH]} if headers else None
    return {"response_class": Response, "responses": responses, "openapi_extra": extra}


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
    """Return `answers` of a list that is read page by page; `others` are further members, each schema and example."""
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
    headers = {"Retry-After": {"schema": {"type": "integer"}}} if status == 503 else {}
    return {"description": MEANINGS[status], "content": content, "headers": headers}


def operation(
    models: Iterable[type[QueryModel]],
    calls: Iterable[Callable[..., Any]],
    path: Mapping[str, Any],
    extra: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what dependencies add to an operation: parameters, and the body where one reads it."""
    described = dict(extra or {})
    parameters = [each for model in models for each in query_models.documented(model, path)]
    described["parameters"] = parameters + described.get("parameters", [])
    for call in calls:
        if isinstance(call, JsonBody):
            described["requestBody"] = call.documented()
    return described


def with_refusals(
    responses: Mapping[int | str, Any], calls: Sequence[Callable[..., Any]]
) -> dict[int | str, Any]:
    """Return the answers of a route with the problems that its dependencies and the server raise."""
    statuses = {status for call in calls for status in problems.refusals(call)} | {*ALWAYS}
    return {**responses, **{status: refusal(status) for status in sorted(statuses)}}


def restore_examples(description: dict[str, Any], routes: Iterable[APIRoute]) -> None:
    """Put the examples of all answers into the OpenAPI description again: FastAPI takes every null out of them."""
    for route in routes:
        operations = description["paths"][route.path_format].values()
        for operation, (status, response) in product(operations, route.responses.items()):
            for media_type, content in response.get("content", {}).items():
                if "example" in content and operation["operationId"] == route.operation_id:
                    described = operation["responses"][str(status)]["content"][media_type]
                    described["example"] = content["example"]
