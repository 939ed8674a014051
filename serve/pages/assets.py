"""Style sheets, scripts and the icon: each file's name carries a hash of its content, so caches keep it."""

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Route as PlainRoute

from serve.answers import responses
from serve.answers.responses import Bytes, Headers
from serve.http.problems import NotFound

FOLDER = Path(__file__).with_name("static")
ADDRESS = "/static/{name}"
TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
MISSING = "There is no such file. The pages name the files that they need."


class Asset(NamedTuple):
    """A file as it is sent."""

    kind: bytes
    content: bytes
    compressed: bytes


@cache
def names() -> dict[str, str]:
    """Return the public name of each file: `pages.css` is sent as `pages.1f2e3d4c5b6a.css`."""
    return {path.name: _public_name(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


@cache
def asset(public_name: str) -> Asset | None:
    """Return the file with this public name, or None."""
    own_name = {public: own for own, public in names().items()}.get(public_name)
    if own_name is None:
        return None
    content = (FOLDER / own_name).read_bytes()
    kind = TYPES[Path(own_name).suffix]
    return Asset(kind, content, gzip.compress(content, compresslevel=9, mtime=0))


def route() -> PlainRoute:
    """Return the route of the files."""
    return PlainRoute(ADDRESS, send, methods=["GET"], include_in_schema=False)


async def send(request: Request) -> Response:
    """Send one file; raises NotFound."""
    name = request.path_params["name"]
    file = asset(name) if name in names().values() else None
    if file is None:
        raise NotFound(MISSING)
    content, headers = file.content, [(b"content-type", file.kind), FOR_EVER, responses.VARY]
    if responses.wants_gzip(request):
        content, headers = file.compressed, [*headers, (b"content-encoding", b"gzip")]
    return Bytes(content, 200, _with_length(headers, content))


def _with_length(headers: Headers, content: bytes) -> Headers:
    return [*headers, (b"content-length", b"%d" % len(content))]


def _public_name(path: Path) -> str:
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"
