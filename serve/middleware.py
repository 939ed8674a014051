"""What every request passes: an id, limits on its size, a line in the log and a place in the metrics."""

import logging
import os
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve import problems
from serve.metrics import Metrics
from serve.problems import CLOSE, Problem

MOST_ADDRESS_BYTES = 8_192
MOST_HEADER_BYTES = 32_768
LOGGED_PATH_CHARACTERS = 200
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
UNMATCHED = "unmatched"
access = logging.getLogger("almanac.access")


class Access:
    """Names, times, counts and logs every request; answers HEAD as GET, whose body the server drops."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = perf_counter(), 500
        request_id = _request_id(scope)
        inner = {**scope, "almanac.request_id": request_id.decode(), "method": "GET" if scope["method"] == "HEAD" else scope["method"]}

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), (b"x-content-type-options", b"nosniff")]
            await send(message)

        try:
            await self._app(inner, receive, send_named)
        finally:
            self._record(inner, scope["method"], status, perf_counter() - started)

    def _record(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", UNMATCHED)
        self._metrics.observe(route, status, seconds)
        if access.isEnabledFor(logging.INFO):
            path = scope["path"][:LOGGED_PATH_CHARACTERS]
            fields = {"id": scope["almanac.request_id"], "method": method, "route": route, "path": path, "status": status}
            access.info("request", extra={"fields": fields | {"ms": round(seconds * 1000, 2)}})


class Limits:
    """Refuses what is too large before anything reads it; a route that reads a body has its own, closer limit."""

    def __init__(self, app: ASGIApp, body_limit_bytes: int, largest_body_bytes: int) -> None:
        self._app = app
        self._body_limit = body_limit_bytes
        self._largest_body = max(body_limit_bytes, largest_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._refusal(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await problems.response(problem)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_ADDRESS_BYTES:
            return Problem(414, f"The address is longer than {MOST_ADDRESS_BYTES} bytes.", headers=CLOSE)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
            return Problem(431, f"The headers are larger than {MOST_HEADER_BYTES} bytes.", headers=CLOSE)
        limit = self._body_limit if scope["method"] == "GET" else self._largest_body
        if _body_bytes(scope) > limit:
            return Problem(413, f"The body is larger than {limit} bytes.", headers=CLOSE)
        return None


def _request_id(scope: Scope) -> bytes:
    """Return the id that the client or proxy gave, if it is harmless, or a new one."""
    given: bytes = dict(scope["headers"]).get(b"x-request-id", b"")
    return given if REQUEST_ID.fullmatch(given) else os.urandom(8).hex().encode()


def _body_bytes(scope: Scope) -> int:
    """Return the announced length of the body; who reads one that announces none counts for himself."""
    announced: bytes = dict(scope["headers"]).get(b"content-length", b"0")
    return int(announced) if announced.isdigit() else 0
