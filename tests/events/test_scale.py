"""A queue that has become long: what waits is found by indexes, and what was done long ago is forgotten."""

import threading

import pytest

from almanac.store.connections.database import Database
from almanac.workloads.events.queue import statements, worker
from tests.events.event_driver import Bench, event, events

MANY = """
INSERT INTO almanac.events_queue (event_id, event_type, event_time, size_kb, priority, received_at, rank_at)
SELECT 'many' || number, 'order', now(), 1, 1, now() + number * interval '1 microsecond', now() + number * interval '1 microsecond'
FROM generate_series(1, %s) AS number
"""
STATEMENTS = {
    "look": (statements.LOOK, [2_000]),
    "claim": (statements.CLAIM_NEW, [500, 1_000_000]),
    "again": (statements.CLAIM_AGAIN, []),
    "mark": (statements.MARK, [1, ["many1", "many2"]]),
    "roll up": (statements.ROLL_UP, [["many1", "many2"]]),
    "forget": (statements.FORGET, {"keep": 60.0, "most": 1_000}),
}


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def test_events_that_were_done_long_ago_are_forgotten_and_no_others(bench: Bench) -> None:
    bench.send(*(event(event_id=name) for name in ("old", "new", "waited")))
    bench.drain()
    bench.send(event(event_id="waiting"))
    bench.ask(
        "UPDATE almanac.events_queue SET received_at = received_at - interval '8 days' WHERE event_id <> 'new' RETURNING 1"
    )
    bench.ask(
        "UPDATE almanac.events_queue SET finished_at = finished_at - interval '8 days' WHERE event_id = 'old' RETURNING 1"
    )
    with bench.worker()._connect() as connection:
        assert statements.forget(connection, 7 * 86_400) == 1
    # An id is known for a week after the event was done, however long it waited before.
    assert bench.ask("SELECT event_id FROM almanac.events_queue ORDER BY 1") == [
        ("new",),
        ("waited",),
        ("waiting",),
    ]


def test_a_worker_forgets_in_small_parts_until_nothing_old_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(worker, "CLEAN_ON_SECONDS", 0.01)
    bench.send(*events(7))
    bench.drain()
    forgetful = bench.worker(drain=False, keep_seconds=0.0)
    threading.Timer(0.5, forgetful.stop).start()
    forgetful.run()
    assert bench.ask("SELECT count(*) FROM almanac.events_queue") == [(0,)]


def test_however_old_the_statistics_what_waits_is_found_by_its_indexes(bench: Bench) -> None:
    with Database(bench.url).connect(autocommit=True) as owner:
        owner.execute("ALTER TABLE almanac.events_queue SET (autovacuum_enabled = off)")
        bench.send(event())
        owner.execute("ANALYZE almanac.events_queue")
        owner.execute(MANY, [20_000])
    plans: dict[str, str] = {}

    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        plans.update({name: plan(connection, query, values) for name, (query, values) in STATEMENTS.items()})
        asking.stop()

    asking = bench.worker(work=work)
    asking.run()
    assert "Index Scan using events_queue_by_rank" in plans["claim"]
    assert "Index Scan using events_queue_by_age" in plans["look"]
    assert "Index Scan using events_queue_again" in plans["again"]
    assert "Index Cond: (received_at < (now() -" in plans["forget"]
    assert not [name for name in ("claim", "again", "forget", "mark", "roll up") if "Seq Scan" in plans[name]]
    # What is claimed is put in order once more, at most a batch of it; what waits is not.
    assert "Sort" not in plans["claim"].partition("LockRows")[2]
    assert not [name for name in ("again", "forget") if "Sort" in plans[name]]


def test_a_batch_of_long_payloads_is_smaller(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_PAYLOAD_BYTES", 4_000)
    # 2,601 bytes each, with the quotes.
    bench.send(*events(5, payload="".join(str(number) for number in range(903))))
    bench.drain()
    assert bench.ask("SELECT events FROM almanac.events_batches ORDER BY batch_id") == [(2,), (2,), (1,)]


def plan(connection: statements.Connection, query: str, values: object) -> str:
    """Return how PostgreSQL would go about a statement."""
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}".encode(), values).fetchall())
