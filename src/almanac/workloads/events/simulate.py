"""Sends the arrivals of a trace to the queue at the pace of the trace, or as a control row says."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from psycopg.rows import dict_row

from almanac.errors import AlmanacError, UsageError
from almanac.workloads.events.queue import Connection
from almanac.workloads.events.sources.trace import Trace

Connect = Callable[[], AbstractContextManager[Connection]]
Read = Callable[[str], Trace]
MOST_SPEED = 3_600.0
MOST_SECONDS = 3_600.0
# What a trace asks for beyond this waits for its turn; the pace is then slower than the trace.
MOST_PER_SECOND = 2_000
TICK_SECONDS = 0.05
LISTEN_SECONDS = 0.5
LARGEST_KB = 1_000_000.0
PRIORITIES = (0, 1, 1, 2)
INGEST = "SELECT count(*) FILTER (WHERE outcome = 'accepted') FROM api.events_ingest(%s, true)"
CONTROL = "SELECT request_id, wanted, trace, speed, seconds, obeyed_id FROM almanac.events_simulator"
OBEY = "UPDATE almanac.events_simulator SET obeyed_id = %s, state = %s, detail = %s, sent = %s, listener = %s, seen_at = clock_timestamp()"
SEEN = "UPDATE almanac.events_simulator SET listener = %s, seen_at = clock_timestamp()"
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class Pace:
    """How fast a trace is replayed and for how long; `seconds` are those of the real clock."""

    speed: float = 1.0
    seconds: float = 60.0

    def checked(self) -> "Pace":
        """Return the pace; raises UsageError where it is beyond the bounds."""
        if not 0 < self.speed <= MOST_SPEED:
            raise UsageError(f"Speed {self.speed:g} does not fit. Use more than 0 and at most {MOST_SPEED:g}.")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(f"{self.seconds:g} seconds do not fit. Use more than 0 and at most {MOST_SECONDS:g}.")
        return self


def portions(trace: Trace, pace: Pace, elapsed: Callable[[], float]) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of what is due at each moment, at most as many as the bound on the rate admits; the end of a trace ends it."""
    sent = 0
    while sent < len(trace) and (now := elapsed()) < pace.seconds:
        due = int(np.searchsorted(trace.seconds, now * pace.speed, side="right"))
        last = min(due, sent + round(MOST_PER_SECOND * TICK_SECONDS))
        yield sent, last
        sent = max(sent, last)


def messages(trace: Trace, first: int, last: int, prefix: str) -> str:
    """Return some arrivals of a trace as the JSON that the queue takes in; they happen now."""
    now = datetime.now(UTC).isoformat()
    told = [
        {
            "event_id": f"{prefix}-{place:07d}",
            "event_type": str(trace.kinds[place])[:100] or "event",
            "event_time": now,
            "size_kb": min(float(trace.kb[place]), LARGEST_KB),
            "priority": PRIORITIES[place % len(PRIORITIES)],
        }
        for place in range(first, last)
    ]
    return json.dumps(told)


class Simulator:
    """Sends traces; `stop` ends it at the next tick."""

    def __init__(self, ingest: Connect, control: Connect, read: Read) -> None:
        self._ingest = ingest
        self._control = control
        self._read = read
        self._stopping = threading.Event()
        self._name = uuid4().hex[:8]

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def replay(self, trace: Trace, pace: Pace, is_wanted: Callable[[int], bool] | None = None) -> int:
        """Send a trace and return how many events were accepted; `is_wanted` is told at each tick and may end it."""
        prefix, accepted = f"{trace.name[:40]}-{uuid4().hex[:10]}", 0
        began = time.monotonic()
        with self._ingest() as connection:
            for first, last in portions(trace, pace.checked(), lambda: time.monotonic() - began):
                if last > first:
                    found = connection.execute(INGEST, [messages(trace, first, last, prefix)]).fetchone()
                    accepted += found[0] if found else 0
                if self._stopping.is_set() or (is_wanted and not is_wanted(accepted)):
                    break
                self._stopping.wait(TICK_SECONDS)
        log.info("%s: %s events in %.1f s", trace.name, accepted, time.monotonic() - began)
        return accepted

    def listen(self) -> None:
        """Obey the control row until told to stop: a request is obeyed once, and ends when another one comes."""
        log.info("simulator %s listens", self._name)
        with self._control() as control:
            while not self._stopping.is_set():
                wanted = self._wanted(control)
                if wanted["wanted"] == "running" and wanted["request_id"] > wanted["obeyed_id"]:
                    self._obey(control, wanted)
                else:
                    control.execute(SEEN, [self._name])
                    self._stopping.wait(LISTEN_SECONDS)

    def _obey(self, control: Connection, wanted: Mapping[str, Any]) -> None:
        request, sent = wanted["request_id"], 0

        def is_wanted(accepted: int) -> bool:
            nonlocal sent
            sent = accepted
            self._tell(control, request, "running", sent)
            return bool(self._wanted(control)["request_id"] == request)

        try:
            self._tell(control, request, "running", 0)
            sent = self.replay(self._read(wanted["trace"]), Pace(wanted["speed"], wanted["seconds"]), is_wanted)
        except AlmanacError as error:
            log.warning("the trace %s cannot be sent: %s", wanted["trace"], error)
            self._tell(control, request, "failed", sent, str(error))
        else:
            self._tell(control, request, "finished", sent)

    def _tell(self, control: Connection, request: int, state: str, sent: int, detail: str | None = None) -> None:
        control.execute(OBEY, [request, state, detail, sent, self._name])

    def _wanted(self, control: Connection) -> Mapping[str, Any]:
        with control.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(CONTROL).fetchone()
        if found is None:
            raise UsageError("The control row of the simulator is gone. Put it back: INSERT INTO almanac.events_simulator DEFAULT VALUES")
        return found
