"""The form of every good answer: envelope, ETag, 304, compression and the headers that caches read."""

import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from time import time
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers.cache import Cache, Payload
from serve.reading.edition import Edition, why_stale

COMPRESS_FROM_BYTES = 1_000
# A cache may store every answer but revalidates it each time, which reads no rows.
CACHE_CONTROL = (b"cache-control", b"public, no-cache")
NO_STORE = (b"cache-control", b"no-store")
VARY = (b"vary", b"Accept-Encoding")
JSON_TYPE = (b"content-type", b"application/json")
ENVELOPE = ("workload", "release", "published_at", "model_version", "run", "data_as_of", "source")
Headers = list[tuple[bytes, bytes]]
ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Bytes(Response):
    """A response whose headers are bytes already: encoding them takes longer than a look-up in the cache."""

    def __init__(self, content: bytes, status: int, headers: Headers) -> None:
        self.body, self.status_code, self.raw_headers, self.background = content, status, headers, None


def envelope(
    contract: Contract, edition: Edition | None, *, stale: bool, as_of: datetime | None = None
) -> dict[str, Any]:
    """Return where an answer comes from; `demo`, `simulated` and `stale` appear only where they are so."""
    envelope: dict[str, Any] = dict.fromkeys(ENVELOPE) | {"workload": contract.name}
    if edition:
        envelope |= {
            "release": edition.release_id,
            "published_at": _iso(edition.published_at),
            "model_version": edition.model_version,
            "run": edition.run_id,
            "data_as_of": _iso(edition.data_as_of),
            "source": edition.source,
        }
        flags = {"demo": edition.demo, "simulated": edition.simulated, "stale": stale}
        envelope |= {name: True for name, is_so in flags.items() if is_so}
        if edition.newest_data:
            envelope["newest_data"] = _iso(edition.newest_data)
        if stale:
            envelope["stale_reason"] = why_stale(contract, edition)
    if as_of:
        envelope["as_of"] = _iso(as_of)
    if contract.attribution:
        envelope["attribution"] = contract.attribution
    return envelope


def payload(members: Mapping[str, str], following: str | None = None) -> Payload:
    """Return a JSON object of members whose values are JSON; `following` is the address of the next page."""
    joined = ",".join([f'"{name}":{value}' for name, value in members.items()])
    return Payload(f"{{{joined}}}".encode(), following)


def compose(head: Mapping[str, Any], members: bytes) -> bytes:
    """Return one JSON object of the envelope and further members, which are JSON without its braces."""
    return ENCODE(head).encode()[:-1] + b"," + members + b"}"


def tag(edition: Edition | None, stale: bool, route: str, values: Mapping[str, Any]) -> str:
    """Return the hash of release, route and normalised query; `route` includes the version of the program."""
    source = (edition.pin, edition.run_id) if edition else ()
    return sha256(repr((source, stale, route, sorted(values.items()))).encode()).hexdigest()[:32]


def tag_of(content: bytes) -> str:
    """Return the hash of an answer that does not come from a release."""
    return sha256(content).hexdigest()[:32]


ANY_COPY = "*"


def matching_tag(request: Request, tag: str) -> str | None:
    """Return the tag of the stored answer that the client names, plain or compressed, or None."""
    condition = request.headers.get("if-none-match")
    if condition is None:
        return None
    tags = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return next((each for each in (tag, f"{tag}-gzip") if f'"{each}"' in tags), None)


def from_memory(request: Request, cache: Cache, tag: str, edition: Edition | None) -> Response | None:
    """Return the answer with this tag where the client or the cache has it."""
    if request.method == "GET" and (matching := matching_tag(request, tag)):
        return not_modified(matching, edition)
    payload = cache.get(tag)
    return answer(request, cache, tag, payload, edition) if payload else None


def not_modified(tag: str, edition: Edition | None = None) -> Response:
    """Return 304 with the headers that the full answer would have."""
    return Bytes(b"", 304, _headers(tag, edition))


def answer(
    request: Request, cache: Cache | None, tag: str, payload: Payload, edition: Edition | None = None
) -> Response:
    """Return the full answer, compressed where that is accepted and worth it; `cache` keeps that form too.

    A client whose condition is `*` has some copy: of an answer that exists it gets 304.
    """
    if request.headers.get("if-none-match", "").strip() == ANY_COPY and request.method in ("GET", "HEAD"):
        return not_modified(tag, edition)
    content = payload.content
    if len(content) >= COMPRESS_FROM_BYTES and wants_gzip(request):
        tag = f"{tag}-gzip"
        content = _compressed(cache, tag, payload).content
        headers = [*_headers(tag, edition), (b"content-encoding", b"gzip")]
    else:
        headers = _headers(tag, edition)
    if payload.next:
        headers.append((b"link", f'<{payload.next}>; rel="next"'.encode("latin-1")))
    headers += [(b"content-length", b"%d" % len(content)), JSON_TYPE]
    return Bytes(content, 200, headers)


def fresh(content: bytes, *, status: int = 200) -> Response:
    """Return an answer that no cache may keep: the result of a write, or the state of this moment."""
    return Bytes(content, status, [NO_STORE, (b"content-length", b"%d" % len(content)), JSON_TYPE])


def wants_gzip(request: Request) -> bool:
    """Tell whether the client accepts gzip."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _compressed(cache: Cache | None, tag: str, payload: Payload) -> Payload:
    compressed = cache.get(tag) if cache else None
    if compressed is None:
        compressed = Payload(gzip.compress(payload.content, compresslevel=5, mtime=0), payload.next)
        if cache:
            cache.put(tag, compressed)
    return compressed


def _headers(tag: str, edition: Edition | None) -> Headers:
    headers = [(b"etag", b'"%b"' % tag.encode()), CACHE_CONTROL, VARY]
    if edition and edition.published_at:
        seconds = time() - edition.published_at.timestamp()
        headers.append((b"age", b"%d" % max(0, seconds)))
    return headers


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
