"""Problem documents, and hostile texts that a server must handle."""

import httpx

HOSTILE = {
    "sql": "' OR 1=1; DROP TABLE almanac.releases; --",
    "percent": "%s %(x)s {} {0}",
    "html": "<script>alert(1)</script>",
    "nul": "a\x00b",
    "line ends": "a\r\nSet-Cookie: b=c",
    "path": "../../../../etc/passwd",
    "emoji": "\U0001f3c6" * 10,
    "right to left": "\u202e\u0000\ufeff",
    "number": "1e999",
    "not a number": "NaN",
    "long": "x" * 5000,
}


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert (document["status"], document["type"]) == (status, "about:blank")
    return document
