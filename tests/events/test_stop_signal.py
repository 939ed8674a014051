"""Workers and simulators stop when they are asked to, whatever the signal interrupts."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest

from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.statements import ClaimedEvent
from almanac.workloads.events.queue.stop_signal import OutOfTime, StopSignal
from tests.events.event_driver import Bench, events

# Signals that come at any moment of thousands of short waits, as a worker has them.
HAMMER = """
import random, signal
from almanac.workloads.events.queue.stop_signal import StopSignal
luck = random.Random(1)
for number in range(3_000):
    stop = StopSignal()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, luck.uniform(1e-5, 4e-4))
    while not stop.is_set():
        stop.wait(1e-6)
print("stopped", number + 1)
"""


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes() -> None:
    process = subprocess.run(
        [sys.executable, "-c", HAMMER], capture_output=True, text=True, timeout=60, check=True
    )
    assert process.stdout == "stopped 3000\n"


def test_a_stop_ends_a_wait_and_prevents_others() -> None:
    stop = StopSignal()
    assert (stop.wait(0.01), stop.is_set()) == (False, False)
    stop.set()
    begun = time.monotonic()
    assert all(stop.wait(60.0) for _ in range(3))
    assert stop.is_set()
    assert time.monotonic() - begun < 30


def busy_in_python(_connection: Connection) -> None:
    time.sleep(60)


def busy_in_postgresql(connection: Connection) -> None:
    connection.execute("SELECT pg_sleep(60)")


def busy_in_computing(_connection: Connection) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


@pytest.mark.parametrize("busy", [busy_in_python, busy_in_postgresql, busy_in_computing])
def test_a_batch_that_outlasts_the_stop_is_given_back_and_no_event_is_to_blame(
    database_url: str, busy: Callable[[Connection], None]
) -> None:
    def interrupt(*_: object) -> None:
        raise OutOfTime

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        statements.roll_up(connection, batch)
        worker.stop()
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        busy(connection)

    bench = Bench(database_url)
    bench.send(*events(20))
    worker = bench.worker(work=work)
    before = signal.signal(signal.SIGALRM, interrupt)
    begun = time.monotonic()
    try:
        assert worker.run().events == 0
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < 30
    assert bench.query("SELECT count(*) FROM almanac.events_claims") == [(0,)]
    assert bench.query("SELECT DISTINCT attempts FROM almanac.events_queue") == [(0,)]
    assert bench.drain().events == 20
    assert len(set(bench.totals().values())) == 1
