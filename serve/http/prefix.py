"""The path prefix under which a proxy offers the server, taken off the requests."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Takes the prefix off the path of a request, where the proxy has not done so itself."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under the path that routes know."""
        if scope["type"] == "http" and scope["path"].startswith(f"{self._prefix}/"):
            path = scope["path"].removeprefix(self._prefix)
            raw = scope["raw_path"].removeprefix(self._prefix.encode())
            scope = {**scope, "path": path, "raw_path": raw}
        await self._app(scope, receive, send)
