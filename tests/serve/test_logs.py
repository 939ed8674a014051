"""Routes of logs: intake without duplicates, search, counts and aggregated predictions."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.workloads.logs.shared import masking
from tests.serve.log_publishing import BEGIN, publish_logs, store, written
from tests.serve.refusals import problem
from tests.servers import in_thread

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
COUNT_ENTRIES = "SELECT count(*) FROM almanac.log_entries"
NOON = "2025-04-15T12:00:00Z"

TEXTS = [
    "Connection to node 7 was broken",
    "Heartbeat of node 7",
    "Heartbeat of node 8 after 12 ms",
    "Connection to node 8 was opened again",
    "disk full on /dev/sda1",
    "<script>alert('x')</script> %s {} 100% done",
]
TEMPLATE_IDS = [masking.text_id(masking.mask(text)) for text in TEXTS]


@pytest.fixture(scope="module")
def owner(cluster: str, template: str) -> Iterator[Database]:
    """One database for the tests of this module, none of which reads what another stores."""
    name = f"logs_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    store(database, written(TEXTS, session="req-1"))
    store(database, written(["quiet here"], source="web", begin=BEGIN + timedelta(hours=2)))
    publish_logs(database)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def client(owner: Database) -> Iterator[httpx.Client]:
    """Reads and writes."""
    with in_thread(Settings(database_url=owner.url, ingest=True)) as client:
        yield client


def read(client: httpx.Client, path: str, **query: object) -> dict[str, Any]:
    answer = client.get(f"/v1/logs/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def post(client: httpx.Client, entries: object) -> dict[str, Any]:
    answer = client.post("/v1/logs", content=json.dumps(entries), headers=JSON)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_a_search_returns_entries_newest_first_with_their_predictions(client: httpx.Client) -> None:
    answer = read(client, "search", q="connection node")
    assert [row["entry_id"] for row in answer["rows"]] == [4, 1]
    assert (answer["total"], answer["is_capped"], answer["next"]) == (2, False, None)
    expected = {
        "highlight": "⟦Connection⟧ to ⟦node⟧ 7 was broken",
        "text": TEXTS[0],
        "source": "broker",
        "session": "req-1",
        "author_level": "WARN",
        "written_level": "warning",
        "level": "warning",
        "severity": "medium",
        "anomaly": False,
        "template_id": TEMPLATE_IDS[0],
    }
    assert answer["rows"][1].items() >= expected.items()


def test_numbers_of_entries_grow_with_their_places_in_a_call(client: httpx.Client, owner: Database) -> None:
    ids = {3: "order-b", 7: "order-a", 12: "order-b"}
    entries = [
        {"text": f"step {place}"} | ({"id": ids[place]} if place in ids else {}) for place in range(20)
    ]
    results = client.post("/v1/logs", json=entries).json()["results"]
    numbers = [result["entry_id"] for result in results]
    assert numbers[12] == numbers[3]
    assert results[12]["status"] == "duplicate"
    del numbers[12]
    assert numbers == sorted(set(numbers))
    again = client.post("/v1/logs", json=[{"text": "new"}, entries[7], {"text": "newer"}]).json()["results"]
    assert [result["status"] for result in again] == ["accepted", "duplicate", "accepted"]
    assert again[0]["entry_id"] < again[2]["entry_id"]
    with owner.connect() as connection:
        connection.execute(b"DELETE FROM almanac.log_entries WHERE source = 'http'")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": '"node 7"'}, [2, 1]),
        ({"q": "node -heartbeat"}, [4, 1]),
        ({"q": "disk or heartbeat"}, [5, 3, 2]),
        ({"q": "node", "level": "error"}, [2]),
        ({"q": "node", "level": "info,error"}, [3, 2]),
        ({"q": "node", "severity": "medium"}, [4, 1]),
        ({"q": "node", "anomaly": "true"}, [2]),
        ({"q": "node", "since": "2025-04-15T06:01:00Z", "until": "2025-04-15T06:03:00Z"}, [3, 2]),
        ({"q": "node", "source": "web"}, []),
        ({"q": "quiet", "source": "web"}, [7]),
        ({"source": "web"}, [7]),
        ({"q": "kafka.server", "source": "web"}, [7]),
        ({"session": "req-1", "anomaly": "true"}, [5, 2]),
        ({"template": TEMPLATE_IDS[4]}, [5]),
        ({"anomaly": "true"}, [5, 2]),
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"q": "100% done"}, [6]),
        ({"q": "%s & | ! ( :* \\ ' \""}, [6]),
        ({"q": "'; DROP TABLE almanac.log_entries; --"}, []),
    ],
)
def test_a_search_may_be_filtered(
    client: httpx.Client, query: dict[str, object], expected: list[int]
) -> None:
    assert [row["entry_id"] for row in read(client, "search", **query)["rows"]] == expected


def test_a_search_is_read_page_by_page(client: httpx.Client) -> None:
    first = read(client, "search", q="node", limit=3)
    second = client.get(first["next"]).json()
    assert [row["entry_id"] for row in first["rows"] + second["rows"]] == [4, 3, 2, 1]
    assert second["next"] is None


def test_an_entry_comes_with_the_session_around_it(client: httpx.Client) -> None:
    answer = read(client, "entries/3")
    assert (answer["row"]["text"], answer["row"]["level"]) == (TEXTS[2], "info")
    assert [row["entry_id"] for row in answer["session"]] == [1, 2, 4, 5, 6]
    assert read(client, "entries/7")["session"] == []
    assert problem(client.get("/v1/logs/entries/4711"), 404)


def test_stats_are_figures_of_the_last_published_day(client: httpx.Client) -> None:
    answer = read(client, "stats", until=NOON)
    figures = {
        "entries": 7,
        "errors": 2,
        "anomalies": 2,
        "error_rate": 0.285714,
        "written": 7,
        "differing": 4,
    }
    assert answer.items() >= figures.items()
    assert answer["by_level"] == {"info": 2, "warning": 3, "error": 2}
    assert answer["by_source"] == {"broker": 6, "web": 1}
    assert read(client, "stats", since="2025-04-15T07:00:00Z", until=NOON)["entries"] == 1


def test_analytics_are_the_counts_made_at_publishing(client: httpx.Client) -> None:
    answer = read(client, "analytics", by="level", step="1h", source="broker", until=NOON)
    hours = {row["bucket"][:16] for row in answer["rows"]}
    counts = [(row["name"], row["entries"], row["anomalies"]) for row in answer["rows"]]
    assert hours == {"2025-04-15T06:00"}
    assert counts == [("error", 2, 2), ("info", 2, 0), ("warning", 2, 0)]
    assert answer["figures"] == {"entries": 6, "errors": 2, "anomalies": 2, "error_rate": 0.333333}


@pytest.mark.parametrize(("step", "by"), [("1d", "template"), ("5m", "template"), ("5m", "source")])
def test_analytics_count_every_entry_whatever_the_bucket(client: httpx.Client, step: str, by: str) -> None:
    answer = read(client, "analytics", by=by, step=step, until=NOON)
    assert sum(row["entries"] for row in answer["rows"]) == 7
    assert answer["figures"]["entries"] == 7


def test_templates_come_most_frequent_first(client: httpx.Client) -> None:
    rows = read(client, "templates")["rows"]
    assert sum(row["entries"] for row in rows) == 7
    assert rows == sorted(rows, key=lambda row: (-row["entries"], row["template_id"]))
    assert {(row["level_confidence"], row["warning_chance"]) for row in rows} == {(0.75, 0.25)}
    late = read(client, "templates", since="2025-04-15T08:00:00Z")["rows"]
    assert [row["template"] for row in late] == ["quiet here"]


def test_templates_may_be_filtered_by_level(client: httpx.Client) -> None:
    rows = read(client, "templates", level="error")["rows"]
    assert {row["template_id"] for row in rows} == {TEMPLATE_IDS[1], TEMPLATE_IDS[4]}


def test_anomalies_are_sessions_and_lines_worst_first(client: httpx.Client) -> None:
    answer = read(client, "anomalies", until=NOON)
    sessions = [(row["session"], row["entries"], row["reasons"]) for row in answer["sessions"]]
    lines = [(row["entry_id"], row["anomaly_score"], row["text"]) for row in answer["lines"]]
    assert sessions == [("req-1", 6, ["made up"])]
    assert lines == [(5, 0.75, TEXTS[4]), (2, 0.75, TEXTS[1])]
    chances = [
        (row["level_confidence"], row["warning_chance"], row["written_level"]) for row in answer["lines"]
    ]
    assert chances == [(0.75, 0.25, "warning")] * 2


def test_an_entry_is_stored_once_by_the_id_of_the_client(client: httpx.Client) -> None:
    entry = {"id": f"once-{uuid4()}", "time": "2025-04-16T06:00:00Z", "text": "came by HTTP", "level": "WARN"}
    first = post(client, [entry, entry | {"text": "same id"}, {"text": "without id"}])
    assert (first["accepted"], first["duplicate"], first["rejected"]) == (2, 1, 0)
    again = post(client, [entry])
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    expected = {
        "entry_id": again["results"][0]["entry_id"],
        "text": "came by HTTP",
        "level": None,
        "source": "http",
        "author_level": "WARN",
    }
    assert read(client, f"entries/{entry['id']}")["row"].items() >= expected.items()
    assert read(client, "stats")["unscored"] >= 2


def test_lines_of_json_may_come_compressed(client: httpx.Client) -> None:
    lines = b'{"text":"one"}\n\n{"text":"two","source":"packed"}\nnot json\n{"txt":"three"}\n'
    headers = LINES | {"Content-Encoding": "gzip"}
    answer = client.post("/v1/logs", content=gzip.compress(lines), headers=headers).json()
    assert statuses(answer) == ["accepted", "accepted", "rejected", "rejected"]
    assert (answer["accepted"], answer["rejected"]) == (2, 2)


def test_results_are_in_the_order_of_the_entries(client: httpx.Client) -> None:
    answer = post(client, [{"text": "one"}, 7, {"text": "two"}, {}])
    assert [result["line"] for result in answer["results"]] == [1, 2, 3, 4]
    assert statuses(answer) == ["accepted", "rejected", "accepted", "rejected"]


BAD = {
    "no text": {"id": "bad"},
    "empty text": {"text": ""},
    "NUL": {"text": "a\0b"},
    "a huge text": {"text": "x" * 65_537},
    "a time without offset": {"text": "x", "time": "2025-04-15T06:00:00"},
    "a time before all logs": {"text": "x", "time": "1066-10-14T09:00:00Z"},
    "infinity": {"text": "x", "time": "infinity"},
    "a number": {"text": 7},
    "a long id": {"text": "x", "id": "i" * 201},
    "an unknown member": {"text": "x", "host": "h"},
    "not an object": 7,
}


@pytest.mark.parametrize("what", BAD)
def test_an_invalid_entry_is_refused_by_itself_with_the_reason(client: httpx.Client, what: str) -> None:
    answer = post(client, [BAD[what], {"text": "good"}])
    assert statuses(answer) == ["rejected", "accepted"]
    assert answer["results"][0]["errors"]


HOSTILE = [
    "\x1b[31mred\x1b[0m\r\nnext\x07",
    "'; DROP TABLE almanac.log_entries; --",
    "<img onerror=x>",
    "=1+1",
    "\\x00 \\u0000",
    "é\U0001f600",
]


def test_hostile_texts_are_stored_unchanged(client: httpx.Client) -> None:
    results = post(client, [{"text": text} for text in HOSTILE])["results"]
    rows = [read(client, f"entries/{result['entry_id']}")["row"] for result in results]
    assert [row["text"] for row in rows] == ["red\nnext\ufffd", *HOSTILE[1:]]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"[" + b'{"text":"x"},' * 1_000 + b'{"text":"x"}]', {}, 413),
        (b'["' + b"x" * 5_000_001 + b'"]', {}, 413),
        (b'[{"text":"\xff"}]', {}, 400),
        (b'[{"text":NaN}]', {}, 400),
        (b'[{"text":"\\ud800"}]', {}, 400),
        (b"[" * 300, {}, 400),
        (b"{}", {}, 422),
        (b"[]", {"Content-Type": "text/plain"}, 415),
        (b"[]", {"Origin": "http://elsewhere.example"}, 403),
        (b"[]", {"Host": "elsewhere.example"}, 403),
    ],
)
def test_an_unreadable_body_is_refused_and_nothing_is_stored(
    client: httpx.Client, owner: Database, content: bytes, headers: dict[str, str], status: int
) -> None:
    with owner.connect() as connection:
        before = connection.execute(COUNT_ENTRIES).fetchone()
        problem(client.post("/v1/logs", content=content, headers=JSON | headers), status)
        assert connection.execute(COUNT_ENTRIES).fetchone() == before


def test_a_server_without_intake_has_no_route_that_writes(owner: Database) -> None:
    with in_thread(Settings(database_url=owner.url)) as reader:
        assert reader.post("/v1/logs", json=[]).status_code in (404, 405)
        assert reader.post("/v1/logs/classify", json={"text": "x"}).status_code in (404, 405)
        assert reader.patch("/v1/logs/alerts/1", json={"state": "closed"}).status_code in (404, 405)


def test_a_published_text_is_classified_at_once(client: httpx.Client) -> None:
    answer = client.post("/v1/logs/classify", json={"text": "Heartbeat of node 12345"})
    assert answer.status_code == 200
    expected = {"level": "error", "level_confidence": 0.75, "model_version": 1}
    assert answer.json().items() >= expected.items()
    again = client.get(f"/v1/logs/classify/{TEMPLATE_IDS[1]}")
    assert (again.status_code, again.json()) == (200, answer.json())


def test_a_new_text_waits_for_a_run_and_is_stored_masked(client: httpx.Client, owner: Database) -> None:
    text = "password=hunter2 was never seen"
    waiting = client.post("/v1/logs/classify", json={"text": text})
    assert waiting.status_code == 202
    assert client.get(waiting.headers["location"]).status_code == 202
    with owner.connect() as connection:
        questions = connection.execute("SELECT masked FROM almanac.log_questions").fetchall()
    assert questions == [(masking.mask(text),)]
    assert "hunter2" not in str(questions)


@pytest.mark.parametrize(("text_id", "status"), [("0123456789ab", 404), ("nonsense", 422)])
def test_an_unknown_or_invalid_classification_id_is_refused(
    client: httpx.Client, text_id: str, status: int
) -> None:
    problem(client.get(f"/v1/logs/classify/{text_id}"), status)
