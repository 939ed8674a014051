"""Runs on arrival: intake announces entries, and a run is due when enough of them wait or one waits long."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic

import pytest
import time_machine

from almanac.runner.schedule.engine import Engine
from almanac.runner.schedule.loop import Loop, connect
from almanac.runner.schedule.reading import of_workload
from almanac.workloads.logs.contract import CONTRACT
from tests.schedule.made_up_runs import Bench, MadeUpProcess

NOON = datetime(2026, 5, 5, 12, 0, 30, tzinfo=UTC)
ENTRY = """
    INSERT INTO almanac.log_entries (day, received_at, event_time, source, text, raw, demo)
    SELECT current_date, now(), now(), 'app', 'text', false, false FROM generate_series(1, %s)
"""


@pytest.fixture
def logs(bench: Bench) -> Bench:
    bench.contract = CONTRACT
    bench.connection.execute("SELECT almanac.log_open_day(current_date)")
    return bench


def engine_of(bench: Bench, rows: int, seconds: int) -> Engine:
    text = f"collect+predict every 1h on_arrival(rows={rows}, seconds={seconds})"
    return bench.engine(of_workload(CONTRACT, text))


def store(bench: Bench, entries: int) -> list[str]:
    """Store entries and return what was announced."""
    bench.connection.execute(ENTRY, [entries])
    return [notice.payload for notice in bench.connection.notifies(timeout=0.2)]


def test_entries_are_announced_and_a_burst_of_them_once(logs: Bench) -> None:
    assert store(logs, 3) == ["log_entries"]
    present = "SELECT setval('almanac.arrivals', floor(extract(epoch FROM now()) * 1000)::bigint)"
    logs.connection.execute(present)
    logs.connection.execute(ENTRY, [1])
    logs.connection.execute(ENTRY, [1])
    assert len(list(logs.connection.notifies(timeout=0.05))) <= 1


def test_a_run_is_due_as_soon_as_enough_entries_wait(logs: Bench) -> None:
    engine = engine_of(logs, 3, 30)
    _look(engine, NOON)
    before = len(logs.runs.started)
    store(logs, 2)
    engine.arrivals.notice("log_entries", NOON)
    _look(engine, NOON + timedelta(seconds=2))
    assert len(logs.runs.started) == before
    store(logs, 1)
    _look(engine, NOON + timedelta(seconds=3))
    assert (len(logs.runs.started) - before, logs.runs.slots[-1]) == (1, "05-05T12:00")
    assert logs.runs.started[-1]["--slot"] == "2026-05-05T12:00:33+00:00"


def test_one_entry_waits_no_longer_than_the_seconds_and_a_rest_makes_the_next_run(logs: Bench) -> None:
    engine = engine_of(logs, 1000, 30)
    _look(engine, NOON)
    store(logs, 1)
    engine.arrivals.notice("log_entries", NOON)
    _look(engine, NOON + timedelta(seconds=29))
    assert len(logs.runs.started) == 1
    # The made-up run covers nothing, so that the entry still waits after it.
    _look(engine, NOON + timedelta(seconds=30))
    assert len(logs.runs.started) == 2
    _look(engine, NOON + timedelta(seconds=61))
    assert len(logs.runs.started) == 3


def test_the_loop_wakes_at_once_for_an_arrival(logs: Bench, database_url: str) -> None:
    with connect(database_url) as own:
        engine = engine_of(logs, 1, 30)
        engine.connection = own
        loop = Loop(engine, database_url)
        engine.tick()
        engine.tick()
        started, thread = monotonic(), Thread(target=loop._wait, args=(20.0,))
        thread.start()
        store(logs, 1)
        thread.join()
        assert monotonic() - started < 10
        engine.tick()
        assert len(logs.runs.started) == 2
        assert isinstance(next(iter(engine.children.values())).process, MadeUpProcess)


def _look(engine: Engine, instant: datetime) -> None:
    with time_machine.travel(instant, tick=False):
        engine.tick()
        engine.tick()
