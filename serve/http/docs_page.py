"""The page that explains every route, with its scripts from this server: it works without internet and asks no stranger."""

from importlib.metadata import distribution

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

PAGE = "/docs"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
# Swagger UI begins with a script inside the page and draws with styles inside it; nothing may come from elsewhere.
OWN_ONLY = "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"


def install(app: FastAPI) -> None:
    """Add the page and the files it needs."""

    async def page(request: Request) -> Response:
        del request
        return _page(app)

    app.add_route(PAGE, page, include_in_schema=False)
    for name in FILES:
        app.add_route(f"{PAGE}/{name}", _file, include_in_schema=False)


def _page(app: FastAPI) -> HTMLResponse:
    script, style, icon = (f"{PAGE}/{name}" for name in FILES)
    shown = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=f"{app.title}: routes",
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
    )
    shown.headers["Content-Security-Policy"] = OWN_ONLY
    return shown


async def _file(request: Request) -> Response:
    # The package is not imported: only its files are wanted.
    path = distribution("fastapi-offline").locate_file(
        f"fastapi_offline/static/{request.url.path.rpartition('/')[2]}"
    )
    return FileResponse(str(path), headers={"Cache-Control": "max-age=86400"})
