"""Security headers: what browsers may do with an answer of this server."""

from starlette.types import Scope

Header = tuple[bytes, bytes]
CONTENT_SECURITY_POLICY = b"content-security-policy"
# Of an answer that is no page: nothing in it may run, load or be framed.
NO_PAGE: Header = (CONTENT_SECURITY_POLICY, b"default-src 'none'; frame-ancestors 'none'")
ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# A year; a browser that has seen it once asks this name by TLS alone.
STRICT_TRANSPORT: Header = (b"strict-transport-security", b"max-age=31536000")
# Where a limit leaves its headers in the scope of a request.
LIMIT_HEADERS = "almanac.limit_headers"
FORWARDED_PROTO = b"x-forwarded-proto"


def security(headers: list[Header], *, is_encrypted: bool) -> list[Header]:
    """Return the headers of an answer with those of security; a page keeps its own policies."""
    present = {name for name, _ in headers}
    added = [*headers, *(each for each in (*ALWAYS, NO_PAGE) if each[0] not in present)]
    if is_encrypted:
        added.append(STRICT_TRANSPORT)
    return added


def is_encrypted(scope: Scope, trusted_proxies: int) -> bool:
    """Tell whether the client came by TLS: to this server, or to a proxy that is believed."""
    if scope.get("scheme") == "https":
        return True
    if not trusted_proxies:
        return False
    reported: bytes = dict(scope["headers"]).get(FORWARDED_PROTO, b"")
    return reported.rpartition(b",")[2].strip().lower() == b"https"
