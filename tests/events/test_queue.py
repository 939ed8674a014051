"""Storing events: each once, whoever sends it how often, and each answered."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from almanac.store.connections.database import Database
from tests.queries import change, one, rows
from tests.servers import wait_until

EVENT = {
    "event_id": "a",
    "event_type": "order",
    "event_time": "2026-11-22T06:00:00Z",
    "size_kb": 2.5,
    "priority": 1,
    "payload": {"n": [1, 2.0]},
}


def told(url: str, *events: dict[str, object]) -> list[str]:
    with Database(url, "ingest").connect() as connection:
        answer = connection.execute(
            "SELECT place, outcome FROM api.events_ingest(%s)", [json.dumps(events)]
        ).fetchall()
    assert [place for place, _ in answer] == list(range(1, len(events) + 1))
    return [outcome for _, outcome in answer]


def test_an_event_is_stored_once_and_known_again(database_url: str, owner: Database) -> None:
    assert told(database_url, EVENT) == ["accepted"]
    assert told(database_url, EVENT, EVENT | {"payload": {"n": [1.0, 2]}}) == ["duplicate", "duplicate"]
    assert rows(owner, "SELECT event_id, size_kb, priority, state, attempts FROM api.events_received") == [
        ("a", 2.5, 1, "waiting", 0)
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"event_type": "click"},
        {"event_time": "2026-11-22T06:00:01Z"},
        {"size_kb": 2},
        {"priority": 2},
        {"payload": None},
    ],
)
def test_another_body_under_the_same_id_is_a_conflict_and_changes_nothing(
    database_url: str, owner: Database, other: dict[str, object]
) -> None:
    told(database_url, EVENT)
    assert told(database_url, EVENT | other, EVENT | {"event_id": "b"}) == ["conflict", "accepted"]
    assert one(owner, "SELECT payload FROM almanac.events_queue WHERE event_id = 'a'") == {"n": [1, 2.0]}


def test_an_id_that_comes_twice_in_one_call_is_stored_once(database_url: str, owner: Database) -> None:
    assert told(database_url, EVENT, EVENT, EVENT | {"size_kb": 9}) == ["accepted", "duplicate", "conflict"]
    assert one(owner, "SELECT size_kb FROM almanac.events_queue") == 2.5


def test_events_of_one_call_wait_in_the_order_in_which_they_came(database_url: str, owner: Database) -> None:
    told(database_url, *(EVENT | {"event_id": name} for name in "cab"))
    assert rows(owner, "SELECT event_id FROM almanac.events_queue ORDER BY rank_at") == [
        ("c",),
        ("a",),
        ("b",),
    ]


def test_a_missing_payload_is_the_same_as_none(database_url: str) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "payload"}
    assert told(database_url, bare, bare | {"payload": None}) == ["accepted", "duplicate"]


def test_an_event_that_is_forgotten_while_it_is_sent_again_is_stored_again(
    database_url: str, owner: Database
) -> None:
    told(database_url, EVENT)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with (
        ThreadPoolExecutor(1) as pool,
        Database(database_url).connect() as other,
        psycopg.connect(database_url, autocommit=True) as watching,
    ):
        other.execute("SELECT api.events_ingest(%s)", [json.dumps([EVENT | {"event_id": "b"}])])
        # It has seen that "a" is known when it has to wait for what becomes of "b".
        answer = pool.submit(told, database_url, EVENT, EVENT | {"event_id": "b"})
        wait_until(lambda: watching.execute(waiting).fetchone() == (1,))
        change(owner, "DELETE FROM almanac.events_queue WHERE event_id = 'a'")
        other.commit()
        assert answer.result(10) == ["accepted", "duplicate"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM almanac.events_queue",
        "SELECT * FROM api.events_received",
        "UPDATE almanac.events_queue SET state = 'done'",
        "DELETE FROM almanac.events_queue",
        "UPDATE almanac.events_simulator SET wanted = 'running'",
        "INSERT INTO almanac.events_queue (event_id) VALUES ('x')",
    ],
)
def test_who_may_send_events_may_nothing_else(database_url: str, statement: str) -> None:
    with Database(database_url, "ingest").connect(autocommit=True) as connection:
        assert connection.execute("SELECT api.events_ingest(%s)", [json.dumps([EVENT])]).rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
