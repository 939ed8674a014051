"""Sends the arrivals of a trace to the queue at the pace of the trace, or as a control row says."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
from psycopg.rows import dict_row

from almanac.errors import AlmanacError, DatabaseError, UsageError
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.queue.stop_signal import StopSignal
from almanac.workloads.events.replays.trace import Trace
from almanac.workloads.events.shared.intake import LARGEST_KB

Connect = Callable[[], AbstractContextManager[Connection]]
Read = Callable[[str], Trace]
# Called at each tick with the number of accepted events; returns whether to go on.
Progress = Callable[[int], bool]
MOST_SPEED = 3_600.0
MOST_SECONDS = 3_600.0
# Events beyond this rate are sent later; the pace is then slower than that of the trace.
MOST_PER_SECOND = 2_000
TICK_SECONDS = 0.05
LISTEN_SECONDS = 0.5
AWAY_SECONDS = 1.0
# The priorities of events one after the other: half of them are medium.
PRIORITY_CYCLE = (0, 1, 1, 2)
MOST_KIND_CHARACTERS = 100
INGEST = "SELECT count(*) FILTER (WHERE outcome = 'accepted') FROM api.events_ingest(%s, true)"
CONTROL = "SELECT request_id, wanted, trace, speed, seconds, obeyed_id FROM almanac.events_simulator"
# Of several simulators that listen, one takes a request.
TAKE = """
UPDATE almanac.events_simulator
SET obeyed_id = %(request)s, state = 'running', detail = NULL, sent = 0, listener = %(listener)s,
    seen_at = clock_timestamp()
WHERE request_id = %(request)s AND obeyed_id < %(request)s RETURNING request_id
"""
REPORT = """
UPDATE almanac.events_simulator
SET state = %s, detail = %s, sent = %s, listener = %s, seen_at = clock_timestamp()
WHERE obeyed_id = %s
"""
# A simulator that listens shows that it is there, except while another one sends. One that has sent nothing
# for 30 seconds was killed.
LISTENING = """
UPDATE almanac.events_simulator SET listener = %(listener)s, seen_at = clock_timestamp(),
    state = CASE state WHEN 'running' THEN 'failed' ELSE state END,
    detail = CASE state WHEN 'running' THEN 'its simulator is gone' ELSE detail END
WHERE state <> 'running' OR seen_at < clock_timestamp() - interval '30 seconds'
"""
MISSING_ROW = (
    "The control row of the simulator is gone. "
    "Put it back: INSERT INTO almanac.events_simulator DEFAULT VALUES"
)
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class Pace:
    """How fast a trace is replayed and for how long; `seconds` are those of the real clock."""

    speed: float = 1.0
    seconds: float = 60.0

    def checked(self) -> "Pace":
        """Return the pace; raises UsageError where it is beyond the bounds."""
        if not 0 < self.speed <= MOST_SPEED:
            raise UsageError(
                f"Speed {self.speed:g} does not fit. Use more than 0 and at most {MOST_SPEED:g}."
            )
        if not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(
                f"{self.seconds:g} seconds do not fit. Use more than 0 and at most {MOST_SECONDS:g}."
            )
        return self


def portions(trace: Trace, pace: Pace, elapsed: Callable[[], float]) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of the events that are due at each moment, at most MOST_PER_SECOND.

    The portions end with the trace or with the seconds of the pace.
    """
    sent = 0
    while sent < len(trace) and (now := elapsed()) < pace.seconds:
        due = int(np.searchsorted(trace.seconds, now * pace.speed, side="right"))
        last = min(due, sent + round(MOST_PER_SECOND * TICK_SECONDS))
        yield sent, last
        sent = max(sent, last)


def messages(trace: Trace, first: int, last: int, prefix: str) -> str:
    """Return some arrivals of a trace as the JSON that `api.events_ingest` reads; they happen now."""
    now = datetime.now(UTC).isoformat()
    events = [_message(trace, place, f"{prefix}-{place:07d}", now) for place in range(first, last)]
    return json.dumps(events)


