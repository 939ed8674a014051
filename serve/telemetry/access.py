"""The id, log line and metrics of every request."""

import logging
import os
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.headers import LIMIT_HEADERS, is_encrypted, security
from serve.telemetry.prometheus import Metrics
from serve.telemetry.usage import Usage

LOGGED_PATH_CHARACTERS = 200
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
UNMATCHED = "unmatched"
access = logging.getLogger("almanac.access")


class Access:
    """Gives every request an id and the headers of security, times, counts and logs it.

    HEAD is answered as GET, whose body uvicorn drops.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, trusted_proxies: int = 0, usage: Usage | None = None
    ) -> None:
        self._app = app
        self._usage = usage
        self._metrics = metrics
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = perf_counter(), 500
        request_id = _request_id(scope)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "almanac.request_id": request_id.decode(), "method": method}
        encrypted = is_encrypted(scope, self._trusted_proxies)
        # What answers for as long as the client stays must know that HEAD wants no body.
        inner["almanac.method"] = scope["method"]

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [*message["headers"], (b"x-request-id", request_id), *inner.get(LIMIT_HEADERS, ())]
                message["headers"] = security(own, is_encrypted=encrypted)
            await send(message)

        try:
            await self._app(inner, receive, send_named)
        finally:
            self._record(inner, scope["method"], status, perf_counter() - started)

    def _record(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", UNMATCHED)
        if not getattr(scope.get("route"), "is_stream", False):
            self._metrics.observe(route, status, seconds)
        if self._usage and status < 400 and route is not UNMATCHED:
            self._usage.count(scope, route)
        if not access.isEnabledFor(logging.INFO):
            return
        fields = {
            "id": scope["almanac.request_id"],
            "method": method,
            "route": route,
            "path": scope["path"][:LOGGED_PATH_CHARACTERS],
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        access.info("request", extra={"fields": fields})


def _request_id(scope: Scope) -> bytes:
    """Return the id in the request's header, if it is harmless, or a new one."""
    request_id: bytes = dict(scope["headers"]).get(b"x-request-id", b"")
    return request_id if REQUEST_ID.fullmatch(request_id) else os.urandom(8).hex().encode()
