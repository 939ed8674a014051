"""The worker claims in order, does the work once, records what it cost, tries again, buries, and stops when it is told."""

import logging
import threading
import time
from dataclasses import replace

import pytest

from almanac.store.connections.database import Database
from almanac.workloads.events.policy.sizing import Decision, Fixed
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.statements import Sight
from tests.events.event_driver import Bench, event, events


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def test_every_event_takes_effect_once(bench: Bench) -> None:
    bench.send(*events(25, size_kb=2.0))
    tally = bench.drain()
    assert (tally.events, tally.batches) == (25, {"fixed": 3})
    assert bench.settled() == dict.fromkeys(("stored", "done", "rolled up", "in batches", "with batch"), 25)
    assert bench.drain().events == 0


def test_events_are_rolled_up_by_type_and_minute_and_late_and_early_ones_are_counted(bench: Bench) -> None:
    bench.send(
        event(event_time="2020-01-01T00:00:59Z", event_type="click", size_kb=1.5),
        event(event_time="2020-01-01T00:00:01Z", event_type="click"),
    )
    bench.send(event(event_time="2099-01-01T02:00:00+02:00", event_type="order", priority=2))
    bench.drain()
    found = bench.ask(
        "SELECT minute::text, event_type, priority, events, kb, late, early FROM almanac.events_rollups ORDER BY minute"
    )
    assert found == [
        ("2020-01-01 00:00:00+00", "click", 1, 2, 3.5, 2, 0),
        ("2099-01-01 00:00:00+00", "order", 2, 1, 2.0, 0, 1),
    ]


def test_a_batch_is_recorded_with_its_waits_and_the_parts_of_its_cost(bench: Bench) -> None:
    bench.send(*events(3, event_type="click"), event(size_kb=4.0))
    bench.drain(work=lambda connection, batch: time.sleep(0.05), objective=0.04)
    columns = "worker, events, kb, kinds, backlog, size_wanted, sized_by, fixed_cost, event_cost, second_cost / seconds, missed, simulated"
    ((worker, count, kb, kinds, backlog, wanted, sized_by, fixed, per_event, price, missed, simulated),) = (
        bench.ask(f"SELECT {columns} FROM almanac.events_batches")
    )
    assert (worker, count, kb, kinds, backlog) == ("first", 4, 10.0, {"click": 3, "order": 1}, 4)
    assert (wanted, sized_by, fixed, per_event, missed, simulated) == (10, "fixed", 0.10, 0.02, 4, False)
    assert price == pytest.approx(0.02)
    ((seconds, oldest, mean, predicted),) = bench.ask(
        "SELECT seconds, oldest_seconds, mean_wait_seconds, predicted_seconds FROM almanac.events_batches"
    )
    assert 0.05 <= seconds < 1
    assert 0 <= mean <= oldest < 5
    assert predicted is None


def test_high_priority_goes_first_and_low_priority_grows_old_enough_to_be_taken(bench: Bench) -> None:
    bench.send(
        *(
            event(event_id=name, priority=step)
            for name, step in (("low", 0), ("high", 2), ("medium", 1), ("high2", 2))
        )
    )
    assert claimed(bench, 4) == ["high", "high2", "medium", "low"]
    # A step of priority is worth 30 seconds: low overtakes high after a minute.
    bench.ask(
        "UPDATE almanac.events_queue SET rank_at = rank_at - interval '61 seconds' WHERE event_id = 'low' RETURNING 1"
    )
    assert claimed(bench, 2) == ["low", "high"]


def test_what_one_worker_has_claimed_another_neither_sees_nor_claims(bench: Bench) -> None:
    bench.send(*events(5))
    with bench.worker()._connect() as first, bench.worker()._connect() as second, first.transaction():
        claims.note(second, "first", statements.claim(first, 3))
        assert statements.look(second).backlog == 2
        assert not statements.is_empty(second)
        with second.transaction():
            assert len(statements.claim(second, 5)) == 2


def test_a_look_writes_nothing(bench: Bench) -> None:
    bench.send(*events(5))
    with bench.worker()._connect() as connection, connection.transaction():
        assert statements.look(connection).backlog == 5
        # Whatever writes, were it only the lock of a row, has a number.
        assert connection.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)


def test_a_look_tells_backlog_age_and_average_size(bench: Bench) -> None:
    with bench.worker()._connect() as connection:
        nothing = statements.look(connection)
        bench.send(event(event_id="a", size_kb=1.0))
        bench.send(event(size_kb=4.0))
        time.sleep(0.05)
        sight = statements.look(connection)
    assert (nothing.backlog, nothing.oldest_seconds, nothing.oldest_id, nothing.average_kb) == (
        0,
        0.0,
        None,
        0.0,
    )
    assert (sight.backlog, sight.oldest_id, sight.average_kb, sight.is_any_again) == (2, "a", 2.5, False)
    assert 0.05 <= sight.instant - sight.newest_at <= sight.oldest_seconds < 5
    assert sight.instant == pytest.approx(time.time(), abs=60)


def test_a_look_sees_the_oldest_of_any_priority_though_others_go_first(bench: Bench) -> None:
    bench.send(event(event_id="low", priority=0))
    time.sleep(0.05)
    bench.send(event(event_id="high", priority=2))
    with bench.worker()._connect() as connection:
        sight = statements.look(connection)
    assert sight.oldest_id == "low"
    # "high" goes first, and yet "low" is the one that must not become too old.
    assert sight.next_ages[0] < sight.next_ages[1] - 0.04
    assert sight.oldest_seconds == pytest.approx(sight.next_ages[1], abs=0.01)


