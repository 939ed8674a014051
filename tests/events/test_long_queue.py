"""A long queue: events are found by indexes, and old ones are deleted."""

import threading
from collections.abc import Sequence

import pytest

from almanac.store.connections.database import Database
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.queue import statements, worker
from almanac.workloads.events.queue.statements import ClaimedEvent
from tests.events.event_driver import Bench, event, events

MANY = """
INSERT INTO almanac.events_queue (event_id, event_type, event_time, size_kb, priority, received_at, rank_at)
SELECT 'many' || number, 'order', now(), 1, 1, since, since
FROM generate_series(1, %s) AS number,
    LATERAL (SELECT now() + number * interval '1 microsecond') AS moment (since)
"""
RECEIVED_EARLIER = """
UPDATE almanac.events_queue SET received_at = received_at - interval '8 days'
WHERE event_id <> 'new' RETURNING 1
"""
FINISHED_EARLIER = """
UPDATE almanac.events_queue SET finished_at = finished_at - interval '8 days'
WHERE event_id = 'old' RETURNING 1
"""
STATEMENTS = {
    "view": (statements.VIEW, [2_000]),
    "claim": (statements.CLAIM_NEW, [500, 1_000_000]),
    "retry": (statements.CLAIM_RETRY, []),
    "mark": (statements.MARK_DONE, [1, ["many1", "many2"]]),
    "roll up": (statements.ROLL_UP, [["many1", "many2"]]),
    "delete": (statements.DELETE_DONE, {"keep": 60.0, "most": 1_000}),
}
WEEK_SECONDS = 7 * 86_400


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def test_events_that_were_done_long_ago_are_deleted_and_no_others(bench: Bench) -> None:
    bench.send(*(event(event_id=name) for name in ("old", "new", "waited")))
    bench.drain()
    bench.send(event(event_id="waiting"))
    bench.query(RECEIVED_EARLIER)
    bench.query(FINISHED_EARLIER)
    with bench.connect()() as connection:
        assert statements.delete_done(connection, WEEK_SECONDS) == 1
    # An id stays stored for a week after the event was done, however long the event waited before.
    ids = bench.query("SELECT event_id FROM almanac.events_queue ORDER BY 1")
    assert ids == [("new",), ("waited",), ("waiting",)]


def test_a_worker_deletes_old_events_in_small_parts_until_none_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(worker, "CLEAN_AGAIN_SECONDS", 0.01)
    bench.send(*events(7))
    bench.drain()
    cleaner = bench.worker(drain=False, keep_seconds=0.0)
    threading.Timer(0.5, cleaner.stop).start()
    cleaner.run()
    assert bench.query("SELECT count(*) FROM almanac.events_queue") == [(0,)]


@pytest.fixture
def plans(bench: Bench) -> dict[str, str]:
    """The plans of a worker's statements on a queue that has grown since its statistics were taken."""
    with Database(bench.url).connect(autocommit=True) as owner:
        owner.execute("ALTER TABLE almanac.events_queue SET (autovacuum_enabled = off)")
        bench.send(event())
        owner.execute("ANALYZE almanac.events_queue")
        owner.execute(MANY, [20_000])
    plans: dict[str, str] = {}

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        for name, (statement, values) in STATEMENTS.items():
            plans[name] = plan(connection, statement, values)
        planner.stop()

    planner = bench.worker(work=work)
    planner.run()
    return plans


def plan(connection: Connection, statement: str, values: object) -> str:
    """Return the plan of PostgreSQL for a statement."""
    rows = connection.execute(f"EXPLAIN {statement}".encode(), values).fetchall()
    return "\n".join(line for (line,) in rows)


def test_waiting_events_are_found_by_their_indexes_however_old_the_statistics(plans: dict[str, str]) -> None:
    assert "Index Scan using events_queue_by_rank" in plans["claim"]
    assert "Index Scan using events_queue_by_age" in plans["view"]
    assert "Index Scan using events_queue_again" in plans["retry"]
    assert "Index Cond: (received_at < (now() -" in plans["delete"]
    assert not [name for name in plans if name != "view" and "Seq Scan" in plans[name]]


def test_no_statement_sorts_what_waits_however_old_the_statistics(plans: dict[str, str]) -> None:
    # A claim sorts the claimed events once more, at most a batch of them.
    assert "Sort" not in plans["claim"].partition("LockRows")[2]
    assert not [name for name in ("retry", "delete") if "Sort" in plans[name]]


def test_a_batch_of_long_payloads_is_smaller(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_PAYLOAD_BYTES", 4_000)
    # 2,601 bytes each, with the quotes.
    bench.send(*events(5, payload="".join(str(number) for number in range(903))))
    bench.drain()
    sizes = bench.query("SELECT events FROM almanac.events_batches ORDER BY batch_id")
    assert sizes == [(2,), (2,), (1,)]
