"""Rendered pages in memory, so that a thousand viewers of one change cost one rendering.

A page is the same as long as the releases, the runs, the reader and the minute are. Runs are heard of only
while somebody watches; otherwise a page is used again for a second.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable
from time import monotonic, time
from typing import NamedTuple

from fastapi import Request

from serve.answers.service import Service

MOST_PAGES = 100
FOLLOWED_SECONDS, SECONDS = 60.0, 1.0


class Rendered(NamedTuple):
    """A page as it is sent, compressed; one that is fresh is stored nowhere."""

    tag: str
    content: bytes
    policy: bytes
    is_fresh: bool = False


class PageCache:
    """The newest pages, the one used longest ago first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Hashable, tuple[float, Rendered]] = OrderedDict()

    def get(self, key: Hashable) -> Rendered | None:
        """Return the page under `key` unless it is too old."""
        ends, page = self._pages.get(key, (0.0, None))
        if page is None or monotonic() >= ends:
            return None
        self._pages.move_to_end(key)
        return page

    def clear(self) -> None:
        """Forget every page, after a change that no key names."""
        self._pages.clear()

    def put(self, key: Hashable, page: Rendered, seconds: float) -> None:
        """Store a page for so many seconds."""
        self._pages[key] = (monotonic() + seconds, page)
        self._pages.move_to_end(key)
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)


def key_of(request: Request) -> tuple[Hashable, ...] | None:
    """Return everything that a page depends on; None for a write, and while the releases are unconfirmed."""
    service: Service = request.app.state.service
    if request.method not in ("GET", "HEAD") or not service.releases.is_confirmed:
        return None
    live = [service.releases.last_confirmed(name) for name in service.contracts]
    pins = tuple(edition.pin if edition else "" for edition in live)
    principal = getattr(request.state, "principal", None)
    reader = (principal.id, principal.role, principal.scopes) if principal else None
    address = (request.scope["path"], request.scope["query_string"])
    return (*address, pins, service.live.states(), reader, int(time() // 60))


def seconds_of(request: Request, topics: Collection[str]) -> float:
    """Return how long a page may be used again that changes with these topics."""
    service: Service = request.app.state.service
    is_followed = all(service.live.state(topic) is not None for topic in topics)
    return FOLLOWED_SECONDS if is_followed else SECONDS
