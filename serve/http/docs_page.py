"""The OpenAPI description, and a page that shows it with scripts from this server, without internet."""

import json
from importlib.metadata import distribution

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from serve import memory

DESCRIPTION = "/openapi.json"
PAGE = "/docs"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
# Swagger UI begins with a script inside the page and draws with styles inside it; nothing may come from
# elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Add the description, the page and the files it needs."""
    pages = Pages(app)
    app.add_route(DESCRIPTION, pages.description, include_in_schema=False)
    app.add_route(PAGE, pages.page, include_in_schema=False)
    for name in FILES:
        app.add_route(f"{PAGE}/{name}", pages.file, include_in_schema=False)


class Pages:
    """The description of one application, kept as bytes: as Python objects it takes ten times the memory."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._content = b""

    async def description(self, _request: Request) -> Response:
        """Return the OpenAPI description, made at the first request."""
        if not self._content:
            text = json.dumps(self._app.openapi(), ensure_ascii=False, separators=(",", ":"))
            self._content = text.encode()
            self._app.openapi_schema = None
            memory.give_back()
        return Response(self._content, media_type="application/json")

    async def page(self, _request: Request) -> HTMLResponse:
        """Return the page."""
        prefix = self._app.state.prefix
        script, style, icon = (f"{prefix}{PAGE}/{name}" for name in FILES)
        page = get_swagger_ui_html(
            openapi_url=f"{prefix}{DESCRIPTION}",
            title=f"{self._app.title}: routes",
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=icon,
        )
        page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return page

    async def file(self, request: Request) -> FileResponse:
        """Return a file of the package fastapi-offline, which is not imported."""
        name = request.url.path.rpartition("/")[2]
        path = distribution("fastapi-offline").locate_file(f"fastapi_offline/static/{name}")
        return FileResponse(str(path), headers={"Cache-Control": "max-age=86400"})
