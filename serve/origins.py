"""Who may write: requests under a name of this server, and no page of another origin."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import Request

from serve.problems import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def names(allowed_hosts: str) -> frozenset[str]:
    """Return the host names of a comma separated setting with those of the loopback."""
    return LOOPBACK | {name.strip().lower() for name in allowed_hosts.split(",") if name.strip()}


def check(request: Request, allowed: Collection[str]) -> None:
    """Raise Problem 403 for a Host that is not ours, or an Origin that is not the address the request was sent to.

    The first stops a page whose own name was made to point at this machine, the second every other page.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if _name(f"//{host}") not in allowed:
        raise Problem(403, "This server takes in nothing under this Host. ALMANAC_ALLOWED_HOSTS names those it does beside localhost.")
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        raise Problem(403, "This server takes in nothing from pages of another origin.")


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
