"""The session cookie of browsers: HttpOnly, SameSite=Lax, and Secure except on a plain loopback."""

from urllib.parse import urlsplit

from starlette.types import Scope

from serve.http.origins import LOOPBACK

SECURE_NAME, LOOPBACK_NAME = "__Host-almanac", "almanac"
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"
LONGEST = 256


def session_of(scope: Scope, header: bytes, suffix: str = "") -> str | None:
    """Return the session in a Cookie header, or None; two of one name count as none."""
    name = _name(scope) + suffix
    parts = (part.strip().partition("=") for part in header.decode("latin-1").split(";"))
    values = [value for each, _, value in parts if each == name]
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= LONGEST else None


def setting(scope: Scope, session: str, seconds: int, suffix: str = "") -> str:
    """Return the value of Set-Cookie that keeps a session for so many seconds."""
    return f"{_name(scope)}{suffix}={session}; Max-Age={seconds}; {ATTRIBUTES}{_secure(scope)}"


def clearing(scope: Scope) -> str:
    """Return the value of Set-Cookie that removes the cookie."""
    return setting(scope, "", 0)


def is_same_origin(scope: Scope) -> bool:
    """Tell whether a page of this server sends a request, as browsers say with everything that writes."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    if origin is None:
        return bool(headers.get(b"sec-fetch-site") == b"same-origin")
    host = headers.get(b"host", b"").lower()
    return host != b"" and origin.lower() in (b"http://" + host, b"https://" + host)


def _name(scope: Scope) -> str:
    return LOOPBACK_NAME if _is_plain_loopback(scope) else SECURE_NAME


def _secure(scope: Scope) -> str:
    return "" if _is_plain_loopback(scope) else "; Secure"


def _is_plain_loopback(scope: Scope) -> bool:
    if scope["scheme"] != "http":
        return False
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
