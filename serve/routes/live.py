"""The stream of changes: GET /v1/live?topic=release,runs as server-sent events."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from almanac import fields
from serve.answers.service import ServiceDep
from serve.http.problems import Unavailable, refused
from serve.http.query_models import Parsed, QueryModel
from serve.http.route import Route
from serve.reading.listening import END, Live, Viewer

# A stream takes memory as long as somebody looks, so there is an end to them.
MOST_STREAMS = 4_000
FULL = f"This server already has {MOST_STREAMS} streams. Ask for the page again instead."
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
FIRST = b"retry: 2000\n: connected\n\n"
TOPICS = Parsed(fields.listed(fields.text), {"type": "array", "items": {"type": "string"}})


class LiveRoute(Route):
    """A route that answers for as long as the client stays; its duration says nothing of the server."""

    is_stream = True


class LiveQuery(QueryModel):
    """The topics that a client watches."""

    topic: Annotated[tuple[str, ...], TOPICS, Field(description="Topics, separated by commas.")]


class Stream(Response):
    """A stream of server-sent events, written from the queue of one viewer.

    FastAPI's own response takes twice the memory for each client, and its frames arrive three times as late.
    """

    def __init__(self, live: Live, topics: tuple[str, ...]) -> None:
        self._live, self._topics = live, topics
        self.status_code, self.background = 200, None
        self.raw_headers = HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send frames until the client leaves, reads too slowly, or the server ends."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope.get("almanac.method") == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        viewer = self._live.watch(self._topics)
        streams = getattr(scope["app"].state, "streams", None)
        if streams:
            streams.add(viewer, scope)
        waiting = asyncio.create_task(_end_when_gone(receive, viewer))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as timeout:
                    viewer.limit(timeout)
                    await _send_all(viewer, send)
        finally:
            waiting.cancel()
            if streams:
                streams.remove(viewer)
            self._live.leave(viewer)


router = APIRouter(tags=["platform"], route_class=LiveRoute)


@router.get("/v1/live", include_in_schema=False)
async def watch(service: ServiceDep, query: Annotated[LiveQuery, Depends(LiveQuery.read)]) -> Response:
    """Send a frame whenever one of the topics changes; what has changed is read from other routes."""
    unknown = [topic for topic in query.topic if topic not in service.live.topics]
    if unknown:
        reason = f"must be among {', '.join(service.live.topics)}"
        raise refused({"in": "query", "name": "topic", "reason": reason})
    if service.live.viewers >= MOST_STREAMS:
        raise Unavailable(FULL)
    return Stream(service.live, query.topic)


async def _send_all(viewer: Viewer, send: Send) -> None:
    await send({"type": "http.response.body", "body": FIRST, "more_body": True})
    while (frame := await viewer.next()) != END:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _end_when_gone(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
