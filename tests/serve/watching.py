"""Read continuously from several threads and record every answer for a test to check."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

PAUSE_SECONDS = 0.002


@dataclass(frozen=True)
class Seen:
    """One answer, with the times of its request and its arrival."""

    path: str
    sent_at: float
    received_at: float
    status: int
    headers: httpx.Headers
    body: dict[str, Any]


@dataclass
class Watch:
    """All answers; `failures` are connections that broke without one."""

    answers: list[Seen] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def with_status(self, status: int) -> list[Seen]:
        """Return the answers with this status."""
        return [seen for seen in self.answers if seen.status == status]

    def statuses(self) -> set[int]:
        """Return every status that was seen."""
        return {seen.status for seen in self.answers}


@contextmanager
def watching(address: str, paths: Sequence[str]) -> Iterator[Watch]:
    """Read each path in a thread of its own until the block ends."""
    watch, ended = Watch(), threading.Event()
    threads = [
        threading.Thread(target=_read, args=(address, path, watch, ended), daemon=True) for path in paths
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def _read(address: str, path: str, watch: Watch, ended: threading.Event) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        while not ended.wait(PAUSE_SECONDS):
            sent_at = time.monotonic()
            try:
                answer = client.get(path)
            except httpx.TransportError as error:
                watch.failures.append(f"{path}: {error!r}")
                continue
            watch.answers.append(
                Seen(path, sent_at, time.monotonic(), answer.status_code, answer.headers, answer.json())
            )
