"""Live topics: what has changed, sent to everybody who watches.

A topic has one producer in each process. It runs only while somebody watches, so that the database has the
same work for one viewer and for a thousand. Each viewer has a bounded queue; who does not read is let go.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import psycopg

from almanac.errors import DatabaseError
from serve.http.problems import Problem
from serve.reading.database import Database, hung_up_after

PING_SECONDS = 15.0
RETRY_SECONDS = 0.5
POLL_SECONDS = 1.0
QUERY_SECONDS = 2.0
MOST_FRAMES = 64
PING = b": ping\n\n"
# Tells the reader of a queue that nothing follows.
END = b""
Publish = Callable[[Mapping[str, Any]], None]
Producer = Callable[[Publish], Awaitable[None]]


class Viewer:
    """The queue of one client; `next` returns END where the stream is over."""

    def __init__(self, topics: Collection[str]) -> None:
        self.topics = frozenset(topics)
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(MOST_FRAMES)
        self._timeout: asyncio.Timeout | None = None

    async def next(self) -> bytes:
        """Return the next frame."""
        return await self._frames.get()

    def limit(self, timeout: asyncio.Timeout) -> None:
        """Name the timeout that ends the stream of this viewer."""
        self._timeout = timeout

    def put(self, frame: bytes) -> None:
        """Add a frame; a viewer who reads too slowly is let go."""
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            if self._timeout:
                self._timeout.reschedule(asyncio.get_running_loop().time())

    def end(self) -> None:
        """End the stream after the frames that wait."""
        self.put(END)


class Live:
    """The viewers of one server, and the producers of the topics that are watched.

    A topic without a producer is published by another part of the server.
    """

    def __init__(self, topics: Mapping[str, Producer | None]) -> None:
        self._producers = dict(topics)
        self._viewers: set[Viewer] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers = count(1)
        self._states = dict.fromkeys(topics, 0)

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of the topics."""
        return tuple(self._producers)

    @property
    def viewers(self) -> int:
        """How many clients watch."""
        return len(self._viewers)

    def watch(self, topics: Collection[str]) -> Viewer:
        """Return a queue that gets what happens in these topics from now on."""
        viewer = Viewer(topics)
        self._viewers.add(viewer)
        for topic in viewer.topics - self._tasks.keys():
            self._start(topic, self._producers[topic])
        if "ping" not in self._tasks:
            self._tasks["ping"] = asyncio.create_task(self._ping(), name="live ping")
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; producers that nobody watches stop."""
        self._viewers.discard(viewer)
        for topic in self._tasks.keys() - {"ping"} if self._viewers else set(self._tasks):
            if not any(topic in each.topics for each in self._viewers):
                self._tasks.pop(topic).cancel()

    def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """Send a frame to everybody who watches the topic."""
        number = self._states[topic] = next(self._numbers)
        text = json.dumps({"topic": topic, **data}, separators=(",", ":"))
        frame = f"id: {number}\nevent: changed\ndata: {text}\n\n".encode()
        for viewer in tuple(self._viewers):
            if topic in viewer.topics:
                viewer.put(frame)

    def state(self, topic: str) -> int | None:
        """Return a number that changes with what the topic tells; None while nobody follows it."""
        is_followed = self._producers[topic] is None or topic in self._tasks
        return self._states[topic] if is_followed else None

    def states(self) -> tuple[int | None, ...]:
        """Return the state of every topic."""
        return tuple(map(self.state, self._producers))

    def counts(self) -> dict[str, int]:
        """Return how many viewers each topic has."""
        return {topic: sum(topic in each.topics for each in self._viewers) for topic in self._producers}

    def end(self) -> None:
        """End every stream and stop every producer."""
        for viewer in tuple(self._viewers):
            viewer.end()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _start(self, topic: str, producer: Producer | None) -> None:
        if producer is None:
            return

        def publish(data: Mapping[str, Any]) -> None:
            self.publish(topic, data)

        self._tasks[topic] = asyncio.create_task(_run(producer, publish), name=f"live {topic}")

    async def _ping(self) -> None:
        """Send a comment now and then, so that proxies keep the connection and the client sees it alive."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            for viewer in tuple(self._viewers):
                viewer.put(PING)


async def _run(producer: Producer, publish: Publish) -> None:
    await producer(publish)


def follow_runs(database: Database) -> Producer:
    """Return the producer of the topic `runs`: the workloads whose runs, steps or holds have changed."""

    async def follow(publish: Publish) -> None:
        while True:
            with suppress(psycopg.Error, OSError, DatabaseError):
                await _listen(database, publish)
            await asyncio.sleep(RETRY_SECONDS)

    return follow


def follow_query(database: Database, query: bytes) -> Producer:
    """Return the producer of a topic that changes with the answer to a query, which it asks each second."""

    async def follow(publish: Publish) -> None:
        before: list[Any] | None = None
        while True:
            with suppress(Problem):
                rows = await database.rows(query)
                if before != rows:
                    publish({})
                before = rows
            await asyncio.sleep(POLL_SECONDS)

    return follow


async def _listen(database: Database, publish: Publish) -> None:
    """Publish each notification until the connection is lost."""
    connection = await database.connect()
    async with connection:
        await connection.execute("LISTEN almanac_runs")
        # What happened before this connection is not heard of.
        publish({"workload": None})
        while True:
            async for note in connection.notifies(timeout=PING_SECONDS):
                publish({"workload": note.payload})
            with hung_up_after(connection, QUERY_SECONDS):
                await connection.rows(b"SELECT 1")
