"""Deletion on request or by retention removes an entry from every table; roles have only their rights."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from almanac.runner import upkeep
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import erasures
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import deletion, recount
from tests.serve.log_publishing import publish_logs, recent, store, written
from tests.servers import in_thread, wait_until

LEAKED = "token abc123 leaked"
LEAKED_ID = "SELECT entry_id FROM almanac.log_entries WHERE position('leaked' IN text) > 0"
NOTES = "SELECT run_id, rows, who, why FROM almanac.erasures ORDER BY erasure_id"
BLOCKS = """
SELECT block, first_entry, length(letters), left(letters, 3) FROM almanac.logs_blocks ORDER BY block"""
TABLES_OF_DAYS = """
SELECT count(*) FROM pg_class WHERE relname LIKE 'log_entries_2%%' OR relname LIKE 'log_search_2%%'"""
OF_ENTRIES = ("log_entries", "log_search", "log_ids", "logs_predictions")


@pytest.fixture
def client(owner: Database) -> Iterator[httpx.Client]:
    """Reads and writes."""
    with in_thread(Settings(database_url=owner.url, ingest=True)) as client:
        yield client


def rows(owner: Database, query: str) -> list[tuple[object, ...]]:
    with owner.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def sizes(owner: Database, *tables: str) -> set[object]:
    return {rows(owner, f"SELECT count(*) FROM almanac.{table}")[0][0] for table in tables}


def texts(client: httpx.Client, **query: object) -> list[str]:
    return [row["text"] for row in client.get("/v1/logs/search", params=query).json()["rows"]]


def erase(owner: Database, condition: str) -> int:
    delete = deletion.by_conditions([condition])
    request = erasures.ErasureRequest(CONTRACT, delete, recount.repair, "tester", "leaked")
    return erasures.erase(owner, request)


def test_a_deleted_entry_is_removed_everywhere_and_recorded(owner: Database, client: httpx.Client) -> None:
    store(owner, recent([LEAKED, "harmless", "also harmless", "harmless"], session="s"))
    run_id = publish_logs(owner)
    assert texts(client, q="leaked") == [LEAKED]
    assert erase(owner, "contains=abc123") == 1
    wait_until(lambda: texts(client, q="leaked") == [], seconds=2)
    assert sorted(texts(client)) == ["also harmless", "harmless", "harmless"]
    assert client.get("/v1/logs/analytics").json()["figures"]["entries"] == 3
    assert client.get("/v1/logs/templates").json()["rows"][0]["entries"] == 2
    assert sizes(owner, *OF_ENTRIES) == {3}
    assert "token" not in str(rows(owner, "SELECT template FROM almanac.logs_templates"))
    assert rows(owner, NOTES) == [(None, 1, "tester", "leaked"), (run_id, 1, "tester", "leaked")]
    assert client.get("/v1/logs/releases").json()["rows"][0]["why"] == "erased: leaked"


def test_a_session_is_deleted_with_its_last_entry_despite_a_namesake_in_another_source(
    owner: Database,
) -> None:
    for source in ("broker", "web"):
        store(owner, written(["hello"], source=source, session="s"))
    publish_logs(owner)
    erase(owner, "source=broker")
    assert rows(owner, "SELECT source, session FROM almanac.logs_sessions") == [("web", "s")]


def test_a_deletion_invalidates_cached_answers_of_older_releases(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent([LEAKED, "harmless"]))
    publish_logs(owner)
    [(entry_id,)] = rows(owner, LEAKED_ID)
    address = f"/v1/logs/predictions/{entry_id}"
    wait_until(lambda: client.get(address).status_code == 200, seconds=2)
    then = {"as_of": datetime.now(UTC).isoformat()}
    before = client.get(address, params=then)
    erase(owner, "contains=abc123")
    wait_until(lambda: client.get(address).status_code == 404, seconds=2)
    after = client.get(address, params=then, headers={"If-None-Match": before.headers["etag"]})
    assert (before.status_code, after.status_code) == (200, 404)


def test_a_search_by_words_and_levels_is_correct_after_a_deletion(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent([LEAKED, *(f"harmless {number}" for number in range(300))]))
    publish_logs(owner)
    errors = sorted(f"harmless {number}" for number in range(0, 300, 3))
    assert sorted(texts(client, q="harmless", level="error", limit=200)) == errors
    erase(owner, "contains=abc123")
    wait_until(lambda: texts(client, q="leaked") == [], seconds=2)
    assert sorted(texts(client, q="harmless", level="error", limit=200)) == errors
    assert texts(client, q="harmless", level="info", severity="critical") == []
    assert rows(owner, BLOCKS) == [(0, 2, 256, "  O"), (1, 256, 46, "BO8")]


def test_written_levels_are_counted_again_after_a_deletion_and_are_0_where_an_older_program_counted_none(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent([LEAKED, "a", "b", "c"]))
    publish_logs(owner)
    wait_until(lambda: written_counts(client) == [4, 2], seconds=2)
    erase(owner, "contains=abc123")
    assert written_counts(client) == [3, 2]
    with owner.connect() as connection:
        connection.execute(b"UPDATE almanac.logs_rollups SET written = NULL, differing = NULL")
    assert written_counts(client) == [0, 0]


def written_counts(client: httpx.Client) -> list[int]:
    """Return how many entries have a written level, and how many of them another than the predicted one."""
    stats = client.get("/v1/logs/stats").json()
    return [stats["written"], stats["differing"]]


def test_days_past_retention_are_deleted_with_everything_that_refers_to_them(
    owner: Database, client: httpx.Client
) -> None:
    store(owner, recent(["old"]))
    publish_logs(owner)
    end = datetime.now(UTC) + CONTRACT.retention + timedelta(days=1)
    upkeep.tend(owner, CONTRACT, now=end - timedelta(days=2))
    assert sizes(owner, "log_entries") == {1}
    upkeep.tend(owner, CONTRACT, now=end)
    assert sizes(owner, *OF_ENTRIES, "logs_rollups", "logs_templates") == {0}
    assert rows(owner, TABLES_OF_DAYS) == [(0,)]
    wait_until(lambda: texts(client) == [], seconds=2)
    store(owner, recent(["new"]))
    publish_logs(owner)
    wait_until(lambda: texts(client) == ["new"], seconds=2)


def test_a_question_is_deleted_after_a_day(owner: Database, client: httpx.Client) -> None:
    location = client.post("/v1/logs/classify", json={"text": "never seen"}).headers["location"]
    now, statuses = datetime.now(UTC), [client.get(location).status_code]
    for hours in (23, 25):
        upkeep.tend(owner, CONTRACT, now=now + timedelta(hours=hours))
        statuses.append(client.get(location).status_code)
    assert statuses == [202, 202, 404]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM almanac.log_entries",
        "DELETE FROM almanac.log_entries",
        "SELECT * FROM api.log_entries",
    ],
)
def test_the_role_that_stores_entries_may_read_and_change_nothing(owner: Database, statement: str) -> None:
    with (
        Database(owner.url, "ingest").connect() as connection,
        pytest.raises(Exception, match="permission denied"),
    ):
        connection.execute(statement.encode())
