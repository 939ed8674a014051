"""Every error as a problem document (RFC 9457) that repeats nothing of the request."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from serve.http import headers

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}
CLOSE = {"Connection": "close"}
DETAILS = {
    404: "There is nothing at this address. GET /v1/workloads lists what is served, /docs explains it.",
    405: "This address does not know that method; the Allow header names those it knows.",
    413: "The body is larger than this server accepts.",
    500: (
        "The server failed in a way it should not. "
        "The log has the reason under the X-Request-ID of this answer."
    ),
}
# In place of pydantic's message, which names a class of ours or repeats a part of the input.
REASONS = {"model_type": "must be an object", "union_tag_invalid": "must be of one of the documented kinds"}
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
log = logging.getLogger("almanac.serve")


class Problem(Exception):
    """A request that cannot be answered; `members` are further members of the problem document."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members


class Unavailable(Problem):
    """The database does not answer; the client may try again in a second."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, detail, headers=RETRY_AFTER)


class NotFound(Problem):
    """There is no such thing."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


def may_refuse(*statuses: int) -> Callable[[Decorated], Decorated]:
    """Mark a dependency with the problems that it may raise, so that every route with it documents them."""

    def mark(dependency: Decorated) -> Decorated:
        dependency.refusals = statuses  # type: ignore[attr-defined]  # read back by `refusals`
        return dependency

    return mark


def refusals(dependency: object) -> tuple[int, ...]:
    """Return the problems that a dependency may raise."""
    statuses: tuple[int, ...] = getattr(dependency, "refusals", ())
    return statuses


def reason_of(error: ErrorDetails) -> str:
    """Return what would fit, in the words of pydantic and without the input."""
    if error["type"] in REASONS:
        return REASONS[error["type"]]
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def refused(*errors: Mapping[str, Any]) -> Problem:
    """Return the problem for parameters that do not fit; each error has a place and what would fit."""
    return Problem(422, "A parameter does not fit. `errors` says which and what would.", errors=list(errors))


def response(problem: Problem) -> Response:
    """Return the problem as an HTTP answer that no cache may keep."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    headers = {"Cache-Control": "no-store", **(problem.headers or {})}
    content = json.dumps(document | problem.members, separators=(",", ":")).encode()
    return Response(content, problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let `app` answer every exception with a problem document."""
    app.add_exception_handler(Problem, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(Exception, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    answer = response(_as_problem(request, error))
    if answer.status_code == 500:
        # This answer passes outside the middleware that adds these headers to all others.
        answer.headers["X-Request-ID"] = request.scope.get("almanac.request_id", "")
        encrypted = headers.is_encrypted(request.scope, request.app.state.trusted_proxies)
        answer.raw_headers = headers.security(answer.raw_headers, is_encrypted=encrypted)
    return answer


def _allowed(request: Request) -> str:
    """Return the methods of all routes at this address; starlette names those of one."""
    matching = [route for route in request.app.routes if route.matches(request.scope)[0] != Match.NONE]
    methods = {method for route in matching for method in getattr(route, "methods", ())}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _as_problem(request: Request, error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return refused(*_invalid(request, error))
    if isinstance(error, HTTPException):
        return _of_http(request, error)
    return Problem(500, DETAILS[500])


def _of_http(request: Request, error: HTTPException) -> Problem:
    status, headers = error.status_code, dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return Problem(status, DETAILS.get(status, HTTPStatus(status).phrase), headers=headers)


def _invalid(request: Request, error: RequestValidationError) -> Iterator[dict[str, str]]:
    """Yield the errors of FastAPI's own validation, without the names that the client invented."""
    declared = _declared(request.scope.get("route"))
    for each in error.errors():
        place, *names = each["loc"]
        name = {"name": names[0]} if names and names[0] in declared else {}
        yield {"in": str(place), **name, "reason": reason_of(each)}


def _declared(route: object) -> set[str]:
    """Return the names of the parameters and of the members of the body that a route declares."""
    dependant = getattr(route, "dependant", None)
    if dependant is None:
        return set()
    fields = [*get_flat_params(dependant), *dependant.body_params]
    bodies = [getattr(field.field_info.annotation, "model_fields", {}) for field in dependant.body_params]
    members = {info.alias or name for body in bodies for name, info in body.items()}
    return members | {field.alias for field in fields}
