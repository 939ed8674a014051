"""Entries with a time in the future: flagged, counted, last in lists, never the end of the default period."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from almanac.settings import Settings
from almanac.store.connections.database import Database
from serve.routes.logs import queries
from tests.serve.log_publishing import publish_logs, recent, store, written
from tests.servers import in_thread

FRESH = ["one", "two", "three"]
# The end of a 32-bit clock, a wrong year, a zone that was left out.
FUTURES = [
    datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC),
    datetime(9998, 12, 31, tzinfo=UTC),
    datetime.now(UTC) + timedelta(days=1),
    datetime.now(UTC) + timedelta(hours=2),
]


@pytest.fixture
def client(owner: Database) -> Iterator[httpx.Client]:
    with in_thread(Settings(database_url=owner.url)) as client:
        yield client


def read(client: httpx.Client, path: str, **query: object) -> dict[str, Any]:
    answer = client.get(f"/v1/logs/{path}", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def publish(owner: Database, *futures: datetime) -> None:
    store(owner, recent(FRESH))
    for moment in futures:
        store(owner, written([f"at {moment:%Y}"], source="camera", begin=moment))
    publish_logs(owner)


@pytest.mark.parametrize("moment", FUTURES)
def test_one_entry_of_the_future_empties_no_default_answer(
    owner: Database, client: httpx.Client, moment: datetime
) -> None:
    publish(owner, moment)
    stats = read(client, "stats")
    assert (stats["entries"], stats["future"], stats["by_source"]) == (3, 1, {"broker": 3})
    assert read(client, "analytics")["figures"]["entries"] == 3
    assert {line["source"] for line in read(client, "anomalies")["lines"]} == {"broker"}
    assert read(client, "stats", until="9999-01-01T00:00:00Z", since="2026-01-01T00:00:00Z")["entries"] == 4


@pytest.mark.parametrize("most_gathered", [0, 30_000])
@pytest.mark.parametrize("query", [{}, {"level": "info,warning,error"}])
def test_a_list_ends_with_the_entries_of_the_future(
    owner: Database,
    client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    most_gathered: int,
    query: dict[str, str],
) -> None:
    monkeypatch.setattr(queries, "MOST_GATHERED", most_gathered)
    publish(owner, *FUTURES[:2])
    rows = read(client, "search", **query)["rows"]
    assert [row["text"] for row in rows] == ["three", "two", "one", "at 9998", "at 2038"]
    assert [row["is_future"] for row in rows] == [False] * 3 + [True] * 2


@pytest.mark.parametrize("most_gathered", [0, 30_000])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_list_is_read_page_by_page_into_the_future(
    owner: Database, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, limit: int, most_gathered: int
) -> None:
    monkeypatch.setattr(queries, "MOST_GATHERED", most_gathered)
    publish(owner, *FUTURES[:2])
    texts, address = [], f"/v1/logs/search?limit={limit}"
    while address:
        page = client.get(address).json()
        texts += [row["text"] for row in page["rows"]]
        address = page["next"]
    assert texts == ["three", "two", "one", "at 9998", "at 2038"]


def test_a_store_of_future_entries_only_says_so(owner: Database, client: httpx.Client) -> None:
    store(owner, written(["early"], begin=FUTURES[0]))
    publish_logs(owner)
    stats = read(client, "stats")
    assert (stats["entries"], stats["future"]) == (0, 1)
    assert datetime.fromisoformat(stats["until"]) < datetime.now(UTC) + timedelta(hours=1)
