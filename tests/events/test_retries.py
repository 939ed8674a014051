"""Failed events are retried in halves, and one that fails alone later and later until it is buried.

The death of a worker counts as a failure.
"""

import time
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from almanac.errors import DatabaseError
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.policy.sizing import FixedSizing
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.claims import Orphans
from almanac.workloads.events.queue.statements import ClaimedEvent, EventFailed, RetryPolicy
from tests.events.event_driver import Bench, event, events

POLICY = RetryPolicy()
NEXT_WAIT = "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 FROM almanac.events_queue"
AHEAD = "UPDATE almanac.events_queue SET next_attempt_at = next_attempt_at + interval '1 hour' RETURNING 1"
DEAD = "SELECT event_id, error, attempts FROM api.events_dead"
CLAIMS = "SELECT count(*) FROM almanac.events_claims"


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url)


def claim_of(event_id: str) -> ClaimedEvent:
    return ClaimedEvent(event_id, "order", 2.0, None, 0, False, 0.0)


def count_numbers(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
    """Do work that fails without a number in the payload of each event."""
    for claim in batch:
        int(claim.payload["number"])
    statements.roll_up(connection, batch)


def test_an_event_that_always_fails_is_buried_with_its_error_and_the_others_are_done(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        if any(claim.event_id == "poison" for claim in batch):
            raise EventFailed("poison", "cannot be read")
        statements.roll_up(connection, batch)

    bench.send(*events(4), event(event_id="poison"), *events(4))
    bench.drain(work=work)
    assert bench.query(DEAD) == [("poison", "cannot be read", 3)]
    assert bench.totals() == {"stored": 9, "done": 8, "rolled up": 8, "in batches": 8, "with batch": 8}
    assert "event 'poison' is buried after 3 attempts: cannot be read" in caplog.text


def test_a_batch_that_fails_without_saying_why_is_retried_in_halves(bench: Bench) -> None:
    bench.send(*events(5, payload={"number": "7"}), event(event_id="poison", payload={"number": "seven"}))
    tally = bench.drain(work=count_numbers)
    assert tally.events == 5
    assert 2 <= tally.batches["again"] <= 3
    error = "ValueError: invalid literal for int() with base 10: 'seven'"
    assert bench.query(DEAD) == [("poison", error, 3)]
    assert bench.totals()["done"] == 5


def test_the_claims_of_a_live_worker_are_not_orphaned(bench: Bench) -> None:
    bench.send(event(event_id="a"), event(event_id="b"))
    with bench.connect()() as other, bench.connect()() as record:
        claims.lock_worker(record, "busy")
        claims.record(record, "busy", [claim_of("a")])
        assert claims.recover(other, POLICY) == []
        with pytest.raises(DatabaseError, match="Another worker is called 'busy'"):
            claims.lock_worker(other, "busy")


def test_the_claims_of_a_dead_worker_count_as_one_attempt(bench: Bench) -> None:
    bench.send(event(event_id="a"), event(event_id="b"))
    with bench.connect()() as other, bench.connect()() as record:
        claims.lock_worker(record, "busy")
        claims.record(record, "busy", [claim_of("a")])
        record.close()
        time.sleep(0.2)
        assert claims.recover(other, POLICY) == [Orphans("busy", 1, [])]
        assert claims.recover(other, POLICY) == []
    rows = bench.query("SELECT event_id, attempts FROM almanac.events_queue ORDER BY 1")
    assert rows == [("a", 1), ("b", 0)]


def test_a_worker_that_comes_back_to_its_database_blames_no_event(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    breaks = iter([True])

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        assert bench.query("SELECT worker, event_ids FROM almanac.events_claims") == [("first", ["a"])]
        if next(breaks, False):
            with psycopg.connect(bench.url, autocommit=True) as operator:
                operator.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        statements.roll_up(connection, batch)

    assert bench.drain(work=work).batches == {"fixed": 1}
    assert bench.query(CLAIMS) == [(0,)]


def test_the_claims_of_a_former_worker_of_the_same_name_count_as_an_attempt(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    with bench.connect()() as record:
        claims.record(record, "first", [claim_of("a")])
    assert bench.drain().batches == {"again": 1}
    assert bench.query(CLAIMS) == [(0,)]


def test_a_retry_that_is_late_anyway_teaches_the_policy_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[tuple[Any, ...]] = []
    monkeypatch.setattr(FixedSizing, "learn", lambda _self, *counts: learnt.append(counts))
    bench.send(*events(3))
    failing = iter([True])

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        if next(failing, False):
            raise ValueError("once")
        statements.roll_up(connection, batch)

    assert bench.drain(work=work).batches == {"again": 2}
    assert learnt == []


def test_buried_events_can_be_put_back(bench: Bench) -> None:
    bench.send(event(event_id="poison", payload={}), event(payload={"number": 1}))
    bench.drain(work=count_numbers)
    with bench.connect()() as connection:
        assert statements.revive(connection, "unknown") == 0
        assert statements.revive(connection) == 1
    assert bench.drain().events == 1
    assert bench.query("SELECT count(*) FROM api.events_dead") == [(0,)]


def test_an_event_waits_longer_before_each_attempt_and_at_most_a_minute(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    with bench.connect()() as connection:
        for seconds in (10, 20, 40, 60):
            with connection.transaction():
                buried = statements.schedule_retry(connection, ["a"], "no", RetryPolicy(9, 10.0))
            ((wait,),) = bench.query(NEXT_WAIT)
            assert buried == []
            assert seconds - 2 < wait <= seconds
        assert statements.claim_retry(connection) == []


def test_a_clock_that_was_set_back_by_an_hour_delays_no_retry(bench: Bench) -> None:
    bench.send(event(event_id="a"))
    with bench.connect()() as connection:
        with connection.transaction():
            statements.schedule_retry(connection, ["a"], "no", RetryPolicy(9, 10.0))
        bench.query(AHEAD)
        assert [claim.event_id for claim in statements.claim_retry(connection)] == ["a"]


def test_the_events_of_a_failed_batch_stay_claimed_until_they_count_as_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed: list[str] = []
    schedule_retry = statements.schedule_retry

    def observed(connection: Connection, *arguments: Any) -> list[str]:
        with bench.connect()() as other, other.transaction():
            claimed.extend(claim.event_id for claim in statements.claim(other, 10))
        return schedule_retry(connection, *arguments)

    monkeypatch.setattr(statements, "schedule_retry", observed)
    bench.send(event(payload="poison"))
    bench.drain(work=lambda connection, batch: int(batch[0].payload))
    assert claimed == []
    assert bench.query("SELECT attempts FROM api.events_dead") == [(3,)]


def test_no_worker_waits_for_the_one_that_retries_a_dead_workers_events(bench: Bench) -> None:
    bench.send(event(event_id="a"), event(event_id="b"))
    with bench.connect()() as busy, bench.connect()() as third:
        claims.record(third, "dead", [claim_of(name) for name in "ab"])
        with busy.transaction():
            assert [claim.event_id for claim in statements.claim(busy, 1)] == ["a"]
            third.execute("SET lock_timeout = '1s'")
            assert claims.recover(third, POLICY) == []
        # When both are free again, they count as tried once, for the one death.
        assert claims.recover(third, POLICY) == [Orphans("dead", 2, [])]
    assert bench.query("SELECT DISTINCT attempts FROM almanac.events_queue") == [(1,)]


def test_work_that_blames_an_event_of_another_batch_fails_as_a_whole(bench: Bench) -> None:
    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        raise EventFailed("a stranger", "cannot be read")

    bench.send(*events(2))
    bench.drain(work=work)
    assert bench.query("SELECT error, attempts FROM api.events_dead") == [("cannot be read", 3)] * 2


@pytest.mark.parametrize("place", [0, 17, 250, 498, 499])
def test_one_bad_event_of_500_is_isolated_in_about_log2_steps(bench: Bench, place: int) -> None:
    payloads: list[dict[str, str]] = [{"number": "7"}] * 500
    payloads[place] = {"number": "seven"}
    bench.send(*(event(payload=payload) for payload in payloads))
    failures = []

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        try:
            count_numbers(connection, batch)
        except ValueError:
            failures.append(len(batch))
            raise

    tally = bench.drain(FixedSizing(500, 2.0), work=work)
    assert tally.events == 499
    assert failures[0] == 500
    assert len(failures) <= 9 + 1 + 2, "halved until it is alone, then alone until the third attempt"
    assert tally.batches["again"] <= 10
    assert bench.query("SELECT attempts FROM api.events_dead") == [(3,)]


def test_orphans_under_load_are_done_within_a_few_batches(bench: Bench) -> None:
    bench.send(*events(500))
    with bench.connect()() as record, record.transaction():
        claims.record(record, "dead", statements.claim(record, 500))
    bench.send(*events(2_000))
    done: list[int] = []

    def work(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
        done.append(sum(claim.attempts for claim in batch))
        statements.roll_up(connection, batch)

    bench.drain(FixedSizing(100, 2.0), work=work)
    assert sum(done[:6]) == 500, done
    assert len(set(bench.totals().values())) == 1


def test_two_groups_are_retried_apart_and_a_revived_event_belongs_to_none(bench: Bench) -> None:
    bench.send(*(event(event_id=name) for name in "abcd"))
    with bench.connect()() as connection:
        statements.schedule_retry(connection, list("abcd"), "no", RetryPolicy(3, 0.0))
        claimed = []
        for _ in range(2):
            with connection.transaction():
                batch = statements.claim_retry(connection)
                claimed.append("".join(claim.event_id for claim in batch))
                statements.mark_done(connection, batch, 1)
    assert sorted(claimed) == ["ab", "cd"]
