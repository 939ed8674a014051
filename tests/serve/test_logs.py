"""The routes of the logs: entries come in once, are found, counted, and told together with what the model says."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
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

TEXTS = [
    "Connection to node 7 was broken",
    "Heartbeat of node 7",
    "Heartbeat of node 8 after 12 ms",
    "Connection to node 8 was opened again",
    "disk full on /dev/sda1",
    "<script>alert('x')</script> %s {} 100% done",
]


@pytest.fixture(scope="module")
def owner(cluster: str, template: str) -> Iterator[Database]:
    """One database for the tests of this module; what one of them stores no other asks for."""
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


def found(client: httpx.Client, **query: object) -> list[int]:
    answer = client.get("/v1/logs/search", params=query)
    assert answer.status_code == 200, answer.text
    return [row["entry_id"] for row in answer.json()["rows"]]


def post(client: httpx.Client, entries: object, **headers: str) -> dict[str, object]:
    answer = client.post(
        "/v1/logs", content=json.dumps(entries), headers={"Content-Type": "application/json"} | headers
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_search_finds_entries_newest_first_with_what_the_model_says(client: httpx.Client) -> None:
    answer = client.get("/v1/logs/search", params={"q": "connection node"}).json()
    assert [row["entry_id"] for row in answer["rows"]] == [4, 1]
    assert (answer["total"], answer["is_capped"], answer["next"]) == (2, False, None)
    row = answer["rows"][1]
    assert row["highlight"] == "⟦Connection⟧ to ⟦node⟧ 7 was broken"
    assert (row["text"], row["source"], row["session"], row["author_level"]) == (
        TEXTS[0],
        "broker",
        "req-1",
        "WARN",
    )
    assert (row["level"], row["severity"], row["anomaly"], row["template_id"]) == (
        "warning",
        "medium",
        False,
        masking.text_id(masking.mask(TEXTS[0])),
    )


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
        ({"template": masking.text_id(masking.mask(TEXTS[4]))}, [5]),
        ({"anomaly": "true"}, [5, 2]),
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"q": "100% done"}, [6]),
        ({"q": "%s & | ! ( :* \\ ' \""}, [6]),
        ({"q": "'; DROP TABLE almanac.log_entries; --"}, []),
    ],
)
def test_a_search_may_be_narrowed(
    client: httpx.Client, query: dict[str, object], expected: list[int]
) -> None:
    assert found(client, **query) == expected


def test_a_search_is_read_page_by_page(client: httpx.Client) -> None:
    first = client.get("/v1/logs/search", params={"q": "node", "limit": 3}).json()
    second = client.get(first["next"]).json()
    assert [row["entry_id"] for row in first["rows"] + second["rows"]] == [4, 3, 2, 1]
    assert second["next"] is None


def test_an_entry_is_shown_with_the_session_around_it(client: httpx.Client) -> None:
    answer = client.get("/v1/logs/entries/3").json()
    assert (answer["row"]["text"], answer["row"]["level"]) == (TEXTS[2], "info")
    assert [row["entry_id"] for row in answer["session"]] == [1, 2, 4, 5, 6]
    assert client.get("/v1/logs/entries/7").json()["session"] == []
    assert problem(client.get("/v1/logs/entries/4711"), 404)


def test_figures_of_the_last_published_day(client: httpx.Client) -> None:
    answer = client.get("/v1/logs/stats", params={"until": "2025-04-15T12:00:00Z"}).json()
    assert (answer["entries"], answer["errors"], answer["anomalies"], answer["error_rate"]) == (
        7,
        2,
        2,
        0.285714,
    )
    assert answer["by_level"] == {"info": 2, "warning": 3, "error": 2}
    assert answer["by_source"] == {"broker": 6, "web": 1}
    assert (
        client.get(
            "/v1/logs/stats", params={"since": "2025-04-15T07:00:00Z", "until": "2025-04-15T12:00:00Z"}
        ).json()["entries"]
        == 1
    )


def test_the_course_over_time_comes_from_what_was_counted_at_publishing(client: httpx.Client) -> None:
    answer = client.get(
        "/v1/logs/analytics",
        params={"by": "level", "step": "1h", "source": "broker", "until": "2025-04-15T12:00:00Z"},
    ).json()
    assert [
        (row["bucket"][:16], row["name"], row["entries"], row["anomalies"]) for row in answer["rows"]
    ] == [
        ("2025-04-15T06:00", "error", 2, 2),
        ("2025-04-15T06:00", "info", 2, 0),
        ("2025-04-15T06:00", "warning", 2, 0),
    ]
    assert answer["figures"] == {"entries": 6, "errors": 2, "anomalies": 2, "error_rate": 0.333333}
    by_template = client.get(
        "/v1/logs/analytics", params={"by": "template", "step": "1d", "until": "2025-04-15T12:00:00Z"}
    ).json()
    assert sum(row["entries"] for row in by_template["rows"]) == 7


def test_templates_come_most_frequent_first(client: httpx.Client) -> None:
    rows = client.get("/v1/logs/templates").json()["rows"]
    assert sum(row["entries"] for row in rows) == 7
    assert rows == sorted(rows, key=lambda row: (-row["entries"], row["template_id"]))
    late = client.get("/v1/logs/templates", params={"since": "2025-04-15T08:00:00Z"}).json()["rows"]
    assert [row["template"] for row in late] == ["quiet here"]


def test_anomalies_come_worst_first_with_sessions_and_lines(client: httpx.Client) -> None:
    answer = client.get("/v1/logs/anomalies", params={"until": "2025-04-15T12:00:00Z"}).json()
    assert [(row["session"], row["entries"], row["reasons"]) for row in answer["sessions"]] == [
        ("req-1", 6, ["made up"])
    ]
    assert [(row["entry_id"], row["anomaly_score"], row["text"]) for row in answer["lines"]] == [
        (5, 0.75, TEXTS[4]),
        (2, 0.75, TEXTS[1]),
    ]


def test_entries_come_in_once_by_the_id_that_the_client_gave(client: httpx.Client) -> None:
    entry = {"id": f"once-{uuid4()}", "time": "2025-04-16T06:00:00Z", "text": "came by HTTP", "level": "WARN"}
    first = post(client, [entry, entry | {"text": "same id"}, {"text": "without id"}])
    assert (first["accepted"], first["duplicate"], first["rejected"]) == (2, 1, 0)
    again = post(client, [entry])
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    number = again["results"][0]["entry_id"]  # type: ignore[index]
    shown = client.get(f"/v1/logs/entries/{entry['id']}").json()
    assert shown["row"]["entry_id"] == number
    assert (
        shown["row"]["text"],
        shown["row"]["level"],
        shown["row"]["source"],
        shown["row"]["author_level"],
    ) == (
        "came by HTTP",
        None,
        "http",
        "WARN",
    )
    assert client.get("/v1/logs/stats").json()["unscored"] >= 2


def test_lines_of_json_may_come_packed(client: httpx.Client) -> None:
    lines = b'{"text":"one"}\n\n{"text":"two","source":"packed"}\nnot json\n{"txt":"three"}\n'
    answer = client.post(
        "/v1/logs",
        content=gzip.compress(lines),
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    ).json()
    assert [result["status"] for result in answer["results"]] == [
        "accepted",
        "accepted",
        "rejected",
        "rejected",
    ]
    assert (answer["accepted"], answer["rejected"]) == (2, 2)


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
def test_a_bad_entry_is_refused_by_itself_and_says_why(client: httpx.Client, what: str) -> None:
    answer = post(client, [BAD[what], {"text": "good"}])
    assert [result["status"] for result in answer["results"]] == ["rejected", "accepted"]  # type: ignore[attr-defined]
    assert answer["results"][0]["errors"]  # type: ignore[index]


HOSTILE = [
    "\x1b[31mred\x1b[0m\r\nnext\x07",
    "'; DROP TABLE almanac.log_entries; --",
    "<img onerror=x>",
    "=1+1",
    "\\x00 \\u0000",
    "é\U0001f600",
]


def test_hostile_texts_are_kept_as_texts(client: httpx.Client) -> None:
    answer = post(client, [{"text": text} for text in HOSTILE])
    numbers = [result["entry_id"] for result in answer["results"]]  # type: ignore[attr-defined]
    shown = [client.get(f"/v1/logs/entries/{number}").json()["row"]["text"] for number in numbers]
    assert shown == ["red\nnext\ufffd", *HOSTILE[1:]]


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
        before = connection.execute("SELECT count(*) FROM almanac.log_entries").fetchone()
        problem(
            client.post("/v1/logs", content=content, headers={"Content-Type": "application/json"} | headers),
            status,
        )
        assert connection.execute("SELECT count(*) FROM almanac.log_entries").fetchone() == before


def test_a_server_that_takes_in_nothing_has_no_such_route(owner: Database) -> None:
    with in_thread(Settings(database_url=owner.url)) as reading:
        assert reading.post("/v1/logs", json=[]).status_code in (404, 405)
        assert reading.patch("/v1/logs/alerts/1", json={"state": "closed"}).status_code in (404, 405)


def test_a_text_that_is_known_is_classified_at_once_and_others_wait_for_a_run(
    client: httpx.Client, owner: Database
) -> None:
    known = client.post("/v1/logs/classify", json={"text": "Heartbeat of node 12345"})
    assert known.status_code == 200
    assert (known.json()["level"], known.json()["level_confidence"], known.json()["model_version"]) == (
        "error",
        0.75,
        1,
    )
    waiting = client.post("/v1/logs/classify", json={"text": "password=hunter2 was never seen"})
    assert waiting.status_code == 202
    place = waiting.headers["location"]
    assert client.get(place).status_code == 202
    with owner.connect() as connection:
        kept = connection.execute("SELECT masked FROM almanac.log_questions").fetchall()
    assert kept == [(masking.mask("password=hunter2 was never seen"),)]
    assert "hunter2" not in str(kept)
    assert client.get("/v1/logs/classify/0123456789ab").status_code == 404
    assert client.get("/v1/logs/classify/nonsense").status_code == 422
