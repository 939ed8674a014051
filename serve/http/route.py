"""A route that its dependencies document, and that calls them without FastAPI's general solver."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve.http import documented
from serve.http.deadline import end_within
from serve.http.query_models import QueryModel, model_of


class Step(NamedTuple):
    """A dependency as a route calls it; without a name its value is not an argument."""

    name: str | None
    call: Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True)
class Bounds:
    """What applies to every route: its deadline, the default limit of a body, the names of this server."""

    deadline_seconds: float
    body_limit_bytes: int
    hosts: frozenset[str]


class Route(APIRoute):
    """A route whose parameters come from dependencies that each read the request.

    FastAPI solves a signature anew for each request. Here every dependency is an async call with the request
    as its only argument, so the calls are listed once. A route that declares anything else (`Query()`,
    `Body()`, nested dependencies) is left to FastAPI. Use it by `APIRouter(route_class=Route)`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        summary, description = documentation_of(endpoint)
        options["summary"] = options.get("summary") or summary
        options["description"] = options.get("description") or description
        options["operation_id"] = options.get("operation_id") or operation_id(path, options["methods"])
        super().__init__(path, endpoint, **options)
        self.own_parameters = (self.openapi_extra or {}).get("parameters", [])
        self.steps = self.with_query(_steps(self.dependant))
        self.reads = [step for step in self.steps if step.name or model_of(step.call)]
        self.guards = [step.call for step in self.steps if step not in self.reads]
        if _is_simple(self.dependant):
            self.app = self.run

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the guards, then respond."""
        request = Request(scope, receive, send)
        for guard in self.guards:
            await guard(request)
        response = await self.response_to(request)
        await response(scope, receive, send)

    async def response_to(self, request: Request) -> Response:
        """Read the arguments of the endpoint, then call it within the deadline."""
        arguments = {}
        for name, call in self.reads:
            value = await call(request)
            if name is not None:
                arguments[name] = value
        end_within(request.app.state.bounds.deadline_seconds)
        return await self.respond(request, arguments)

    async def respond(self, request: Request, arguments: dict[str, Any]) -> Response:
        """Return the response to a request whose dependencies have these values."""
        if self.dependant.request_param_name:
            arguments[self.dependant.request_param_name] = request
        response: Response = await self.endpoint(**arguments)
        return response

    def with_query(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps with one that reads the query: a route without parameters refuses all."""
        if any(model_of(step.call) for step in steps):
            return list(steps)
        unnamed = [step for step in steps if step.name is None]
        named = [step for step in steps if step.name is not None]
        return [*unnamed, Step(None, self.default_query(steps).read), *named]

    def default_query(self, _steps: Sequence[Step]) -> type[QueryModel]:
        """Return the parameters of a route that declares none."""
        return QueryModel

    def document(self) -> None:
        """Add to the OpenAPI description what the dependencies read and which problems they raise."""
        calls = [step.call for step in self.steps]
        operation = documented.operation(calls, self.param_convertors)
        operation["parameters"] += self.own_parameters
        self.openapi_extra = operation
        self.responses = documented.with_refusals(self.responses, calls)


def documentation_of(endpoint: Callable[..., Any]) -> tuple[str, str]:
    """Return the first line of a docstring, and the rest: the summary and the description of an operation."""
    summary, _, description = (inspect.getdoc(endpoint) or "").partition("\n")
    return summary.rstrip("."), description.strip()


def operation_id(path: str, methods: Sequence[str]) -> str:
    """Return the id of an operation in OpenAPI: the words of its path, after any method but GET."""
    words = [word.strip("{}").removesuffix(":path") for word in path.split("/") if word]
    name = "_".join(words).replace(".", "_").replace("-", "_")
    [method] = methods
    return name if method == "GET" else f"{method.lower()}_{name}"


def _steps(dependant: Dependant) -> list[Step]:
    return [Step(each.name, each.call) for each in dependant.dependencies if each.call]


def _is_simple(dependant: Dependant) -> bool:
    """Tell whether a route needs nothing but async dependencies that take the request alone."""
    return _reads_request_alone(dependant) and all(
        _reads_request_alone(each)
        and each.request_param_name
        and not each.dependencies
        and _is_async(each.call)
        for each in dependant.dependencies
    )


def _reads_request_alone(dependant: Dependant) -> bool:
    return not (
        dependant.path_params
        or dependant.query_params
        or dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
        or dependant.websocket_param_name
        or dependant.http_connection_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
    )


def _is_async(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
