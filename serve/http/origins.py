"""Which origins may read and write: the checks of Host and Origin, and CORS."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from serve.http import problems
from serve.http.problems import Problem, may_refuse

REFUSED = (
    "Pages of this origin may not ask so. "
    "ALMANAC_CORS_ORIGINS names those that may read, with GET, HEAD and POST."
)
FOREIGN_HOST = (
    "This server takes in nothing under this Host. "
    "ALMANAC_ALLOWED_HOSTS names those it does beside localhost."
)
FOREIGN_ORIGIN = "This server takes in nothing from pages of another origin."
EXPOSED = ("ETag", "Age", "Link", "X-Request-ID")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Cors(CORSMiddleware):
    """Lets pages of some origins read, also by POST; routes that write refuse them by `own_origin`."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("If-None-Match", "Authorization", "X-API-Key"),
            expose_headers=EXPOSED,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request; a refusal is a problem document."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return problems.response(Problem(answer.status_code, REFUSED, headers=headers))


def names(allowed_hosts: str) -> frozenset[str]:
    """Return the host names in a comma-separated setting, and those of the loopback."""
    return LOOPBACK | {name.strip().lower() for name in allowed_hosts.split(",") if name.strip()}


@may_refuse(403)
async def own_origin(request: Request) -> None:
    """Let a request write only under a name of this server and from its own pages; raises Problem 403.

    The Host is checked because a page can point its own name at this machine (DNS rebinding), the Origin
    because any page can send requests here. A router that takes in data has it as
    `dependencies=[Depends(own_origin)]`.
    """
    if _name(f"//{request.headers.get('host', '').lower()}") not in request.app.state.bounds.hosts:
        raise Problem(403, FOREIGN_HOST)
    await own_pages(request)


@may_refuse(403)
async def own_pages(request: Request) -> None:
    """Let no page of another origin send a request; raises Problem 403. Programs name no origin."""
    host, origin = request.headers.get("host", "").lower(), request.headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        raise Problem(403, FOREIGN_ORIGIN)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
