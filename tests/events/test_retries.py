"""Work that fails is tried again, each event by itself and later and later, and buried in the end; a death of a worker counts as a failure."""

import time

import psycopg
import pytest

from almanac.errors import DatabaseError
from almanac.workloads.events.policy.sizing import Fixed
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.statements import EventFailed
from tests.events.event_driver import Bench, event, events


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def test_an_event_that_always_fails_is_buried_with_its_error_and_the_others_are_done(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        if any(told.event_id == "poison" for told in batch):
            raise EventFailed("poison", "cannot be read")
        statements.roll_up(connection, batch)

    bench.send(*events(4), event(event_id="poison"), *events(4))
    bench.drain(work=work)
    assert bench.ask("SELECT event_id, error, attempts FROM api.events_dead") == [
        ("poison", "cannot be read", 3)
    ]
    assert bench.settled() == {"stored": 9, "done": 8, "rolled up": 8, "in batches": 8, "with batch": 8}
    assert "event 'poison' is buried after 3 attempts: cannot be read" in caplog.text


def test_a_batch_that_fails_without_saying_why_is_tried_again_event_by_event(bench: Bench) -> None:
    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        for told in batch:
            int(told.payload["number"])
        statements.roll_up(connection, batch)

    bench.send(*events(5, payload={"number": "7"}), event(event_id="poison", payload={"number": "seven"}))
    tally = bench.drain(work=work)
    assert tally.batches == {"again": 5}
    ((event_id, error),) = bench.ask("SELECT event_id, error FROM api.events_dead")
    assert (event_id, error) == ("poison", "ValueError: invalid literal for int() with base 10: 'seven'")
    assert bench.settled()["done"] == 5


def test_what_a_live_worker_is_at_nobody_takes_for_orphaned(bench: Bench) -> None:
    bench.send(event(event_id="a"), event(event_id="b"))
    with bench.worker()._connect() as other, bench.worker()._connect() as notes:
        claims.live(notes, "busy")
        claims.note(notes, "busy", [statements.Event("a", "order", 2.0, None, 0, False, 0.0)])
        assert claims.recover(other, statements.Patience()) == []
        with pytest.raises(DatabaseError, match="Another worker is called 'busy'"):
            claims.live(other, "busy")
        notes.close()
        time.sleep(0.2)
        assert claims.recover(other, statements.Patience()) == [claims.Orphans("busy", 1, [])]
        assert claims.recover(other, statements.Patience()) == []
    assert bench.ask("SELECT event_id, attempts FROM almanac.events_queue ORDER BY 1") == [("a", 1), ("b", 0)]


def test_a_worker_that_comes_back_to_its_database_blames_no_event(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    breaks = iter([True])

    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        assert bench.ask("SELECT worker, event_ids FROM almanac.events_claims") == [("first", ["a"])]
        if next(breaks, False):
            with psycopg.connect(bench.url, autocommit=True) as operator:
                operator.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        statements.roll_up(connection, batch)

    assert bench.drain(work=work).batches == {"fixed": 1}
    assert bench.ask("SELECT count(*) FROM almanac.events_claims") == [(0,)]


def test_what_a_forerunner_of_the_same_name_died_over_counts_as_tried(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    with bench.worker()._connect() as notes:
        claims.note(notes, "first", [statements.Event("a", "order", 2.0, None, 0, False, 0.0)])
    assert bench.drain().batches == {"again": 1}
    assert bench.ask("SELECT count(*) FROM almanac.events_claims") == [(0,)]


def test_what_is_tried_again_and_late_anyway_teaches_the_policy_nothing(bench: Bench) -> None:
    learnt: list[tuple[int, int]] = []
    rule = Fixed(10, 2.0)
    object.__setattr__(rule, "learn", lambda missed, events: learnt.append((missed, events)))
    bench.send(*events(3))
    failing = iter([True])

    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        if next(failing, False):
            raise ValueError("once")
        statements.roll_up(connection, batch)

    assert bench.drain(rule, work=work).batches == {"again": 3}
    assert learnt == []


def test_the_buried_can_be_brought_back(bench: Bench) -> None:
    bench.send(event(event_id="poison", payload={}), event(payload={"number": 1}))
    bench.drain(
        work=lambda connection, batch: (
            [told.payload["number"] for told in batch] and statements.roll_up(connection, batch)
        )
    )
    with bench.worker()._connect() as connection:
        assert statements.revive(connection, "unknown") == 0
        assert statements.revive(connection) == 1
    assert bench.drain().events == 1
    assert bench.ask("SELECT count(*) FROM api.events_dead") == [(0,)]


def test_an_event_waits_longer_before_each_attempt(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    with bench.worker()._connect() as connection:
        for seconds in (10, 20, 40, 60):
            with connection.transaction():
                assert statements.try_again(connection, ["a"], "no", statements.Patience(9, 10.0)) == []
            ((waits,),) = bench.ask(
                "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 FROM almanac.events_queue"
            )
            assert seconds - 2 < waits <= seconds
        assert statements.claim_again(connection) == []
        # A clock that was set back by an hour leaves the next attempt an hour away; nobody waits for that.
        bench.ask(
            "UPDATE almanac.events_queue SET next_attempt_at = next_attempt_at + interval '1 hour' RETURNING 1"
        )
        assert [told.event_id for told in statements.claim_again(connection)] == ["a"]


def test_nobody_takes_the_events_of_a_batch_that_failed_before_they_count_as_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    try_again = statements.try_again

    def slowly(
        connection: statements.Connection, event_ids: list[str], error: str, patience: statements.Patience
    ) -> list[str]:
        with bench.worker()._connect() as other, other.transaction():
            taken.extend(told.event_id for told in statements.claim(other, 10))
        return try_again(connection, event_ids, error, patience)

    monkeypatch.setattr(statements, "try_again", slowly)
    bench.send(event(payload="poison"))
    bench.drain(work=lambda connection, batch: int(batch[0].payload))
    assert taken == []
    assert bench.ask("SELECT attempts FROM api.events_dead") == [(3,)]


def test_nobody_waits_for_a_worker_that_is_at_what_another_died_over(bench: Bench) -> None:
    bench.send(event(event_id="a"), event(event_id="b"))
    orphaned = [statements.Event(name, "order", 2.0, None, 0, False, 0.0) for name in "ab"]
    with bench.worker()._connect() as busy, bench.worker()._connect() as third:
        claims.note(third, "dead", orphaned)
        with busy.transaction():
            assert [told.event_id for told in statements.claim(busy, 1)] == ["a"]
            third.execute("SET lock_timeout = '1s'")
            assert claims.recover(third, statements.Patience()) == []
        # Given back, both count as tried once, for the one death.
        assert claims.recover(third, statements.Patience()) == [claims.Orphans("dead", 2, [])]
    assert bench.ask("SELECT DISTINCT attempts FROM almanac.events_queue") == [(1,)]


def test_work_that_blames_an_event_of_another_batch_fails_as_a_whole(bench: Bench) -> None:
    def work(connection: statements.Connection, batch: list[statements.Event]) -> None:
        raise EventFailed("a stranger", "cannot be read")

    bench.send(*events(2))
    bench.drain(work=work)
    assert bench.ask("SELECT error, attempts FROM api.events_dead") == [("cannot be read", 3)] * 2
