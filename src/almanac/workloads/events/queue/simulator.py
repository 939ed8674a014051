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
from almanac.workloads.events.queue.statements import Connection
from almanac.workloads.events.queue.stop_signal import Ending
from almanac.workloads.events.replays.trace import Trace

Connect = Callable[[], AbstractContextManager[Connection]]
Read = Callable[[str], Trace]
MOST_SPEED = 3_600.0
MOST_SECONDS = 3_600.0
# What a trace asks for beyond this waits for its turn; the pace is then slower than the trace.
MOST_PER_SECOND = 2_000
TICK_SECONDS = 0.05
LISTEN_SECONDS = 0.5
AWAY_SECONDS = 1.0
LARGEST_KB = 1_000_000.0
PRIORITIES = (0, 1, 1, 2)
INGEST = "SELECT count(*) FILTER (WHERE outcome = 'accepted') FROM api.events_ingest(%s, true)"
CONTROL = "SELECT request_id, wanted, trace, speed, seconds, obeyed_id FROM almanac.events_simulator"
# Where several listen, one obeys.
TAKE = """
UPDATE almanac.events_simulator
SET obeyed_id = %(request)s, state = 'running', detail = NULL, sent = 0, listener = %(listener)s, seen_at = clock_timestamp()
WHERE request_id = %(request)s AND obeyed_id < %(request)s RETURNING request_id
"""
TELL = "UPDATE almanac.events_simulator SET state = %s, detail = %s, sent = %s, listener = %s, seen_at = clock_timestamp() WHERE obeyed_id = %s"
# Who listens says so, except while another one sends; one that has sent nothing for so long was killed.
SEEN = """
UPDATE almanac.events_simulator SET listener = %(listener)s, seen_at = clock_timestamp(),
    state = CASE state WHEN 'running' THEN 'failed' ELSE state END, detail = CASE state WHEN 'running' THEN 'its simulator is gone' ELSE detail END
WHERE state <> 'running' OR seen_at < clock_timestamp() - interval '30 seconds'
"""
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
        self._stopping = Ending()
        self._name = uuid4().hex[:8]

    def stop(self) -> None:
        """End soon."""
        self._stopping.ask()

    def replay(self, trace: Trace, pace: Pace, is_wanted: Callable[[int], bool] | None = None) -> int:
        """Send a trace and return how many events were accepted; `is_wanted` is told at each tick and may end it. Raises DatabaseError."""
        prefix, accepted = f"{trace.name[:40]}-{uuid4().hex[:10]}", 0
        began = time.monotonic()
        with self._ingest() as connection:
            for first, last in portions(trace, pace.checked(), lambda: time.monotonic() - began):
                accepted += _sent(connection, messages(trace, first, last, prefix)) if last > first else 0
                if self._stopping.is_asked() or (is_wanted and not is_wanted(accepted)):
                    break
                self._stopping.wait(TICK_SECONDS)
        log.info("%s: %s events in %.1f s", trace.name, accepted, time.monotonic() - began)
        return accepted

    def listen(self) -> None:
        """Obey the control row until told to stop, whether or not the database goes away meanwhile.

        A request is obeyed once, and ends when another one comes.
        """
        log.info("simulator %s listens", self._name)
        while not self._stopping.is_asked():
            try:
                with self._control() as control:
                    self._listen(control)
            except (psycopg.OperationalError, DatabaseError) as error:
                log.warning(
                    "the database is away, trying again in %g s: %s",
                    AWAY_SECONDS,
                    str(error).strip().partition("\n")[0],
                )
                self._stopping.wait(AWAY_SECONDS)

    def _listen(self, control: Connection) -> None:
        while not self._stopping.is_asked():
            wanted = self._wanted(control)
            if wanted["wanted"] == "running" and wanted["request_id"] > wanted["obeyed_id"]:
                self._obey(control, wanted)
            else:
                control.execute(SEEN, {"listener": self._name})
                self._stopping.wait(LISTEN_SECONDS)

    def _obey(self, control: Connection, wanted: Mapping[str, Any]) -> None:
        request, sent = wanted["request_id"], 0
        if control.execute(TAKE, {"request": request, "listener": self._name}).fetchone() is None:
            return

        def is_wanted(accepted: int) -> bool:
            nonlocal sent
            sent = accepted
            self._tell(control, request, "running", sent)
            return bool(self._wanted(control)["request_id"] == request)

        try:
            sent = self.replay(
                self._read(wanted["trace"]), Pace(wanted["speed"], wanted["seconds"]), is_wanted
            )
        except AlmanacError as error:
            log.warning("the trace %s cannot be sent: %s", wanted["trace"], error)
            self._tell(control, request, "failed", sent, str(error))
        else:
            self._tell(control, request, "finished", sent)

    def _tell(
        self, control: Connection, request: int, state: str, sent: int, detail: str | None = None
    ) -> None:
        control.execute(TELL, [state, detail, sent, self._name, request])

    def _wanted(self, control: Connection) -> Mapping[str, Any]:
        with control.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(CONTROL).fetchone()
        if found is None:
            raise UsageError(
                "The control row of the simulator is gone. Put it back: INSERT INTO almanac.events_simulator DEFAULT VALUES"
            )
        return found


def _sent(connection: Connection, events: str) -> int:
    try:
        found = connection.execute(INGEST, [events]).fetchone()
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"The database went away while events were sent: {str(error).strip().splitlines()[0]}. Send the rest again."
        ) from error
    return int(found[0]) if found else 0
