"""Simulated traffic: at the pace of the trace, within bounds, and on request."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from almanac.errors import DatabaseError, SourceUnavailable, UsageError
from almanac.store.connections.database import Database
from almanac.workloads.events.queue import simulator
from almanac.workloads.events.queue.simulator import Pace, Simulator
from almanac.workloads.events.replays.trace import Trace
from tests.events.event_driver import Bench
from tests.servers import wait_until

SECONDS = np.array([0.0, 1.0, 2.0, 10.0])
TRACE = Trace("mine", SECONDS, np.array([1.0, 2.0, 3.0, 4.0]), np.array(["click", "click", "order", "order"]))
QUEUE = (
    "SELECT event_type, size_kb, simulated, left(event_id, 5) FROM almanac.events_queue ORDER BY received_at"
)
COUNT = "SELECT count(*) FROM almanac.events_queue"
DETAIL = "SELECT state, detail FROM api.events_simulator"
KILLED = """
UPDATE almanac.events_simulator SET state = 'running', seen_at = clock_timestamp() - interval '1 minute'
RETURNING 1
"""
END_ALL = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def read(name: str) -> Trace:
    if name == "nasa":
        raise SourceUnavailable("It is not there.")
    return TRACE


def simulator_on(bench: Bench) -> Simulator:
    return Simulator(bench.connect("ingest"), bench.connect(), read)


def portions(trace: Trace, pace: Pace, *clock: float) -> list[tuple[int, int]]:
    """Return the portions of a trace at some readings of the clock."""
    readings = iter(clock)
    return list(simulator.portions(trace, pace, lambda: next(readings)))


def test_arrivals_are_due_by_the_clock_of_the_trace() -> None:
    due = portions(TRACE, Pace(2.0, 60.0), 0.0, 0.5, 1.0, 1.5, 5.0)
    assert due == [(0, 1), (1, 2), (2, 3), (3, 3), (3, 4)]


def test_a_replay_ends_when_its_time_is_over() -> None:
    assert portions(TRACE, Pace(1.0, 5.0), 0.0, 4.0, 5.0) == [(0, 1), (1, 3)]


def test_a_burst_is_sent_no_faster_than_the_bound() -> None:
    burst = Trace("burst", np.zeros(250), np.ones(250), np.full(250, "click"))
    assert portions(burst, Pace(1.0, 60.0), 0.0, 0.0, 0.0) == [(0, 100), (100, 200), (200, 250)]


@pytest.mark.parametrize(
    "pace", [Pace(0.0, 1.0), Pace(3_601.0, 1.0), Pace(1.0, 0.0), Pace(1.0, 3_601.0), Pace(float("nan"), 1.0)]
)
def test_a_pace_beyond_the_bounds_is_refused(pace: Pace) -> None:
    with pytest.raises(UsageError, match=r"Use more than 0 and at most 3600\."):
        pace.checked()


def test_the_events_of_a_trace_are_marked_as_simulated(bench: Bench) -> None:
    assert simulator_on(bench).replay(TRACE, Pace(200.0, 10.0)) == 4
    assert bench.query(QUEUE) == [
        ("click", 1.0, True, "mine-"),
        ("click", 2.0, True, "mine-"),
        ("order", 3.0, True, "mine-"),
        ("order", 4.0, True, "mine-"),
    ]


def test_the_same_trace_may_be_sent_again(bench: Bench) -> None:
    assert [simulator_on(bench).replay(TRACE, Pace(200.0, 10.0)) for _ in range(2)] == [4, 4]


@pytest.fixture
def listening(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator that obeys the control row."""
    monkeypatch.setattr(simulator, "LISTEN_SECONDS", 0.02)
    listener = simulator_on(bench)
    thread = threading.Thread(target=listener.listen)
    thread.start()
    yield listener
    listener.stop()
    thread.join(10)
    assert not thread.is_alive()


def request(
    bench: Bench, state: str, trace: str = "kafka", speed: float = 100.0, seconds: float = 5.0
) -> None:
    with Database(bench.url, "ingest").connect() as connection:
        connection.execute("SELECT api.events_simulate(%s, %s, %s, %s)", [state, trace, speed, seconds])


def end_all(bench: Bench) -> int:
    """End all connections to the database, and return how many."""
    with psycopg.connect(bench.url, autocommit=True) as operator:
        return operator.execute(END_ALL).rowcount


def state(bench: Bench) -> tuple[str, int]:
    ((name, sent),) = bench.query("SELECT state, sent FROM api.events_simulator")
    return str(name), int(sent)


def test_a_simulator_obeys_each_request_once(bench: Bench, listening: Simulator) -> None:
    request(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))
    time.sleep(0.1)
    assert bench.query(COUNT) == [(4,)]
    request(bench, "running")
    wait_until(lambda: bench.query(COUNT) == [(8,)])


def test_a_request_to_stop_ends_the_replay(bench: Bench, listening: Simulator) -> None:
    request(bench, "running", speed=1.0, seconds=60.0)
    wait_until(lambda: state(bench)[0] == "running")
    request(bench, "stopped")
    wait_until(lambda: state(bench)[0] == "finished")
    assert bench.query("SELECT count(*) < 4 FROM almanac.events_queue") == [(True,)]


def test_a_trace_that_cannot_be_read_is_reported_and_the_simulator_goes_on(
    bench: Bench, listening: Simulator
) -> None:
    request(bench, "running", trace="nasa")
    wait_until(lambda: bench.query(DETAIL) == [("failed", "It is not there.")])
    request(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))


def test_of_two_simulators_that_listen_one_obeys(bench: Bench) -> None:
    request(bench, "running")
    for each in (simulator_on(bench), simulator_on(bench)):
        with each._control() as control:
            # Both have read the request before either has begun.
            each._obey(control, each._request(control) | {"obeyed_id": 0})
    assert bench.query(COUNT) == [(4,)]


def test_a_request_whose_simulator_was_killed_has_failed(bench: Bench, listening: Simulator) -> None:
    bench.query(KILLED)
    wait_until(lambda: bench.query(DETAIL) == [("failed", "its simulator is gone")])


def test_a_simulator_that_listens_outlives_its_connection(
    bench: Bench, listening: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "AWAY_SECONDS", 0.05)
    wait_until(lambda: bench.query("SELECT listener FROM api.events_simulator") != [(None,)])
    assert end_all(bench) > 0
    request(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))


def test_a_database_that_goes_away_during_a_trace_is_named(bench: Bench) -> None:
    with pytest.raises(DatabaseError, match="The database went away while events were sent"):
        simulator_on(bench).replay(TRACE, Pace(20.0, 5.0), lambda accepted: end_all(bench) > 0)
