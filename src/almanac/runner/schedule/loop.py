"""The loop of `almanac schedule`: waits for what is due next, for arrivals and for signals."""

import logging
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

import psycopg

from almanac.connection_strings import make, reason_of
from almanac.log_lines import fields
from almanac.runner.schedule.engine import Engine
from almanac.runner.schedule.records import Connection

CHANNEL = "almanac_arrivals"
# A clock that was set, and what other schedulers leave behind, is seen within this time.
LONGEST_WAIT_SECONDS = 30.0
SHORTEST_WAIT_SECONDS = 0.2
# How soon a run that has ended is seen.
CHILD_SECONDS = 0.5
AWAY_SECONDS = 5.0
log = logging.getLogger("almanac")


def connect(url: str) -> Connection:
    """Open the connection of a scheduler, which listens for arrivals; raises psycopg.OperationalError."""
    connection = psycopg.connect(make(url, "owner", application_name="almanac-schedule"), autocommit=True)
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


class Loop:
    """One scheduler at work. The first SIGTERM lets the runs under way end, the second ends them."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)

    def run(self) -> None:
        """Work until a signal comes and the runs under way have ended."""
        with self._signals():
            while not (self._engine.draining and not self._engine.children):
                self._wait(self._step())

    def run_once(self) -> list[str]:
        """Run what is due now, with what follows in its chain; return the workloads that failed."""
        with self._signals():
            while True:
                due = self._engine.tick()
                is_due = due is not None and due <= datetime.now(UTC)
                if not self._engine.children and (not is_due or self._engine.draining):
                    return self._engine.failures
                self._wait(CHILD_SECONDS)

    def _step(self) -> float:
        """Do what is due and return for how many seconds to wait; a database that is away is tried again."""
        try:
            if self._engine.connection.closed:
                self._engine.reconnect(connect(self._url))
                log.info("database is back")
            due = self._engine.tick()
        except psycopg.OperationalError as error:
            log.warning("database is away", extra=fields(reason=reason_of(error)))
            self._engine.connection.close()
            return AWAY_SECONDS
        if self._engine.children or due is None:
            return CHILD_SECONDS if self._engine.children else LONGEST_WAIT_SECONDS
        seconds = (due - datetime.now(UTC)) / timedelta(seconds=1)
        return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)

    def _wait(self, seconds: float) -> None:
        """Wait, unless a notification or a signal comes before."""
        connection = self._engine.connection
        descriptors = [self._wake] if connection.closed else [self._wake, connection.fileno()]
        readable, _, _ = select.select(descriptors, [], [], seconds)
        if self._wake in readable:
            os.read(self._wake, 64)
        if connection.closed or connection.fileno() not in readable:
            return
        try:
            for notice in connection.notifies(timeout=0):
                self._engine.arrivals.notice(notice.payload, datetime.now(UTC))
        except psycopg.OperationalError:
            connection.close()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._stop) for number in numbers}
        descriptor = signal.set_wakeup_fd(self._woken)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._woken)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._engine.draining:
            self._engine.terminate()
        self._engine.draining = True
