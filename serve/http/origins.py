"""Who may write: requests under a name of this server, and no page of another origin; and which other pages may read."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from serve.http import problems
from serve.http.problems import Problem, may_refuse

REFUSED = "Pages of this origin may not ask so. ALMANAC_CORS_ORIGINS names those that may read, with GET, HEAD and POST."
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Cors(CORSMiddleware):
    """Lets pages of some origins read, also what is asked for by POST; to write they are refused by `check`."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        told = ("ETag", "Age", "Link", "X-Request-ID")
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("If-None-Match",),
            expose_headers=told,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks before it asks; a refusal is a problem like every other."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return problems.response(Problem(answer.status_code, REFUSED, headers=kept))


def names(allowed_hosts: str) -> frozenset[str]:
    """Return the host names of a comma separated setting with those of the loopback."""
    return LOOPBACK | {name.strip().lower() for name in allowed_hosts.split(",") if name.strip()}


@may_refuse(403)
async def own_origin(request: Request) -> None:
    """Let only requests under a name of this server and from its own pages write; raises Problem 403.

    A router that takes in data has it as `dependencies=[Depends(own_origin)]`.
    """
    check(request, request.app.state.bounds.hosts)


def check(request: Request, allowed: Collection[str]) -> None:
    """Raise Problem 403 for a Host that is not ours, or an Origin that is not the address the request was sent to.

    The first stops a page whose own name was made to point at this machine, the second every other page.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if _name(f"//{host}") not in allowed:
        raise Problem(
            403,
            "This server takes in nothing under this Host. ALMANAC_ALLOWED_HOSTS names those it does beside localhost.",
        )
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        raise Problem(403, "This server takes in nothing from pages of another origin.")


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