class Simulator:
    """Sends traces; `stop` ends it at the next tick."""

    def __init__(self, ingest: Connect, control: Connect, read: Read) -> None:
        self._ingest = ingest
        self._control = control
        self._read = read
        self._stop = StopSignal()
        self._name = uuid4().hex[:8]

    def stop(self) -> None:
        """Stop soon."""
        self._stop.set()

    def replay(self, trace: Trace, pace: Pace, progress: Progress | None = None) -> int:
        """Send a trace and return how many events were accepted; `progress` may end it.

        Raises DatabaseError.
        """
        pace.checked()
        prefix = f"{trace.name[:40]}-{uuid4().hex[:10]}"
        accepted = 0
        with self._ingest() as connection:
            began = time.monotonic()
            for first, last in portions(trace, pace, lambda: time.monotonic() - began):
                if last > first:
                    accepted += _send(connection, messages(trace, first, last, prefix))
                if self._stop.is_set() or (progress and not progress(accepted)):
                    break
                self._stop.wait(TICK_SECONDS)
        log.info("%s: %s events in %.1f s", trace.name, accepted, time.monotonic() - began)
        return accepted

    def listen(self) -> None:
        """Obey the control row until `stop`, whether or not the database goes away meanwhile.

        A request is obeyed once, and ends when another one comes.
        """
        log.info("simulator %s listens", self._name)
        while not self._stop.is_set():
            try:
                with self._control() as control:
                    self._listen(control)
            except (psycopg.OperationalError, DatabaseError) as error:
                reason = str(error).strip().partition("\n")[0]
                log.warning("the database is away, trying again in %g s: %s", AWAY_SECONDS, reason)
                self._stop.wait(AWAY_SECONDS)

    def _listen(self, control: Connection) -> None:
        while not self._stop.is_set():
            request = self._request(control)
            if request["wanted"] == "running" and request["request_id"] > request["obeyed_id"]:
                self._obey(control, request)
            else:
                control.execute(LISTENING, {"listener": self._name})
                self._stop.wait(LISTEN_SECONDS)

    def _obey(self, control: Connection, request: Mapping[str, Any]) -> None:
        """Send the trace of a request, unless another simulator has taken it.

        Report its progress and its end.
        """
        request_id, sent = request["request_id"], 0
        if not self._take(control, request_id):
            return

        def progress(accepted: int) -> bool:
            nonlocal sent
            sent = accepted
            self._report(control, request_id, "running", sent)
            return bool(self._request(control)["request_id"] == request_id)

        try:
            trace = self._read(request["trace"])
            sent = self.replay(trace, Pace(request["speed"], request["seconds"]), progress)
        except AlmanacError as error:
            log.warning("the trace %s cannot be sent: %s", request["trace"], error)
            self._report(control, request_id, "failed", sent, str(error))
        else:
            self._report(control, request_id, "finished", sent)

    def _take(self, control: Connection, request_id: int) -> bool:
        """Take a request; return whether no other simulator has taken it."""
        row = control.execute(TAKE, {"request": request_id, "listener": self._name}).fetchone()
        return row is not None

    def _report(
        self, control: Connection, request_id: int, state: str, sent: int, detail: str | None = None
    ) -> None:
        control.execute(REPORT, [state, detail, sent, self._name, request_id])

    def _request(self, control: Connection) -> Mapping[str, Any]:
        with control.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(CONTROL).fetchone()
        if row is None:
            raise UsageError(MISSING_ROW)
        return row


def _message(trace: Trace, place: int, event_id: str, now: str) -> dict[str, object]:
    return {
        "event_id": event_id,
        "event_type": str(trace.kinds[place])[:MOST_KIND_CHARACTERS] or "event",
        "event_time": now,
        "size_kb": min(float(trace.kb[place]), LARGEST_KB),
        "priority": PRIORITY_CYCLE[place % len(PRIORITY_CYCLE)],
    }


def _send(connection: Connection, events: str) -> int:
    """Store events and return how many were accepted."""
    try:
        row = connection.execute(INGEST, [events]).fetchone()
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise DatabaseError(
            f"The database went away while events were sent: {reason}. Send the rest again."
        ) from error
    return int(row[0]) if row else 0
