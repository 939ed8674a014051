"""Pages from templates: what every page shows, its policy and its ETag."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.responses import Response

from serve.answers import responses
from serve.answers.responses import Bytes
from serve.pages import assets, charts, words
from serve.pages.cache import Rendered
from serve.users.principal import ANONYMOUS, Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from jinja2 import Environment

    from almanac.contract import Contract
    from serve.reading.edition import Edition

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "trusted-types almanac; require-trusted-types-for 'script'"
)
# On the page of a run the executed notebook is shown in a frame.
FRAMING = POLICY.replace("connect-src", "frame-src 'self'; connect-src")
HTML_TYPE = (b"content-type", b"text/html; charset=utf-8")
PRIVATE = (b"cache-control", b"private, no-cache")
REFERRER = (b"referrer-policy", b"same-origin")
PART = Markup('<section id="{}" class="{}" data-hash="{}">{}</section>')


@dataclass(frozen=True)
class Banner:
    """Something that a reader must know before the numbers: one word, and a sentence."""

    word: str
    text: str


@dataclass(frozen=True)
class Page:
    """What a handler returns: a template with its values, and what surrounds them.

    `editions` are those that the page was made from, `topics` those whose changes it follows. A page that
    `is_fresh` is stored nowhere.
    """

    template: str
    title: str
    values: Mapping[str, Any]
    workload: str = ""
    editions: Sequence[Edition] = ()
    banners: Sequence[Banner] = ()
    topics: Sequence[str] = ("release",)
    json_address: str = ""
    attribution: str = ""
    status: int = 200
    policy: str = POLICY
    scripts: Sequence[str] = field(default_factory=tuple)
    is_fresh: bool = False


class Site:
    """What every template may use of the request: addresses with prefix and instant, assets, navigation."""

    def __init__(self, request: Request) -> None:
        service = request.app.state.service
        self.prefix: str = request.app.state.prefix
        self.path: str = request.scope["path"]
        self.version: str = service.version
        self.as_of: datetime | None = request.scope.get("almanac.as_of")
        self.workloads = [(name, contract.title) for name, contract in service.contracts.items()]
        self.own_pages = [f"/{name}" for name in service.contracts if (HERE / name).is_dir()]
        self.now = datetime.now(UTC)
        self.has_access: bool = service.access is not None
        self.reader: Principal = getattr(request.state, "principal", ANONYMOUS)

    def next_slot(self, contract: Contract) -> datetime:
        """Return when the next run of a workload is due."""
        return words.next_slot(contract.cadence, self.now)

    def link(self, path: str, **query: object) -> str:
        """Return an address of this server, which stays at the instant of the page."""
        chosen = {name: value for name, value in query.items() if value not in (None, "")}
        if self.as_of and not path.startswith("/static/"):
            chosen.setdefault("as_of", words.iso(self.as_of))
        return f"{self.prefix}{path}?{urlencode(chosen)}" if chosen else f"{self.prefix}{path}"

    def now_link(self, path: str, **query: object) -> str:
        """Return an address that does not stay at the instant of the page."""
        chosen = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{self.prefix}{path}?{urlencode(chosen)}" if chosen else f"{self.prefix}{path}"

    def asset(self, name: str) -> str:
        """Return the address of a file."""
        return f"{self.prefix}/static/{assets.names()[name]}"

    def time(self, value: datetime | str | None) -> Markup:
        """Return an instant as an element; a script adds the local time."""
        moment = words.instant(value)
        if moment is None:
            return escape(words.NOTHING)
        return Markup('<time datetime="{}">{}</time>').format(words.iso(moment), words.clock(moment))

    def age(self, value: datetime | str | None) -> str:
        """Return how long before this page an instant was."""
        moment = words.instant(value)
        if moment is None:
            return words.NOTHING
        return words.age(((self.as_of or self.now) - moment).total_seconds())


def respond(request: Request, page: Page) -> Response:
    """Return a page as a response."""
    return send(request, rendered(request, page), page.status)


def rendered(request: Request, page: Page) -> Rendered:
    """Return a page as it is sent."""
    content = render(request, page).encode()
    compressed = gzip.compress(content, compresslevel=4, mtime=0)
    return Rendered(responses.tag_of(content), compressed, page.policy.encode(), page.is_fresh)


def send(request: Request, page: Rendered, status: int = 200) -> Response:
    """Return a rendered page as a response, 304 where the client has it."""
    keeping = responses.NO_STORE if page.is_fresh else PRIVATE
    headers = [HTML_TYPE, keeping, REFERRER, responses.VARY, (b"content-security-policy", page.policy)]
    if status == 200 and not page.is_fresh:
        if matching := responses.matching_tag(request, page.tag):
            return Bytes(b"", 304, [(b"etag", f'"{matching}"'.encode()), *headers[1:]])
        headers.append((b"etag", f'"{page.tag}"'.encode()))
    content = page.content
    if responses.wants_gzip(request):
        headers.append((b"content-encoding", b"gzip"))
    else:
        content = gzip.decompress(content)
    return Bytes(content, status, [*headers, (b"content-length", b"%d" % len(content))])


def render(request: Request, page: Page) -> str:
    """Return the HTML of a page."""
    site = Site(request)
    template = environment().get_template(page.template)
    return template.render(site=site, page=page, edition=_only(page.editions), **page.values)


@cache
def environment() -> Environment:
    """Return the templates; they are read and compiled when a page first needs them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made_of = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made_of.filters |= {
        "number": words.number,
        "percent": words.percent,
        "duration": words.duration,
        "size": words.size,
        "value": words.value,
        "shortened": words.shortened,
        "plural": words.plural,
    }
    made_of.globals |= {"part": part, "charts": charts}
    return made_of


def part(name: str, caller: Callable[[], Markup], kind: str = "") -> Markup:
    """Return a part of a page that the script replaces where its content has changed."""
    content = caller()
    digest = sha256(content.encode()).hexdigest()[:16]
    return PART.format(name, kind, digest, content)


def _only(editions: Sequence[Edition]) -> Edition | None:
    return editions[0] if len(editions) == 1 else None
