"""Limits on the size of a request, checked before a route runs."""

from starlette.types import ASGIApp, Receive, Scope, Send

from serve.http import problems
from serve.http.problems import CLOSE, Problem

MOST_ADDRESS_BYTES = 8_192
MOST_HEADER_BYTES = 32_768
ONE_HOST = "A request of HTTP/1.1 needs exactly one Host header."


class Limits:
    """Refuses requests that are too large; a route that reads a body may have a lower limit of its own."""

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
        if scope["http_version"] == "1.1" and sum(name == b"host" for name, _ in scope["headers"]) != 1:
            return Problem(400, ONE_HOST, headers=CLOSE)
        if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_ADDRESS_BYTES:
            return Problem(414, f"The address is longer than {MOST_ADDRESS_BYTES} bytes.", headers=CLOSE)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
            return Problem(431, f"The headers are larger than {MOST_HEADER_BYTES} bytes.", headers=CLOSE)
        limit = self._body_limit if scope["method"] == "GET" else self._largest_body
        if _body_bytes(scope) > limit:
            return Problem(413, f"The body is larger than {limit} bytes.", headers=CLOSE)
        return None


def _body_bytes(scope: Scope) -> int:
    """Return the declared length of the body; a chunked body has none, so the reader counts bytes."""
    declared: bytes = dict(scope["headers"]).get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else 0
