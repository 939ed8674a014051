"""Events are stored once, however often they are sent, and each has an outcome."""

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
OTHER_EVENT = EVENT | {"event_id": "b"}
WAITING_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def ingest(url: str, *events: dict[str, object]) -> list[str]:
    """Send events and return their outcomes."""
    with Database(url, "ingest").connect() as connection:
        answer = connection.execute(
            "SELECT place, outcome FROM api.events_ingest(%s)", [json.dumps(events)]
        ).fetchall()
    assert [place for place, _ in answer] == list(range(1, len(events) + 1))
    return [outcome for _, outcome in answer]


def test_an_event_is_stored_once_and_recognised_when_it_is_sent_again(
    database_url: str, owner: Database
) -> None:
    same = EVENT | {"payload": {"n": [1.0, 2]}}
    assert ingest(database_url, EVENT) == ["accepted"]
    assert ingest(database_url, EVENT, same) == ["duplicate", "duplicate"]
    assert rows(owner, "SELECT event_id, size_kb, priority, state, attempts FROM api.events_received") == [
        ("a", 2.5, 1, "waiting", 0)
    ]


@pytest.mark.parametrize(
    "member",
    [
        {"event_type": "click"},
        {"event_time": "2026-11-22T06:00:01Z"},
        {"size_kb": 2},
        {"priority": 2},
        {"payload": None},
    ],
)
def test_another_body_under_the_same_id_is_a_conflict_and_changes_nothing(
    database_url: str, owner: Database, member: dict[str, object]
) -> None:
    ingest(database_url, EVENT)
    assert ingest(database_url, EVENT | member, OTHER_EVENT) == ["conflict", "accepted"]
    assert one(owner, "SELECT payload FROM almanac.events_queue WHERE event_id = 'a'") == {"n": [1, 2.0]}


def test_an_id_that_comes_twice_in_one_call_is_stored_once(database_url: str, owner: Database) -> None:
    outcomes = ingest(database_url, EVENT, EVENT, EVENT | {"size_kb": 9})
    assert outcomes == ["accepted", "duplicate", "conflict"]
    assert one(owner, "SELECT size_kb FROM almanac.events_queue") == 2.5


def test_events_of_one_call_wait_in_the_order_in_which_they_came(database_url: str, owner: Database) -> None:
    ingest(database_url, *(EVENT | {"event_id": name} for name in "cab"))
    ids = rows(owner, "SELECT event_id FROM almanac.events_queue ORDER BY rank_at")
    assert ids == [("c",), ("a",), ("b",)]


def test_a_missing_payload_is_the_same_as_none(database_url: str) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "payload"}
    assert ingest(database_url, bare, bare | {"payload": None}) == ["accepted", "duplicate"]


def test_an_event_that_is_deleted_while_it_is_sent_again_is_stored_again(
    database_url: str, owner: Database
) -> None:
    ingest(database_url, EVENT)
    with (
        ThreadPoolExecutor(1) as pool,
        Database(database_url).connect() as other,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):
        other.execute("SELECT api.events_ingest(%s)", [json.dumps([OTHER_EVENT])])
        # The call has seen that "a" is stored when it has to wait for the outcome of "b".
        answer = pool.submit(ingest, database_url, EVENT, OTHER_EVENT)
        wait_until(lambda: observer.execute(WAITING_SESSIONS).fetchone() == (1,))
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
def test_the_role_that_may_send_events_may_do_nothing_else(database_url: str, statement: str) -> None:
    with Database(database_url, "ingest").connect(autocommit=True) as connection:
        assert connection.execute("SELECT api.events_ingest(%s)", [json.dumps([EVENT])]).rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