def test_events_count_as_older_by_what_claiming_and_recording_take(bench: Bench) -> None:
    worker = bench.worker()
    bench.send(*events(10))
    worker.run()
    assert 0 < worker._lag_seconds < 0.1 * 0.2 * 2.0 + 1e-9, (
        "a first batch moves the mean by a tenth, and by no more than a bound"
    )
    worker._lag_seconds = 5.0
    bench.send(event())
    with worker._connect() as connection:
        assert 5.0 <= worker._seen(connection).oldest_seconds < 6.0


def test_two_workers_share_the_work_and_nothing_is_done_twice(bench: Bench) -> None:
    both, met = threading.Barrier(2, timeout=60), set()

    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        """Begin only when the other worker has a batch, too."""
        if threading.current_thread() not in met:
            met.add(threading.current_thread())
            both.wait()
        statements.roll_up(connection, batch)

    bench.send(*events(600))
    workers = [bench.worker(Fixed(20, 2.0), name=name, work=work) for name in ("one", "two")]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(worker.tally.events > 0 for worker in workers)
    assert set(bench.settled().values()) == {600}


@pytest.mark.slow
def test_a_clock_that_is_set_back_does_not_make_an_event_wait_longer(bench: Bench) -> None:
    bench.send(event())
    bench.ask(
        "UPDATE almanac.events_queue SET received_at = received_at + interval '1 hour', rank_at = rank_at + interval '1 hour' RETURNING 1"
    )
    worker = bench.worker(Fixed(10, 0.4), drain=False)
    run_for(worker, 1.5)
    assert worker.tally.events == 1
    assert bench.ask("SELECT oldest_seconds FROM almanac.events_batches") == [(0.0,)]


@pytest.mark.slow
def test_a_full_batch_starts_at_once_and_another_when_its_time_has_come(bench: Bench) -> None:
    worker = bench.worker(Fixed(10, 1.0), drain=False)
    bench.send(*events(12))
    run_for(worker, 1.2)
    assert bench.ask(
        "SELECT events, round(oldest_seconds::numeric, 1) >= 0.5 FROM almanac.events_batches ORDER BY 1"
    ) == [(2, True), (10, False)]


def test_a_worker_that_is_told_to_stop_ends_after_its_batch(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "almanac.events")
    bench.send(*events(30))
    worker = bench.worker(
        work=lambda connection, batch: time.sleep(0.3) or statements.roll_up(connection, batch)
    )
    threading.Timer(0.1, worker.stop).start()
    tally = worker.run()
    assert (tally.events, bench.settled()["done"]) == (10, 10)
    assert "worker first begins: policy fixed:10, objective 2 s" in caplog.text
    assert "worker first ends: 10 events in 1 batches (1 fixed)" in caplog.text


def test_a_worker_shows_that_it_is_there_and_that_it_has_left(bench: Bench) -> None:
    bench.send(*events(10))
    bench.drain()
    ((worker, policy, source, batches, count, has_left),) = bench.ask(
        "SELECT worker, policy, policy_source, batches, events, stopped_at IS NOT NULL FROM api.events_workers"
    )
    assert (worker, policy, source, has_left) == ("first", "fixed:10", "the command line", True)
    assert (batches, count) == ({"fixed": 1}, 10)


def test_work_may_last_longer_than_idle_connections_do_elsewhere(bench: Bench) -> None:
    bench.send(*events(3))
    with Database(bench.url, "login").connect(autocommit=True) as owner:
        for setting in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
            owner.execute(f"ALTER ROLE ALL IN DATABASE {owner.info.dbname} SET {setting} = '100ms'".encode())
    tally = bench.drain(
        work=lambda connection, batch: time.sleep(0.4) or statements.roll_up(connection, batch)
    )
    assert tally.batches == {"fixed": 1}


@pytest.mark.slow
def test_what_breaks_at_once_again_and_again_is_tried_more_and_more_rarely(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bench.worker(drain=False)
    with Database(bench.url, "worker").connect(autocommit=True) as other:
        claims.live(other, "first")
        other.execute("SET lock_timeout = 0")
        threading.Timer(4.6, worker.stop).start()
        worker.run()
    told = [record.message for record in caplog.records if "trying again" in record.message]
    assert [message[: message.index(":")] for message in told[:2]] == [
        "the database is away, trying again in 0.10 s",
        "the database is away, trying again in 0.20 s",
    ]
    assert told[0].endswith(
        "Another worker is called 'first', or its connection is not gone yet. Give each a host name of its own."
    )


def test_events_to_try_again_take_turns_with_the_others(bench: Bench) -> None:
    worker = bench.worker()
    sight = Sight(
        backlog=5, average_kb=1.0, ages=[9.0], oldest_id="a", is_any_again=True, is_again_due=True, hour=3
    )
    assert worker._decide(sight) == Decision(1, 0.0, "again")
    worker._was_again = True
    assert worker._decide(sight).sized_by == "fixed"
    assert worker._decide(replace(sight, backlog=0)).wait_seconds > 0
    assert worker._decide(sight).sized_by == "again"


def run_for(worker: object, seconds: float) -> None:
    threading.Timer(seconds, worker.stop).start()
    worker.run()


def claimed(bench: Bench, size: int) -> list[str]:
    with bench.worker()._connect() as connection, connection.transaction():
        return [told.event_id for told in statements.claim(connection, size)]
