"""Events over HTTP: intake without duplicates, figures of queue and workers, and policy look-ups."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from serve.answers.events import STATS
from serve.routes.events.intake import EXAMPLE as EVENT
from serve.routes.events.policy import EXAMPLE
from tests.policies import release_policy
from tests.serve.refusals import HOSTILE, problem
from tests.servers import in_thread, wait_for_release


@pytest.fixture(scope="module")
def url(cluster: str, template: str) -> str:
    """A database that the tests of this file share."""
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE served_events TEMPLATE {template}".encode())
    return make_conninfo(cluster, dbname="served_events")


@pytest.fixture(scope="module")
def queue(url: str) -> Iterator[httpx.Client]:
    """A server that accepts events."""
    with in_thread(Settings(database_url=url, ingest=True)) as client:
        yield client


@pytest.fixture(autouse=True)
def empty(url: str) -> None:
    """Empty the tables before each test."""
    tables = ", ".join(
        f"almanac.events_{name}" for name in ("queue", "batches", "rollups", "dead", "workers")
    )
    with psycopg.connect(url) as connection:
        connection.execute(f"TRUNCATE {tables}".encode())


def send(client: httpx.Client, *events: object, **how: object) -> httpx.Response:
    return client.post(
        "/v1/events/bulk",
        content=json.dumps(events).encode(),
        headers={"Content-Type": "application/json"},
        **how,
    )


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_an_event_sent_twice_is_stored_once(queue: httpx.Client, url: str) -> None:
    first, again = (queue.post("/v1/events", json=EVENT) for _ in range(2))
    assert (first.status_code, first.json()) == (200, {"duplicate": False})
    assert (again.status_code, again.json()) == (200, {"duplicate": True})
    problem(queue.post("/v1/events", json=EVENT | {"size_kb": 3}), 409)
    assert ask(
        url, "SELECT event_id, event_type, size_kb, priority, payload, simulated FROM almanac.events_queue"
    ) == [("order-4711", "order", 2.5, 2, {"shop": "Graz", "items": 3}, False)]


def test_optional_members_have_defaults(queue: httpx.Client, url: str) -> None:
    bare = {name: EVENT[name] for name in ("event_id", "event_type", "event_time", "size_kb")}
    assert queue.post("/v1/events", json=bare).json() == {"duplicate": False}
    assert queue.post("/v1/events", json=bare | {"priority": "medium", "payload": None}).json() == {
        "duplicate": True
    }
    assert ask(url, "SELECT priority, payload FROM almanac.events_queue") == [(1, None)]


def test_a_bulk_request_reports_the_status_of_each_event(queue: httpx.Client, url: str) -> None:
    other = EVENT | {"event_id": "other"}
    answer = send(queue, EVENT, EVENT, EVENT | {"priority": "low"}, other | {"size_kb": -1}, 7, other)
    assert answer.status_code == 200
    assert [(result["index"], result["status"]) for result in answer.json()["results"]] == list(
        enumerate(["accepted", "duplicate", "conflict", "invalid", "invalid", "accepted"])
    )
    assert {name: answer.json()[name] for name in ("accepted", "duplicates", "rejected")} == {
        "accepted": 2,
        "duplicates": 1,
        "rejected": 3,
    }
    assert answer.json()["results"][3]["errors"] == [
        {"in": "body", "name": "size_kb", "reason": "must be greater than or equal to 0"}
    ]
    assert ask(url, "SELECT count(*) FROM almanac.events_queue") == [(2,)]


def test_a_bulk_request_may_be_json_lines_and_compressed(queue: httpx.Client) -> None:
    lines = "\n".join(json.dumps(EVENT | {"event_id": name}) for name in "abc").encode()
    packed = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    assert queue.post("/v1/events/bulk", content=gzip.compress(lines), headers=packed).json()["accepted"] == 3
    assert (
        queue.post("/v1/events/bulk", content=lines, headers={"Content-Type": "application/x-ndjson"}).json()[
            "duplicates"
        ]
        == 3
    )
    assert send(queue).json() == {"accepted": 0, "duplicates": 0, "rejected": 0, "results": []}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"event_id": ""}, "String should have at least 1 character"),
        ({"event_id": "x" * 201}, "String should have at most 200 characters"),
        ({"event_type": "a\0"}, "must not contain NUL"),
        ({"event_time": "1969-12-31T23:59:59Z"}, "must lie between 1970 and 9999"),
        ({"event_time": "0001-01-01T00:00:00Z"}, "must lie between 1970 and 9999"),
        (
            {"event_time": "2026-13-01T00:00:00Z"},
            "must be an instant with its offset, for example 2025-04-18T06:00:00Z",
        ),
        ({"size_kb": 1e7}, "must be less than or equal to 1000000"),
        ({"size_kb": "2"}, "must be a valid number"),
        ({"priority": "urgent"}, "must be 'low', 'medium' or 'high'"),
        ({"payload": {"a": "\0"}}, "must hold finite numbers and no NUL"),
    ],
)
def test_an_invalid_event_is_refused_with_the_reason(
    queue: httpx.Client, url: str, member: dict[str, object], reason: str
) -> None:
    document = problem(queue.post("/v1/events", json=EVENT | member), 422)
    assert document["errors"] == [{"in": "body", "name": next(iter(member)), "reason": reason}]
    assert ask(url, "SELECT count(*) FROM almanac.events_queue") == [(0,)]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_stored_unchanged_or_refused(queue: httpx.Client, url: str, name: str) -> None:
    text = HOSTILE[name]
    body = send(
        queue,
        EVENT | {"event_id": "a", "event_type": text[:100], "payload": text},
        EVENT | {"event_id": text},
    ).json()
    assert {result["status"] for result in body["results"]} <= {"accepted", "invalid"}
    for stored in ask(url, "SELECT event_type, payload FROM almanac.events_queue WHERE event_id = 'a'"):
        assert stored == (text[:100], text)


def test_event_times_from_1970_to_9999_are_stored_exactly(queue: httpx.Client, url: str) -> None:
    times = ["1970-01-01T00:00:00Z", "9999-12-30T23:59:59Z", "2026-11-22T06:00:00.123456+14:00"]
    body = send(
        queue, *(EVENT | {"event_id": str(place), "event_time": moment} for place, moment in enumerate(times))
    ).json()
    assert body["accepted"] == 3, body
    assert ask(url, "SELECT event_time FROM almanac.events_queue ORDER BY event_id")[2] == (
        datetime(2026, 11, 21, 16, 0, 0, 123456, tzinfo=UTC),
    )
    assert (
        send(queue, EVENT | {"event_time": "9999-12-31T12:00:00Z"}).json()["results"][0]["status"]
        == "invalid"
    )


def test_a_server_without_ingest_only_reads(url: str) -> None:
    with in_thread(Settings(database_url=url)) as client:
        problem(client.post("/v1/events", json=EVENT), 404)
        problem(client.post("/v1/events/simulator", json={"action": "stop"}), 405)
        for path in ("stats", "batches", "cost", "worker", "simulator"):
            assert client.get(f"/v1/events/{path}").status_code == 200


def test_stats_of_an_empty_queue(queue: httpx.Client) -> None:
    stats = queue.get("/v1/events/stats").json()
    assert stats["by_state"] == {"waiting": 0, "again": 0, "done": 0, "dead": 0}
    assert (stats["by_type"], stats["by_priority"], stats["oldest_seconds"], stats["cost"]["per_event"]) == (
        [],
        [],
        None,
        None,
    )


BATCH = {
    "worker": "w", "hour": 6, "kb": 2.0, "kinds": "{}", "backlog": 4, "seconds": 0.5,
    "objective_seconds": 2.0, "fixed_cost": 0.1, "second_cost": 0.01, "size_wanted": 10,
    "simulated": False, "started_at": "now", "finished_at": "now",
}  # fmt: skip
PUBLISHED = {
    "events": 4,
    "oldest_seconds": 1.0,
    "mean_wait_seconds": 1.0,
    "missed": 0,
    "event_cost": 0.02,
    "sized_by": "published",
}
DEFAULT = {
    "events": 1,
    "oldest_seconds": 2.0,
    "mean_wait_seconds": 2.0,
    "missed": 1,
    "event_cost": 0.005,
    "sized_by": "default",
}
QUEUED = {"event_type": "click", "event_time": "now", "size_kb": 1, "priority": 2, "rank_at": "now"}
ROLLED_UP = {
    "minute": "today",
    "event_type": "order",
    "priority": 1,
    "events": 5,
    "kb": 10,
    "late": 2,
    "early": 1,
}
WORKER = {
    "worker": "w",
    "policy": "published",
    "policy_source": "release 1",
    "objective_seconds": 2,
    "simulated": False,
}


def insert(url: str, table: str, **row: object) -> None:
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    with psycopg.connect(url) as connection:
        connection.execute(
            f"INSERT INTO almanac.events_{table} ({columns}) VALUES ({places})".encode(), list(row.values())
        )


def fill(url: str) -> None:
    """Store a batch of four events, a batch of one, and a waiting, a failed and a dead event."""
    for batch in (PUBLISHED, DEFAULT):
        insert(url, "batches", **BATCH, **batch)
    insert(url, "rollups", **ROLLED_UP)
    insert(url, "workers", **WORKER)
    three_seconds_ago = datetime.now(UTC) - timedelta(seconds=3)
    for name, state, attempts in (("waiting", "waiting", 0), ("again", "waiting", 1), ("dead", "dead", 5)):
        insert(
            url,
            "queue",
            event_id=name,
            received_at=three_seconds_ago,
            state=state,
            attempts=attempts,
            **QUEUED,
        )
    insert(url, "dead", event_id="dead", error="no", attempts=5)


def test_stats_of_a_queue(queue: httpx.Client, url: str) -> None:
    fill(url)
    stats = queue.get("/v1/events/stats").json()
    assert stats["by_state"] == {"waiting": 1, "again": 1, "done": 5, "dead": 1}
    assert stats["by_type"] == [
        {"event_type": "order", "waiting": 0, "done": 5},
        {"event_type": "click", "waiting": 2, "done": 0},
    ]
    assert stats["by_priority"] == [
        {"priority": "medium", "waiting": 0, "done": 5},
        {"priority": "high", "waiting": 2, "done": 0},
    ]
    assert stats["batches"] == {
        "batches": 2,
        "events": 5,
        "batch_size": 2.5,
        "seconds": 0.5,
        "missed_share": 0.2,
    }
    # Two batches at 0.10, five events at 0.005, two times 0.01 for seconds.
    assert stats["cost"]["per_event"] == pytest.approx(0.245 / 5)
    assert (stats["late"], stats["early"]) == (2, 1)
    assert 3 <= stats["oldest_seconds"] < 60
    assert set(stats["database_rows"]) == {"events_queue", "events_batches", "events_rollups", "events_dead"}


def test_stats_do_not_scan_all_stored_events(queue: httpx.Client, url: str) -> None:
    select = (
        "SELECT 'done' || n, 'order', now(), 1, 1, now(), now(), 'done' FROM generate_series(1, 2000) AS n"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        columns = "event_id, event_type, event_time, size_kb, priority, received_at, rank_at, state"
        connection.execute(f"INSERT INTO almanac.events_queue ({columns}) {select}".encode())
        connection.execute("ANALYZE almanac.events_queue")
        plan = "\n".join(
            line for (line,) in connection.execute(b"EXPLAIN " + STATS, {"hours": 24}).fetchall()
        )
    assert "Seq Scan on events_queue" not in plan
    assert queue.get("/v1/events/stats").json()["database_rows"]["events_queue"] >= 2000


def test_cost_over_time_is_compared_with_a_fixed_batch_size(queue: httpx.Client, url: str) -> None:
    fill(url)
    (row,) = queue.get("/v1/events/cost?hours=24&points=1&fixed_size=10").json()["rows"]
    assert (row["batches"], row["events"], row["batch_size"], row["missed_share"], row["seconds"]) == (
        2,
        5,
        2.5,
        0.2,
        0.5,
    )
    assert row["cost_per_event"] == pytest.approx(0.049)
    # A tenth of 0.10, and what events and seconds cost: 0.025 and 0.02 for five.
    assert row["fixed_size_cost_per_event"] == pytest.approx(0.01 + 0.045 / 5)
    assert row["wait_seconds"] == pytest.approx((4 * 1.0 + 1 * 2.0) / 5)


def test_batches_are_read_page_by_page_newest_first(queue: httpx.Client, url: str) -> None:
    fill(url)
    first = queue.get("/v1/events/batches?limit=1").json()
    second = queue.get(first["next"]).json()
    assert ([row["sized_by"] for row in first["rows"]], [row["sized_by"] for row in second["rows"]]) == (
        ["default"],
        ["published"],
    )
    assert second["next"] is None


def test_workers_are_listed_with_the_policy_that_sized_their_batches(queue: httpx.Client, url: str) -> None:
    fill(url)
    body = queue.get("/v1/events/worker").json()
    assert body["sized_by"] == {"published": 1, "default": 1}
    assert [(row["worker"], row["policy"], row["policy_source"]) for row in body["rows"]] == [
        ("w", "published", "release 1")
    ]


def test_the_simulator_is_started_and_stopped_by_requests(queue: httpx.Client) -> None:
    before = queue.get("/v1/events/simulator").json()
    wish = {"trace": "kafka", "speed": 60, "seconds": 10}
    started = queue.post("/v1/events/simulator", json=wish | {"action": "start"}).json()
    assert {name: started[name] for name in ("wanted", *wish)} == wish | {"wanted": "running"}
    assert started["request_id"] == before["request_id"] + 1
    stopped = queue.post("/v1/events/simulator", json={"action": "stop"}).json()
    assert (stopped["wanted"], stopped["trace"]) == ("stopped", "kafka")
    for member in ({"speed": 0}, {"seconds": 3601}, {"trace": "/etc/passwd"}, {"action": "go"}):
        problem(queue.post("/v1/events/simulator", json={"action": "start"} | member), 422)


@pytest.mark.parametrize(
    "query",
    ["", "backlog=1&age_seconds=1", "backlog=0&age_seconds=1&avg_kb=1", "backlog=1&age_seconds=-1&avg_kb=1"],
)
def test_an_impossible_queue_state_is_refused(queue: httpx.Client, query: str) -> None:
    document = problem(queue.get(f"/v1/events/policy?{query}"), 422)
    assert {error["in"] for error in document["errors"]} == {"query"}


def test_the_policy_is_looked_up_by_state(database_url: str, owner: Database) -> None:
    late = EXAMPLE | {
        "state_id": "late",
        "age_min_seconds": 0.9,
        "age_max_seconds": 1e6,
        "batch_size": 9,
        "start_age_seconds": 0.0,
    }
    with in_thread(Settings(database_url=database_url)) as client:
        problem(client.get("/v1/events/policy?backlog=4&age_seconds=0.5&avg_kb=2"), 404)
        release_policy(owner, [EXAMPLE, late])
        wait_for_release(client, 1, "events")
        row = client.get("/v1/events/policy?backlog=4&age_seconds=0.5&avg_kb=2&hour=23").json()["row"]
        assert (row["state_id"], row["batch_size"], row["still_wait_seconds"]) == (
            EXAMPLE["state_id"],
            4,
            pytest.approx(1.42),
        )
        row = client.get("/v1/events/policy?backlog=4&age_seconds=0.9&avg_kb=2").json()["row"]
        assert (row["state_id"], row["batch_size"], row["still_wait_seconds"]) == ("late", 9, 0)
        assert (
            client.get("/v1/events/policy?backlog=4&age_seconds=1000000&avg_kb=2").json()["row"]["state_id"]
            == "late"
        ), "the last band is open"
        problem(client.get("/v1/events/policy?backlog=5&age_seconds=0.5&avg_kb=2"), 404)
        answer = client.get("/v1/events/policy?backlog=4&age_seconds=0.5&avg_kb=2&hour=23&model_version=3")
        assert (answer.json()["release"], answer.headers["etag"] != "") == (1, True)
