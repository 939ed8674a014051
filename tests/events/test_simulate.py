"""Simulated traffic: at the pace of the trace, within bounds, and on demand."""

import threading
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import psycopg
import pytest

from almanac.errors import DatabaseError, SourceUnavailable, UsageError
from almanac.store.connections.database import Database
from almanac.workloads.events.queue import simulator as simulate
from almanac.workloads.events.queue.simulator import Pace, Simulator
from almanac.workloads.events.replays.trace import Trace
from tests.events.event_driver import Bench
from tests.servers import wait_until

SECONDS = np.array([0.0, 1.0, 2.0, 10.0])
TRACE = Trace("made", SECONDS, np.array([1.0, 2.0, 3.0, 4.0]), np.array(["click", "click", "order", "order"]))


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def simulator(bench: Bench, trace: Trace = TRACE) -> Simulator:
    def read(name: str) -> Trace:
        if name == "nasa":
            raise SourceUnavailable("It is not there.")
        return trace

    ingest, control = (
        partial(Database(bench.url, role).connect, autocommit=True) for role in ("ingest", "worker")
    )
    return Simulator(ingest, control, read)


def test_arrivals_are_due_as_the_clock_of_the_trace_says() -> None:
    clock = iter([0.0, 0.5, 1.0, 1.5, 5.0])
    assert list(simulate.portions(TRACE, Pace(2.0, 60.0), lambda: next(clock))) == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 3),
        (3, 4),
    ]


def test_a_replay_ends_when_its_time_is_over() -> None:
    clock = iter([0.0, 4.0, 5.0])
    assert list(simulate.portions(TRACE, Pace(1.0, 5.0), lambda: next(clock))) == [(0, 1), (1, 3)]


def test_a_burst_is_sent_no_faster_than_the_bound() -> None:
    burst = Trace("burst", np.zeros(250), np.ones(250), np.full(250, "click"))
    assert list(simulate.portions(burst, Pace(1.0, 60.0), lambda: 0.0)) == [(0, 100), (100, 200), (200, 250)]


@pytest.mark.parametrize(
    "pace", [Pace(0.0, 1.0), Pace(3_601.0, 1.0), Pace(1.0, 0.0), Pace(1.0, 3_601.0), Pace(float("nan"), 1.0)]
)
def test_a_pace_beyond_the_bounds_is_refused(pace: Pace) -> None:
    with pytest.raises(UsageError, match=r"Use more than 0 and at most 3600\."):
        pace.checked()


def test_a_trace_comes_into_the_queue_marked_as_simulated(bench: Bench) -> None:
    assert simulator(bench).replay(TRACE, Pace(200.0, 10.0)) == 4
    found = bench.ask(
        "SELECT event_type, size_kb, simulated, left(event_id, 5) FROM almanac.events_queue ORDER BY received_at"
    )
    assert found == [
        ("click", 1.0, True, "made-"),
        ("click", 2.0, True, "made-"),
        ("order", 3.0, True, "made-"),
        ("order", 4.0, True, "made-"),
    ]
    assert simulator(bench).replay(TRACE, Pace(200.0, 10.0)) == 4, "the same trace may be sent again"


@pytest.fixture
def listening(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator that obeys the control row."""
    monkeypatch.setattr(simulate, "LISTEN_SECONDS", 0.02)
    made = simulator(bench)
    thread = threading.Thread(target=made.listen)
    thread.start()
    yield made
    made.stop()
    thread.join(10)
    assert not thread.is_alive()


def wish(bench: Bench, wanted: str, trace: str = "kafka", speed: float = 100.0, seconds: float = 5.0) -> None:
    with Database(bench.url, "ingest").connect() as connection:
        connection.execute("SELECT api.events_simulate(%s, %s, %s, %s)", [wanted, trace, speed, seconds])


def end_all(bench: Bench) -> int:
    """End all connections to the database, and return how many."""
    query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(bench.url, autocommit=True) as operator:
        return operator.execute(query).rowcount


def state(bench: Bench) -> tuple[str, int]:
    ((told, sent),) = bench.ask("SELECT state, sent FROM api.events_simulator")
    return str(told), int(sent)


def test_a_simulator_obeys_each_request_once(bench: Bench, listening: Simulator) -> None:
    wish(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))
    time.sleep(0.1)
    assert bench.ask("SELECT count(*) FROM almanac.events_queue") == [(4,)]
    wish(bench, "running")
    wait_until(lambda: bench.ask("SELECT count(*) FROM almanac.events_queue") == [(8,)])


def test_a_request_to_stop_ends_what_is_under_way(bench: Bench, listening: Simulator) -> None:
    wish(bench, "running", speed=1.0, seconds=60.0)
    wait_until(lambda: state(bench)[0] == "running")
    wish(bench, "stopped")
    wait_until(lambda: state(bench)[0] == "finished")
    assert bench.ask("SELECT count(*) < 4 FROM almanac.events_queue") == [(True,)]


def test_a_trace_that_cannot_be_read_is_told_and_the_simulator_goes_on(
    bench: Bench, listening: Simulator
) -> None:
    wish(bench, "running", trace="nasa")
    wait_until(
        lambda: (
            bench.ask("SELECT state, detail FROM api.events_simulator") == [("failed", "It is not there.")]
        )
    )
    wish(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))


def test_of_two_simulators_that_listen_one_obeys(bench: Bench) -> None:
    wish(bench, "running")
    for each in (simulator(bench), simulator(bench)):
        with each._control() as control:
            # As both have read it before either has begun.
            each._obey(control, each._wanted(control) | {"obeyed_id": 0})
    assert bench.ask("SELECT count(*) FROM almanac.events_queue") == [(4,)]


def test_a_request_whose_simulator_was_killed_is_said_to_have_failed(
    bench: Bench, listening: Simulator
) -> None:
    bench.ask(
        "UPDATE almanac.events_simulator SET state = 'running', seen_at = clock_timestamp() - interval '1 minute' RETURNING 1"
    )
    wait_until(
        lambda: (
            bench.ask("SELECT state, detail FROM api.events_simulator")
            == [("failed", "its simulator is gone")]
        )
    )


def test_a_simulator_that_listens_outlives_its_connection(
    bench: Bench, listening: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "AWAY_SECONDS", 0.05)
    wait_until(lambda: bench.ask("SELECT listener FROM api.events_simulator") != [(None,)])
    assert end_all(bench) > 0
    wish(bench, "running")
    wait_until(lambda: state(bench) == ("finished", 4))


def test_a_database_that_goes_away_in_the_midst_of_a_trace_is_named(bench: Bench) -> None:
    with pytest.raises(DatabaseError, match="The database went away while events were sent"):
        simulator(bench).replay(TRACE, Pace(20.0, 5.0), lambda accepted: end_all(bench) > 0)
