"""A small HTTP load generator for the loopback interface.

Each keep-alive connection sends its next request when an answer is complete.
"""

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

CONNECTIONS = 16


@dataclass
class Load:
    """The figures of a load: its duration, latencies in milliseconds, and answers other than 200."""

    seconds: float
    latencies_ms: list[float] = field(repr=False)
    failures: int

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies_ms) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the answers stayed below."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def figures(self) -> dict[str, float]:
        """The figures that a result file keeps."""
        latencies = {"p50_ms": round(self.quantile_ms(0.5), 3), "p99_ms": round(self.quantile_ms(0.99), 3)}
        return {
            "per_second": round(self.per_second),
            **latencies,
            "requests": len(self.latencies_ms),
            "failures": self.failures,
        }


class Client(asyncio.Protocol):
    """One connection; takes addresses until there are none left."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self.latencies_ms: list[float] = []
        self.failures = 0
        self._requests = requests
        self._done = done
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count a complete answer and send the next request."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or not _is_complete(head.lower(), body):
            return
        self.latencies_ms.append((time.perf_counter() - self._sent_at) * 1000)
        self.failures += not head.startswith(b"HTTP/1.1 200")
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """End, also where the server closed early."""
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def run(port: int, paths: Sequence[str], requests: int, *, connections: int = CONNECTIONS) -> Load:
    """Send `requests` GET requests for `paths` in turn over several connections."""
    return send(port, gets(paths), requests, connections=connections)


def gets(paths: Sequence[str]) -> list[bytes]:
    """Return a GET request for each path."""
    return [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]


def posted(path: str, body: bytes) -> bytes:
    """Return a POST request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, encoded: Sequence[bytes], requests: int, *, connections: int = CONNECTIONS) -> Load:
    """Send `requests` requests, taken from `encoded` in turn, over several connections."""
    return asyncio.run(_send(port, encoded, requests, connections))


async def _send(port: int, encoded: Sequence[bytes], requests: int, connections: int) -> Load:
    shared = itertools.islice(itertools.cycle(encoded), requests)
    loop = asyncio.get_running_loop()
    started, clients, ends = time.perf_counter(), [], []
    for _ in range(connections):
        done = loop.create_future()
        _, client = await loop.create_connection(lambda done=done: Client(shared, done), "127.0.0.1", port)
        clients.append(client)
        ends.append(done)
    await asyncio.gather(*ends)
    seconds = time.perf_counter() - started
    return Load(
        seconds,
        [latency for client in clients for latency in client.latencies_ms],
        sum(client.failures for client in clients),
    )


def _is_complete(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    begin = head.index(b"content-length:") + len(b"content-length:")
    end = head.find(b"\r\n", begin)
    return len(body) >= int(head[begin : end if end > 0 else len(head)])


def joined(loads: Sequence[Load]) -> Load:
    """Return several loads as one."""
    latencies = [latency for load in loads for latency in load.latencies_ms]
    return Load(sum(load.seconds for load in loads), latencies, sum(load.failures for load in loads))
