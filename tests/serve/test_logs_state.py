"""What changes between releases: alerts, versions side by side, what was deleted, a database that restarts under load."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from almanac.runner import upkeep
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import erasures
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import alerts as log_alerts
from almanac.workloads.logs.keeping import deletion, recount
from serve.routes.logs import export, queries
from tests.serve.log_publishing import publish_logs, store, written
from tests.serve.refusals import problem
from tests.servers import in_thread, wait_until


@pytest.fixture
def client(owner: Database) -> Iterator[httpx.Client]:
    """Reads and writes."""
    with in_thread(Settings(database_url=owner.url, ingest=True)) as client:
        yield client


def run(owner: Database, statement: str, *values: object) -> list[tuple[object, ...]]:
    with owner.connect() as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def recent(texts: list[str], **named: object):  # type: ignore[no-untyped-def]
    return written(texts, begin=datetime.now(UTC) - timedelta(minutes=len(texts)), **named)


def searched(client: httpx.Client, **query: object) -> list[str]:
    return [row["text"] for row in client.get("/v1/logs/search", params=query).json()["rows"]]


def alerts(client: httpx.Client, **query: object) -> list[tuple[str, str, int]]:
    return [
        (row["rule"], row["state"], row["value"])
        for row in client.get("/v1/logs/alerts", params=query).json()["rows"]
    ]


def test_an_alert_is_opened_once_acknowledged_and_closed_by_recovery(
    owner: Database, client: httpx.Client
) -> None:
    run(owner, "UPDATE almanac.log_rules SET threshold = 2 WHERE kind = 'errors'")
    store(owner, recent(["a", "b", "c"]))
    publish_logs(owner)
    assert alerts(client) == []
    store(owner, recent(["d", "e", "f"]))
    publish_logs(owner)
    assert alerts(client) == [("many errors", "open", 2)]
    store(owner, recent(["g", "h", "i"]))
    publish_logs(owner)
    assert alerts(client) == [("many errors", "open", 3)]
    number = client.get("/v1/logs/alerts").json()["rows"][0]["alert"]
    changed = client.patch(f"/v1/logs/alerts/{number}", json={"state": "acknowledged"})
    assert (changed.status_code, changed.json().get("state")) == (200, "acknowledged"), changed.text
    upkeep.tend(owner, CONTRACT, now=datetime.now(UTC) + timedelta(hours=1))
    assert alerts(client) == []
    assert alerts(client, state="closed") == [("many errors", "closed", 0)]
    assert (
        client.patch(f"/v1/logs/alerts/{number}", json={"state": "acknowledged"}).json()["state"] == "closed"
    )
    problem(client.patch("/v1/logs/alerts/4711", json={"state": "closed"}), 404)
    problem(client.patch(f"/v1/logs/alerts/{number}", json={"state": "open"}), 422)


def test_new_templates_open_an_alert(owner: Database, client: httpx.Client) -> None:
    run(owner, "UPDATE almanac.log_rules SET threshold = 2 WHERE kind = 'new_templates'")
    store(owner, recent(["first of all", "second to none"]))
    publish_logs(owner)
    assert alerts(client) == [("new templates", "open", 2)]


def test_an_entry_is_found_by_search_once_a_run_has_predicted_it(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["apple"]))
    publish_logs(owner)
    client.post("/v1/logs", json=[{"text": "banana apple", "time": "2025-04-15T06:00:00Z"}])
    assert searched(client, q="apple") == ["apple"]
    assert client.get("/v1/logs/stats").json()["unscored"] == 1
    publish_logs(owner)
    wait_until(lambda: searched(client, q="apple") == ["apple", "banana apple"], seconds=2)
    assert client.get("/v1/logs/stats").json()["unscored"] == 0


def test_each_rule_counts_its_own_kind_in_its_own_window_and_source(owner: Database) -> None:
    now = datetime.now(UTC)
    run(owner, "DELETE FROM almanac.log_rules")
    rules = [
        ("errors", None),
        ("errors", "broker"),
        ("errors", "web"),
        ("anomalies", None),
        ("anomalies", "web"),
        ("new_templates", None),
    ]
    for kind, source in rules:
        names = (f"{kind} {source or 'all'}", kind, source)
        run(
            owner,
            "INSERT INTO almanac.log_rules (name, kind, source, threshold, window_minutes) VALUES (%s, %s, %s, 1, 15)",
            *names,
        )
    # Of ten entries the second, fifth and eighth are errors and anomalies; the first six are three hours old.
    store(owner, written(["a", "x", "x", "x", "x", "x"], begin=now - timedelta(hours=3)))
    store(owner, written(["a", "b", "c"], begin=now - timedelta(minutes=9)))
    store(owner, written(["a"], source="web", begin=now - timedelta(minutes=2)))
    publish_logs(owner, tend=False)
    run(owner, "INSERT INTO almanac.log_alerts (rule_id, value, highest, opened_at, changed_at) "
               "SELECT rule_id, 7, 7, now(), now() FROM almanac.log_rules WHERE name = 'errors all'")  # fmt: skip
    with owner.connect() as connection:
        log_alerts.judge(connection, now)
    told = run(owner, "SELECT rule, value, highest FROM api.log_alerts WHERE state = 'open' ORDER BY rule")
    assert told == [
        ("anomalies all", 1, 1),
        ("errors all", 1, 7),
        ("errors broker", 1, 1),
        ("new_templates all", 2, 2),
    ]


def test_a_version_that_was_never_released_is_read_once_while_later_runs_take_over(
    owner: Database, client: httpx.Client
) -> None:
    def numbers(answer: dict[str, object]) -> list[int]:
        return [row["entry_id"] for row in answer["rows"]]  # type: ignore[attr-defined]

    store(owner, recent(["one", "two"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2, why=None)
    first = client.get("/v1/logs/predictions", params={"model_version": 2, "limit": 1}).json()
    store(owner, recent(["three"]))
    publish_logs(owner, version=2, why=None)
    rest = client.get(first["next"].replace("limit=1", "limit=9")).json()
    assert (numbers(first), numbers(rest)) == ([1], [2]), "the run that the list began with"
    assert numbers(client.get("/v1/logs/predictions", params={"model_version": 2}).json()) == [1, 2, 3]


def test_two_versions_are_read_side_by_side(owner: Database, client: httpx.Client) -> None:
    store(owner, recent(["one", "two", "three"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2)
    levels = [
        client.get("/v1/logs/search", params={"model_version": version}).json()["rows"][0]["level_confidence"]
        for version in (1, 2)
    ]
    assert levels == [0.75, 0.5]
    assert searched(client, q="two", model_version=1) == ["two"]


def test_what_was_deleted_is_gone_everywhere_and_a_note_says_so(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["token abc123 leaked", "harmless", "also harmless", "harmless"], session="s"))
    run_id = publish_logs(owner)
    assert searched(client, q="leaked") == ["token abc123 leaked"]
    order = erasures.ErasureRequest(
        CONTRACT, deletion.by_conditions(["contains=abc123"]), recount.repair, "tester", "leaked"
    )
    assert erasures.erase(owner, order) == 1
    wait_until(lambda: searched(client, q="leaked") == [], seconds=2)
    assert sorted(searched(client)) == ["also harmless", "harmless", "harmless"]
    assert client.get("/v1/logs/analytics").json()["figures"]["entries"] == 3
    assert client.get("/v1/logs/templates").json()["rows"][0]["entries"] == 2
    tables = ("log_entries", "log_search", "log_ids", "logs_predictions")
    assert [run(owner, f"SELECT count(*) FROM almanac.{table}") for table in tables] == [[(3,)]] * 4
    assert not [
        row for row in run(owner, "SELECT template FROM almanac.logs_templates") if "token" in str(row)
    ]
    assert run(owner, "SELECT run_id, rows, who, why FROM almanac.erasures ORDER BY erasure_id") == [
        (None, 1, "tester", "leaked"),
        (run_id, 1, "tester", "leaked"),
    ]
    assert client.get("/v1/logs/releases").json()["rows"][0]["why"] == "erased: leaked"


def test_a_session_goes_with_its_last_entry_though_another_source_has_one_of_its_name(
    owner: Database,
) -> None:
    for source in ("broker", "web"):
        store(owner, written(["hello"], source=source, session="s"))
    publish_logs(owner)
    erasures.erase(
        owner,
        erasures.ErasureRequest(
            CONTRACT, deletion.by_conditions(["source=broker"]), recount.repair, "tester", "asked for it"
        ),
    )
    assert run(owner, "SELECT source, session FROM almanac.logs_sessions") == [("web", "s")]


def test_a_kept_answer_of_an_older_release_is_not_given_again_after_a_deletion(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["token abc123 leaked", "harmless"]))
    publish_logs(owner)
    [(leaked,)] = run(owner, "SELECT entry_id FROM almanac.log_entries WHERE position('leaked' IN text) > 0")
    address = f"/v1/logs/predictions/{leaked}"
    wait_until(lambda: client.get(address).status_code == 200, seconds=2)
    then = {"as_of": datetime.now(UTC).isoformat()}
    kept = client.get(address, params=then)
    erasures.erase(
        owner,
        erasures.ErasureRequest(
            CONTRACT, deletion.by_conditions(["contains=abc123"]), recount.repair, "tester", "leaked"
        ),
    )
    wait_until(lambda: client.get(address).status_code == 404, seconds=2)
    again = client.get(address, params=then, headers={"If-None-Match": kept.headers["etag"]})
    assert (kept.status_code, again.status_code) == (200, 404)


def test_words_and_what_the_model_says_are_found_together_after_a_deletion_too(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["token abc123 leaked", *(f"harmless {number}" for number in range(300))]))
    publish_logs(owner)
    errors = [f"harmless {number}" for number in range(0, 300, 3)]
    assert sorted(searched(client, q="harmless", level="error", limit=200)) == sorted(errors)
    erasures.erase(
        owner,
        erasures.ErasureRequest(
            CONTRACT, deletion.by_conditions(["contains=abc123"]), recount.repair, "tester", "leaked"
        ),
    )
    wait_until(lambda: searched(client, q="leaked") == [], seconds=2)
    assert sorted(searched(client, q="harmless", level="error", limit=200)) == sorted(errors)
    assert searched(client, q="harmless", level="info", severity="critical") == []
    blocks = run(
        owner,
        "SELECT block, first_entry, length(letters), left(letters, 3) FROM almanac.logs_blocks ORDER BY block",
    )
    assert blocks == [(0, 2, 256, "  O"), (1, 256, 46, "BO8")]


def test_many_are_counted_from_what_was_published(
    owner: Database, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_COUNTED", "MOST_GATHERED"):
        monkeypatch.setattr(queries, name, 3)
    store(
        owner,
        written([f"text {number}" for number in range(9)], begin=datetime(2025, 4, 15, 5, 56, tzinfo=UTC)),
    )
    publish_logs(owner)

    def counted(**query: object) -> tuple[int, bool, int]:
        answer = client.get("/v1/logs/search", params=query).json()
        return answer["total"], answer["is_capped"], len(answer["rows"])

    assert counted() == (3, True, 9)
    assert counted(level="error") == (3, False, 3)
    assert counted(level="error,info") == (3, True, 6)
    assert counted(anomaly="false", since="2025-04-15T05:58:30Z") == (3, True, 4)
    assert counted(since="2025-04-15T05:57:00Z", until="2025-04-15T06:00:00Z") == (3, False, 3)
    assert counted(q="text") == (3, True, 9)


def test_days_past_retention_go_with_everything_that_refers_to_them(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["old"]))
    publish_logs(owner)
    moment = datetime.now(UTC) + CONTRACT.retention + timedelta(days=1)
    upkeep.tend(owner, CONTRACT, now=moment - timedelta(days=2))
    assert run(owner, "SELECT count(*) FROM almanac.log_entries") == [(1,)]
    upkeep.tend(owner, CONTRACT, now=moment)
    tables = ("log_entries", "log_search", "log_ids", "logs_predictions", "logs_rollups", "logs_templates")
    assert [run(owner, f"SELECT count(*) FROM almanac.{table}") for table in tables] == [[(0,)]] * 6
    assert run(
        owner,
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'log_entries_2%%' OR relname LIKE 'log_search_2%%'",
    ) == [(0,)]
    wait_until(lambda: searched(client) == [], seconds=2)
    store(owner, recent(["new"]))
    publish_logs(owner)
    wait_until(lambda: searched(client) == ["new"], seconds=2)


def test_questions_are_forgotten_after_a_day(owner: Database, client: httpx.Client) -> None:
    place = client.post("/v1/logs/classify", json={"text": "never seen"}).headers["location"]
    assert client.get(place).status_code == 202
    upkeep.tend(owner, CONTRACT, now=datetime.now(UTC) + timedelta(hours=23))
    assert client.get(place).status_code == 202
    upkeep.tend(owner, CONTRACT, now=datetime.now(UTC) + timedelta(hours=25))
    assert client.get(place).status_code == 404


def test_the_role_that_stores_entries_may_read_and_change_nothing(owner: Database) -> None:
    with Database(owner.url, "ingest").connect() as connection:
        for statement in (
            "SELECT * FROM almanac.log_entries",
            "DELETE FROM almanac.log_entries",
            "SELECT * FROM api.log_entries",
        ):
            with pytest.raises(Exception, match="permission denied"), connection.transaction():
                connection.execute(statement.encode())


def test_before_the_first_release_there_is_nothing_to_find(client: httpx.Client) -> None:
    assert client.get("/v1/logs/search").json()["rows"] == []
    assert client.get("/v1/logs/stats").json()["entries"] == 0
    assert client.get("/v1/logs/anomalies").json()["lines"] == []


def test_an_export_is_read_to_the_end_with_formulas_made_harmless(
    owner: Database, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_A_TIME", 2)
    texts = ["=HYPERLINK(1)", "+1", "@x", 'say "so", then\ngo', "plain"]
    store(owner, recent(texts))
    publish_logs(owner)
    answer = client.get("/v1/logs/export")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["text"] for row in rows] == ["plain", 'say "so", then\ngo', "'@x", "'+1", "'=HYPERLINK(1)"]
    assert {row["level"] for row in rows} == {"info", "warning", "error"}
    lines = client.get("/v1/logs/export", params={"format": "ndjson", "q": "plain"}).text.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["plain"]
    problem(client.get("/v1/logs/export", params={"format": "xlsx"}), 422)


def test_versions_are_compared_entry_by_entry(owner: Database, client: httpx.Client) -> None:
    store(owner, recent(["one", "two", "three"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2)
    run(
        owner,
        "UPDATE almanac.logs_predictions SET level = 'debug' WHERE model_version = 2 AND level = 'error'",
    )
    answer = client.get("/v1/logs/compare", params={"versions": "1,2"}).json()
    assert (answer["common"], answer["changed"]) == (3, 1)
    assert answer["changes"] == [
        {
            "level": ["error", "debug"],
            "severity": ["critical", "critical"],
            "anomaly": [True, True],
            "entries": 1,
        }
    ]
    assert [row["entry_id"] for row in answer["rows"]] == [2]
    problem(client.get("/v1/logs/compare", params={"versions": "1,9"}), 404)
    problem(client.get("/v1/logs/compare", params={"versions": "1"}), 422)
