"""The id, log line and metrics of every request."""

import logging
import os
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.telemetry.prometheus import Metrics

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
        inner = {
            **scope,
            "almanac.request_id": request_id.decode(),
            "method": "GET" if scope["method"] == "HEAD" else scope["method"],
        }

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id),
                    (b"x-content-type-options", b"nosniff"),
                ]
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
            fields = {
                "id": scope["almanac.request_id"],
                "method": method,
                "route": route,
                "path": path,
                "status": status,
            }
            access.info("request", extra={"fields": fields | {"ms": round(seconds * 1000, 2)}})


def _request_id(scope: Scope) -> bytes:
    """Return the id that the client or proxy gave, if it is harmless, or a new one."""
    given: bytes = dict(scope["headers"]).get(b"x-request-id", b"")
    return given if REQUEST_ID.fullmatch(given) else os.urandom(8).hex().encode()
