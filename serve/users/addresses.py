"""Where a request comes from: the address that exactly so many trusted proxies report, and its network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request

UNKNOWN = "unknown"
FORWARDED_FOR = "x-forwarded-for"


def client_address(request: Request) -> str:
    """Return the address of the client.

    The last proxy writes the address of its peer behind all others, so behind N proxies the client's is the
    Nth from the end. What stands before it is the client's own invention. Where so many are missing, or one
    is no address, the peer of the connection counts.
    """
    client = request.scope.get("client")
    peer = client[0] if client else UNKNOWN
    proxies: int = request.app.state.trusted_proxies
    if not proxies:
        return peer
    reported = ",".join(request.headers.getlist(FORWARDED_FOR)).split(",")
    address = _address(reported[-proxies]) if len(reported) >= proxies else None
    return str(address) if address else peer


def network(address: str) -> str:
    """Return the network of an address: the /24 of IPv4, the /64 of IPv6.

    >>> network("192.0.2.77"), network("2001:db8::1:2:3:4"), network("::ffff:192.0.2.77")
    ('192.0.2.0/24', '2001:db8::/64', '192.0.2.0/24')
    """
    parsed = _address(address)
    if parsed is None:
        return UNKNOWN
    bits = 24 if parsed.version == 4 else 64
    return str(ip_network(f"{parsed}/{bits}", strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address that may have a port or brackets, or None."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
