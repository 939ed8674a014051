"""The worker claims in order, does the work once, records its cost, and stops when it is asked to."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from almanac.store.connections.database import Database
from almanac.workloads.events.policy.queue_view import Connection, QueueView
from almanac.workloads.events.policy.sizing import Decision, FixedSizing
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.statements import ClaimedEvent
from almanac.workloads.events.queue.work import Work
from almanac.workloads.events.queue.worker import Worker
from tests.events.event_driver import Bench, event, events

ROLLUPS = """
SELECT minute::text, event_type, priority, events, kb, late, early FROM almanac.events_rollups ORDER BY minute
"""
STATUS = (
    "SELECT worker, policy, policy_source, batches, events, stopped_at IS NOT NULL FROM api.events_workers"
)
AHEAD = """
UPDATE almanac.events_queue
SET received_at = received_at + interval '1 hour', rank_at = rank_at + interval '1 hour'
RETURNING 1
"""
EARLIER_RANK = """
UPDATE almanac.events_queue SET rank_at = rank_at - interval '61 seconds' WHERE event_id = 'low' RETURNING 1
"""
IDLE_TIMEOUTS = ("idle_in_transaction_session_timeout", "idle_session_timeout")


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def slow(seconds: float) -> Work:
    """Return work that also sleeps."""

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        time.sleep(seconds)
        statements.roll_up(connection, batch)

    return work


def run_for(worker: Worker, seconds: float) -> None:
    threading.Timer(seconds, worker.stop).start()
    worker.run()


def claimed(bench: Bench, size: int) -> list[str]:
    """Return the ids of the next events, and give them back."""
    with bench.connect()() as connection, connection.transaction():
        return [claim.event_id for claim in statements.claim(connection, size)]


def test_every_event_takes_effect_once(bench: Bench) -> None:
    bench.send(*events(25, size_kb=2.0))
    tally = bench.drain()
    assert (tally.events, tally.batches) == (25, {"fixed": 3})
    assert bench.totals() == dict.fromkeys(("stored", "done", "rolled up", "in batches", "with batch"), 25)
    assert bench.drain().events == 0


def test_events_are_rolled_up_by_type_and_minute_and_late_and_early_ones_are_counted(bench: Bench) -> None:
    late = {"event_type": "click", "size_kb": 1.5}
    bench.send(
        event(event_time="2020-01-01T00:00:59Z", **late), event(event_time="2020-01-01T00:00:01Z", **late)
    )
    bench.send(event(event_time="2099-01-01T02:00:00+02:00", event_type="order", priority=2))
    bench.drain()
    assert bench.query(ROLLUPS) == [
        ("2020-01-01 00:00:00+00", "click", 1, 2, 3.0, 2, 0),
        ("2099-01-01 00:00:00+00", "order", 2, 1, 2.0, 0, 1),
    ]


def test_a_batch_is_recorded_with_its_events_and_the_rule_that_sized_it(bench: Bench) -> None:
    bench.send(*events(3, event_type="click"), event(size_kb=4.0))
    bench.drain()
    columns = "worker, events, kb, kinds, backlog, size_wanted, sized_by, predicted_seconds, simulated"
    assert bench.query(f"SELECT {columns} FROM almanac.events_batches") == [
        ("first", 4, 10.0, {"click": 3, "order": 1}, 4, 10, "fixed", None, False)
    ]


def test_a_batch_is_recorded_with_its_misses_and_the_parts_of_its_cost(bench: Bench) -> None:
    bench.send(*events(4))
    bench.drain(work=lambda connection, batch: time.sleep(0.05), objective=0.04)
    columns = "fixed_cost, event_cost, missed, second_cost / seconds"
    ((fixed, per_event, missed, price),) = bench.query(f"SELECT {columns} FROM almanac.events_batches")
    assert (fixed, per_event, missed) == (0.10, 0.02, 4)
    assert price == pytest.approx(0.02)


def test_a_batch_is_recorded_with_its_waits_and_seconds(bench: Bench) -> None:
    bench.send(*events(4))
    bench.drain(work=lambda connection, batch: time.sleep(0.05))
    columns = "seconds, oldest_seconds, mean_wait_seconds"
    ((seconds, oldest, mean),) = bench.query(f"SELECT {columns} FROM almanac.events_batches")
    assert 0.05 <= seconds < 1
    assert 0 <= mean <= oldest < 5


def test_high_priority_goes_first_and_low_priority_grows_old_enough_to_go_first(bench: Bench) -> None:
    priorities = {"low": 0, "high": 2, "medium": 1, "high2": 2}
    bench.send(*(event(event_id=name, priority=priority) for name, priority in priorities.items()))
    assert claimed(bench, 4) == ["high", "high2", "medium", "low"]
    # A step of priority is worth 30 seconds: low overtakes high after a minute.
    bench.query(EARLIER_RANK)
    assert claimed(bench, 2) == ["low", "high"]


def test_a_worker_neither_sees_nor_claims_the_events_that_another_has_claimed(bench: Bench) -> None:
    bench.send(*events(5))
    with bench.connect()() as first, bench.connect()() as second, first.transaction():
        claims.record(second, "first", statements.claim(first, 3))
        assert statements.view(second).backlog == 2
        assert not statements.is_empty(second)
        with second.transaction():
            assert len(statements.claim(second, 5)) == 2


def test_a_view_writes_nothing(bench: Bench) -> None:
    bench.send(*events(5))
    with bench.connect()() as connection, connection.transaction():
        assert statements.view(connection).backlog == 5
        # Whatever writes, even a row lock, has a transaction id.
        assert connection.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)


def test_a_view_of_an_empty_queue_is_empty(bench: Bench) -> None:
    with bench.connect()() as connection:
        view = statements.view(connection)
    assert (view.backlog, view.oldest_seconds, view.oldest_id, view.average_kb) == (0, 0.0, None, 0.0)


def test_a_view_has_backlog_age_and_average_size(bench: Bench) -> None:
    bench.send(event(event_id="a", size_kb=1.0))
    bench.send(event(size_kb=4.0))
    time.sleep(0.05)
    with bench.connect()() as connection:
        view = statements.view(connection)
    assert (view.backlog, view.oldest_id, view.average_kb, view.has_retries) == (2, "a", 2.5, False)
    assert 0.05 <= view.instant - view.newest_at <= view.oldest_seconds < 5
    assert view.instant == pytest.approx(time.time(), abs=60)


def test_a_view_has_the_oldest_event_of_any_priority_though_others_go_first(bench: Bench) -> None:
    bench.send(event(event_id="low", priority=0))
    time.sleep(0.05)
    bench.send(event(event_id="high", priority=2))
    with bench.connect()() as connection:
        view = statements.view(connection)
    assert view.oldest_id == "low"
    # "high" goes first, and yet "low" is the one that must not become too old.
    assert view.next_ages[0] < view.next_ages[1] - 0.04
    assert view.oldest_seconds == pytest.approx(view.next_ages[1], abs=0.01)


def test_events_count_as_older_by_the_time_that_claiming_and_recording_take(bench: Bench) -> None:
    worker = bench.worker()
    bench.send(*events(10))
    worker.run()
    # A first batch moves the mean by a tenth, and by no more than a bound.
    assert 0 < worker.clock.lag_seconds < 0.1 * 0.2 * 2.0 + 1e-9
    worker.clock.lag_seconds = 5.0
    bench.send(event())
    with bench.connect()() as connection:
        assert 5.0 <= worker.clock.view(connection).oldest_seconds < 6.0


def test_two_workers_share_the_work_and_nothing_is_done_twice(bench: Bench) -> None:
    barrier, met = threading.Barrier(2, timeout=60), set()

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        """Begin only when the other worker has a batch, too."""
        if threading.current_thread() not in met:
            met.add(threading.current_thread())
            barrier.wait()
        statements.roll_up(connection, batch)

    bench.send(*events(600))
    workers = [bench.worker(FixedSizing(20, 2.0), name=name, work=work) for name in ("one", "two")]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(worker.tally.events > 0 for worker in workers)
    assert set(bench.totals().values()) == {600}


@pytest.mark.slow
def test_a_clock_that_is_set_back_does_not_make_an_event_wait_longer(bench: Bench) -> None:
    bench.send(event())
    bench.query(AHEAD)
    worker = bench.worker(FixedSizing(10, 0.4), drain=False)
    run_for(worker, 1.5)
    assert worker.tally.events == 1
    assert bench.query("SELECT oldest_seconds FROM almanac.events_batches") == [(0.0,)]


@pytest.mark.slow
def test_a_full_batch_starts_at_once_and_another_when_its_time_has_come(bench: Bench) -> None:
    worker = bench.worker(FixedSizing(10, 1.0), drain=False)
    bench.send(*events(12))
    run_for(worker, 1.2)
    columns = "events, round(oldest_seconds::numeric, 1) >= 0.5"
    rows = bench.query(f"SELECT {columns} FROM almanac.events_batches ORDER BY 1")
    assert rows == [(2, True), (10, False)]


def test_a_worker_that_is_stopped_ends_after_its_batch(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "almanac.events")
    bench.send(*events(30))
    worker = bench.worker(work=slow(0.3))
    run_for(worker, 0.1)
    assert (worker.tally.events, bench.totals()["done"]) == (10, 10)
    assert "worker first begins: policy fixed:10, objective 2 s" in caplog.text
    assert "worker first ends: 10 events in 1 batches (1 fixed)" in caplog.text


def test_a_worker_shows_that_it_works_and_that_it_has_stopped(bench: Bench) -> None:
    bench.send(*events(10))
    bench.drain()
    assert bench.query(STATUS) == [("first", "fixed:10", "the command line", {"fixed": 1}, 10, True)]


def test_work_may_last_longer_than_the_idle_timeouts_of_the_database(bench: Bench) -> None:
    bench.send(*events(3))
    with Database(bench.url, "login").connect(autocommit=True) as owner:
        for setting in IDLE_TIMEOUTS:
            owner.execute(f"ALTER ROLE ALL IN DATABASE {owner.info.dbname} SET {setting} = '100ms'".encode())
    assert bench.drain(work=slow(0.4)).batches == {"fixed": 1}


@pytest.mark.slow
def test_an_error_that_comes_at_once_each_time_is_tried_more_and_more_rarely(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bench.worker(drain=False)
    with bench.connect()() as other:
        claims.lock_worker(other, "first")
        other.execute("SET lock_timeout = 0")
        run_for(worker, 4.6)
    messages = [record.message for record in caplog.records if "trying again" in record.message]
    assert [message.partition(":")[0] for message in messages[:2]] == [
        "the database is away, trying again in 0.10 s",
        "the database is away, trying again in 0.20 s",
    ]
    assert messages[0].endswith(
        "Another worker is called 'first', or its connection is not gone yet. "
        "Give each a host name of its own."
    )


def test_retries_take_turns_with_the_other_events(bench: Bench) -> None:
    worker = bench.worker()
    view = QueueView(5, 1.0, [9.0], "a", has_retries=True, is_retry_due=True, hour=3)
    assert worker._decide(view) == Decision(1, 0.0, "again")
    worker._was_retry = True
    assert worker._decide(view).sized_by == "fixed"
    assert worker._decide(replace(view, backlog=0)).wait_seconds > 0
    assert worker._decide(view).sized_by == "again"
