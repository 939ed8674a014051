"""Search, export and comparison read one release or version, and nothing else."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from almanac.runner import upkeep
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.workloads.logs.contract import CONTRACT
from serve.routes.logs import export, queries
from tests.serve.log_publishing import publish_logs, recent, store, written
from tests.serve.refusals import problem
from tests.servers import in_thread, wait_until

SEARCH, EXPORT = "/v1/logs/search", "/v1/logs/export"
RENAME_ERRORS = """
UPDATE almanac.logs_predictions SET level = 'debug' WHERE model_version = 2 AND level = 'error'"""


@pytest.fixture
def client(owner: Database) -> Iterator[httpx.Client]:
    """Reads and writes."""
    with in_thread(Settings(database_url=owner.url, ingest=True)) as client:
        yield client


def publish(owner: Database, *texts: str) -> None:
    store(owner, recent(texts))
    publish_logs(owner)


def texts(client: httpx.Client, **query: object) -> list[str]:
    return [row["text"] for row in client.get(SEARCH, params=query).json()["rows"]]


def entry_ids(answer: httpx.Response) -> list[int]:
    return [row["entry_id"] for row in answer.json()["rows"]]


def exported(client: httpx.Client, **query: object) -> list[str]:
    answer = client.get(EXPORT, params={"format": "ndjson", **query})
    return [json.loads(line)["text"] for line in answer.text.splitlines()]


def test_before_the_first_release_there_is_nothing_to_find(client: httpx.Client) -> None:
    search = client.get(SEARCH).json()
    assert (search["rows"], search["total"], search["is_capped"]) == ([], 0, False)
    assert exported(client, level="error") == []
    assert client.get("/v1/logs/stats").json()["entries"] == 0
    assert client.get("/v1/logs/analytics").json()["figures"]["error_rate"] == 0.0
    assert client.get("/v1/logs/templates").json()["rows"] == []
    assert client.get("/v1/logs/anomalies").json()["lines"] == []


def test_a_search_finds_an_entry_once_a_run_has_predicted_it(owner: Database, client: httpx.Client) -> None:
    publish(owner, "apple")
    client.post("/v1/logs", json=[{"text": "banana apple", "time": "2025-04-15T06:00:00Z"}])
    assert texts(client, q="apple") == ["apple"]
    assert client.get("/v1/logs/stats").json()["unscored"] == 1
    publish_logs(owner)
    wait_until(lambda: texts(client, q="apple") == ["apple", "banana apple"], seconds=2)
    assert client.get("/v1/logs/stats").json()["unscored"] == 0


def test_a_search_does_not_find_entries_that_are_indexed_and_not_yet_released(
    owner: Database, client: httpx.Client
) -> None:
    publish(owner, "apple")
    store(owner, recent(["banana"]))
    upkeep.prepare(owner, CONTRACT, 2)
    assert client.get(SEARCH).json()["total"] == 1
    assert (texts(client), texts(client, q="apple or banana"), exported(client)) == (["apple"],) * 3


def test_a_search_of_an_older_release_finds_its_own_entries_only(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["apple", "banana"], session="s"))
    publish_logs(owner)
    then = {"as_of": datetime.now(UTC).isoformat()}
    store(owner, recent(["cherry"], session="s"))
    publish_logs(owner)
    wait_until(lambda: len(texts(client)) == 3, seconds=2)
    for query in ({}, {"q": "apple or banana or cherry"}, {"session": "s"}, {"source": "broker"}):
        answer = client.get(SEARCH, params=then | query).json()
        assert (answer["total"], [row["text"] for row in answer["rows"]]) == (2, ["banana", "apple"])
        assert exported(client, **then, **query) == ["banana", "apple"]
    assert client.get("/v1/logs/stats", params=then).json()["entries"] == 2


def test_a_list_of_an_unreleased_version_stays_in_the_run_it_began_with(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["one", "two"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2, why=None)
    first = client.get("/v1/logs/predictions", params={"model_version": 2, "limit": 1})
    store(owner, recent(["three"]))
    publish_logs(owner, version=2, why=None)
    rest = client.get(first.json()["next"].replace("limit=1", "limit=9"))
    assert (entry_ids(first), entry_ids(rest)) == ([1], [2])
    assert entry_ids(client.get("/v1/logs/predictions", params={"model_version": 2})) == [1, 2, 3]


def test_a_search_reads_the_version_that_a_request_names(owner: Database, client: httpx.Client) -> None:
    store(owner, recent(["one", "two", "three"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2)
    answers = [client.get(SEARCH, params={"model_version": version}).json() for version in (1, 2)]
    assert [answer["rows"][0]["level_confidence"] for answer in answers] == [0.75, 0.5]
    assert texts(client, q="two", model_version=1) == ["two"]


def test_large_totals_come_from_the_counts_made_at_publishing(
    owner: Database, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_COUNTED", "MOST_GATHERED"):
        monkeypatch.setattr(queries, name, 3)
    begin = datetime(2025, 4, 15, 5, 56, tzinfo=UTC)
    store(owner, written([f"text {number}" for number in range(9)], begin=begin))
    publish_logs(owner)

    def counted(**query: object) -> tuple[int, bool, int]:
        answer = client.get(SEARCH, params=query).json()
        return answer["total"], answer["is_capped"], len(answer["rows"])

    assert counted() == (3, True, 9)
    assert counted(level="error") == (3, False, 3)
    assert counted(level="error,info") == (3, True, 6)
    assert counted(anomaly="false", since="2025-04-15T05:58:30Z") == (3, True, 4)
    assert counted(since="2025-04-15T05:57:00Z", until="2025-04-15T06:00:00Z") == (3, False, 3)
    assert counted(q="text") == (3, True, 9)


def test_an_export_is_read_to_the_end_without_formulas(
    owner: Database, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_A_TIME", 2)
    publish(owner, "=HYPERLINK(1)", "+1", "@x", 'say "so", then\ngo', "plain")
    answer = client.get(EXPORT)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["text"] for row in rows] == ["plain", 'say "so", then\ngo', "'@x", "'+1", "'=HYPERLINK(1)"]
    assert {row["level"] for row in rows} == {"info", "warning", "error"}
    assert exported(client, q="plain") == ["plain"]
    problem(client.get(EXPORT, params={"format": "xlsx"}), 422)


@pytest.mark.slow
def test_an_export_may_take_longer_than_the_deadline_of_a_request(
    owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = queries.read

    async def slow_read(*arguments: Any) -> queries.Hits:
        await asyncio.sleep(0.4)
        return await read(*arguments)

    monkeypatch.setattr(export, "ROWS_AT_A_TIME", 1)
    monkeypatch.setattr(queries, "read", slow_read)
    publish(owner, "one", "two", "three", "four", "five")
    with in_thread(Settings(database_url=owner.url, deadline_seconds=1.5)) as client:
        assert exported(client) == ["five", "four", "three", "two", "one"]


def test_versions_are_compared_entry_by_entry(owner: Database, client: httpx.Client) -> None:
    store(owner, recent(["one", "two", "three"]))
    publish_logs(owner, version=1)
    publish_logs(owner, version=2)
    with owner.connect() as connection:
        connection.execute(RENAME_ERRORS.encode())
    answer = client.get("/v1/logs/compare", params={"versions": "1,2"})
    comparison = answer.json()
    change = {"level": ["error", "debug"], "severity": ["critical"] * 2, "anomaly": [True] * 2, "entries": 1}
    assert (comparison["common"], comparison["changed"], comparison["changes"]) == (3, 1, [change])
    assert entry_ids(answer) == [2]


@pytest.mark.parametrize(("versions", "status"), [("1,9", 404), ("1", 422), ("1,2,3", 422), (None, 404)])
def test_versions_that_cannot_be_compared_are_refused(
    owner: Database, client: httpx.Client, versions: str | None, status: int
) -> None:
    publish(owner, "one")
    parameters = {"versions": versions} if versions else {}
    problem(client.get("/v1/logs/compare", params=parameters), status)
