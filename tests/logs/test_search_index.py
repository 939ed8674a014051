"""The search index: complete however many runs fill a day, and rewritten once the day is over."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries, upkeep
from almanac.workloads.logs.keeping import deletion, retention, search_index
from tests.logs.log_samples import parsed
from tests.queries import one, rows

MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
TEXTS = ("disk is slow", "disk is full", "went to sleep")
COUNT = "SELECT count(*) FROM almanac.log_search WHERE document @@ websearch_to_tsquery('simple', :words)"
CONTENT = """
    SELECT entry_id, event_time, source, session, document::text FROM almanac.log_search ORDER BY entry_id"""
BY_PLACE = "SELECT entry_id FROM almanac.log_search ORDER BY ctid"
INDEXES = """
    SELECT regexp_replace(indexdef, '.* USING ', '') FROM pg_indexes WHERE tablename {condition} ORDER BY 1"""
OF_A_DAY = INDEXES.format(condition="LIKE 'log_search_2%'")
OF_THE_WHOLE = INDEXES.format(condition="= 'log_search'")
GIN_OF_A_DAY = """
    SELECT indexrelid::regclass::text
    FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_am AS a ON a.oid = c.relam
    WHERE amname = 'gin' AND indrelid::regclass::text LIKE 'almanac.log_search_2%'"""
# Each condition with the numbers of the entries that meet it.
ROWS: list[dict[str, Any]] = [
    {"source": "box", "session": "s1", "logger": "a.A", "client_id": "c1", "text": "right now"},
    {"source": "web", "session": "s2", "logger": None, "client_id": "c2", "text": "never"},
    {"source": "box", "session": "s3", "logger": "a.B", "client_id": "c3", "text": "never"},
]
CONDITIONS = {"source=web": [2], "session=s2": [2], "logger=a.B": [3], "id=c3": [3], "contains=now": [1]}


def store(owner: Database, members: list[dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    batch = parsed([{"event_time": now, "source": "box", "session": "s"} | row for row in members])
    with Database(owner.url, "worker").connect() as connection:
        entries.store(connection, batch, entries.Load(binary_copy.encode))


def prepare(owner: Database) -> None:
    """Make all entries searchable, as a run does."""
    until = int(one(owner, "SELECT max(entry_id) FROM almanac.log_entries"))
    with owner.connect() as connection:
        search_index.prepare(connection, until)


def cluster(owner: Database, today: date) -> date | None:
    with owner.connect() as connection:
        return search_index.cluster(connection, today)


@pytest.fixture
def tomorrow(owner: Database) -> date:
    """The day after one that came in three parts."""
    for text in TEXTS:
        store(owner, [{"text": text}])
        prepare(owner)
    return datetime.now(UTC).date() + ONE_DAY


def test_a_day_that_is_over_is_rewritten_once_and_loses_nothing(owner: Database, tomorrow: date) -> None:
    before = rows(owner, CONTENT)
    assert cluster(owner, tomorrow - ONE_DAY) is None, "the day is not over"
    assert cluster(owner, tomorrow) == tomorrow - ONE_DAY
    assert rows(owner, CONTENT) == before
    assert rows(owner, BY_PLACE) == [(2,), (1,), (3,)], "side by side by their texts"
    assert cluster(owner, tomorrow) is None, "it is in one part now"


def test_a_rewritten_day_has_each_index_of_the_whole_table_once(owner: Database, tomorrow: date) -> None:
    whole = rows(owner, OF_THE_WHOLE)
    assert len(whole) == 3
    assert rows(owner, OF_A_DAY) == whole
    cluster(owner, tomorrow)
    assert rows(owner, OF_A_DAY) == whole
    assert [one(owner, COUNT, words=words) for words in ("disk", "disk -slow", "sleep")] == [2, 1, 1]


def test_a_day_with_an_entry_that_is_not_searchable_yet_waits(owner: Database, tomorrow: date) -> None:
    store(owner, [{"text": "late one"}])
    assert cluster(owner, tomorrow) is None
    prepare(owner)
    assert cluster(owner, tomorrow) is not None
    assert one(owner, COUNT, words="late") == 1


def test_a_day_that_a_reader_locks_is_left_for_the_next_time(
    owner: Database, tomorrow: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "LOCK_TIMEOUT", "50ms")
    with owner.connect() as reader:
        reader.execute("SELECT count(*) FROM almanac.log_search").fetchall()
        assert cluster(owner, tomorrow) is None
    assert one(owner, "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%_fresh'") == 0
    assert one(owner, COUNT, words="disk") == 2
    assert cluster(owner, tomorrow) is not None


@pytest.mark.usefixtures("tomorrow")
def test_additions_of_a_run_are_merged_into_the_index_at_once(owner: Database) -> None:
    index = one(owner, GIN_OF_A_DAY)
    with owner.connect() as connection:
        merged = connection.execute("SELECT gin_clean_pending_list(%s::regclass)", [index]).fetchall()
    assert merged == [(0,)]


def test_upkeep_rewrites_a_day_and_retention_drops_it(owner: Database, tomorrow: date) -> None:
    day = tomorrow - ONE_DAY
    with owner.connect() as connection:
        upkeep.tend(connection, datetime.combine(tomorrow, MOMENT.timetz()))
    assert rows(owner, "SELECT day, parts FROM almanac.log_layouts") == [(day, 1)]
    with owner.connect() as connection:
        assert retention.drop_day(connection, day) == [1, 2, 3]
    assert one(owner, "SELECT count(*) FROM almanac.log_layouts") == 0


def test_a_day_has_expired_once_it_lies_before_the_first_day_of_retention(
    owner: Database, tomorrow: date
) -> None:
    today = tomorrow - ONE_DAY
    with owner.connect() as connection:
        assert retention.expired_days(connection, today) == []
        assert retention.expired_days(connection, tomorrow) == [today]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_deletes_the_entries_that_meet_it_and_no_others(owner: Database, condition: str) -> None:
    store(owner, ROWS)
    with owner.connect() as connection:
        assert deletion.by_conditions([condition])(connection) == CONDITIONS[condition]


def test_rewriting_a_day_does_not_bring_back_what_is_deleted_meanwhile(
    owner: Database, tomorrow: date
) -> None:
    delete = deletion.by_conditions(["contains=sleep"])
    with ThreadPoolExecutor(1) as pool:
        with owner.connect() as connection:
            assert delete(connection) == [3]
            clustering = pool.submit(cluster, owner, tomorrow)
            time.sleep(0.5)
        clustering.result()
    assert rows(owner, "SELECT entry_id FROM almanac.log_search ORDER BY entry_id") == [(1,), (2,)]
