"""What a search looks through: complete however many runs filled a day, and laid out anew once the day is over."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries, upkeep
from almanac.workloads.logs.formats import SCHEMA
from almanac.workloads.logs.keeping import deletion, retention, search_index
from tests.queries import one, rows

MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)
TEXTS = ("disk is slow", "disk is full", "went to sleep")
FOUND = "SELECT count(*) FROM almanac.log_search WHERE document @@ websearch_to_tsquery('simple', :words)"


def stored(owner: Database, *texts: str) -> int:
    """Store entries, make them searchable as a run does, and return the highest number."""
    with Database(owner.url, "worker").connect() as connection:
        entries.store(connection, table(*texts), entries.Load(binary_copy.encode))
    until = int(one(owner, "SELECT max(entry_id) FROM almanac.log_entries"))
    with owner.connect() as connection:
        search_index.prepare(connection, until)
    return until


def table(*texts: str) -> pa.Table:
    begin = datetime.now(UTC)
    return pa.Table.from_pylist(
        [
            {"place": at, "source": "box", "event_time": begin + timedelta(seconds=at), "text": text, "raw": False, "session": "s", "logger": None,
             "level": None, "client_id": None}
            for at, text in enumerate(texts)
        ],
        schema=SCHEMA,
    )  # fmt: skip


@pytest.fixture
def tomorrow(owner: Database) -> date:
    """The day after one that came in three parts."""
    for text in TEXTS:
        stored(owner, text)
    return datetime.now(UTC).date() + timedelta(days=1)


def lay_out(owner: Database, today: date) -> date | None:
    with owner.connect() as connection:
        return search_index.cluster(connection, today)


def test_a_day_that_is_over_is_laid_out_once_and_loses_nothing(owner: Database, tomorrow: date) -> None:
    before = rows(
        owner,
        "SELECT entry_id, event_time, source, session, document::text FROM almanac.log_search ORDER BY entry_id",
    )
    assert lay_out(owner, tomorrow - timedelta(days=1)) is None, "the day is not over"
    assert lay_out(owner, tomorrow) == tomorrow - timedelta(days=1)
    assert (
        rows(
            owner,
            "SELECT entry_id, event_time, source, session, document::text FROM almanac.log_search ORDER BY entry_id",
        )
        == before
    )
    in_order = "SELECT entry_id FROM almanac.log_search ORDER BY ctid"
    assert [number for (number,) in rows(owner, in_order)] == [2, 1, 3], "side by side by their texts"
    assert lay_out(owner, tomorrow) is None, "it came in one part now"


def test_the_new_layout_has_the_indexes_of_the_whole_table_and_each_once(
    owner: Database, tomorrow: date
) -> None:
    indexes = "SELECT regexp_replace(indexdef, '.* USING ', '') FROM pg_indexes WHERE tablename LIKE 'log_search_2%' ORDER BY 1"
    whole = rows(owner, indexes.replace("LIKE 'log_search_2%'", "= 'log_search'"))
    assert len(whole) == 3
    assert rows(owner, indexes) == whole
    lay_out(owner, tomorrow)
    assert rows(owner, indexes) == whole
    assert [one(owner, FOUND, words=words) for words in ("disk", "disk -slow", "sleep")] == [2, 1, 1]


def test_a_day_with_an_entry_that_is_not_searchable_yet_waits(owner: Database, tomorrow: date) -> None:
    with Database(owner.url, "worker").connect() as connection:
        entries.store(connection, table("late one"), entries.Load(binary_copy.encode))
    assert lay_out(owner, tomorrow) is None
    with owner.connect() as connection:
        search_index.prepare(connection, 10)
    assert lay_out(owner, tomorrow) is not None
    assert one(owner, FOUND, words="late") == 1


def test_a_day_that_somebody_reads_is_left_for_the_next_time(
    owner: Database, tomorrow: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "LOCK_TIMEOUT", "50ms")
    with owner.connect() as reader:
        reader.execute("SELECT count(*) FROM almanac.log_search").fetchall()
        assert lay_out(owner, tomorrow) is None
    assert one(owner, "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%_fresh'") == 0
    assert one(owner, FOUND, words="disk") == 2
    assert lay_out(owner, tomorrow) is not None


def test_what_a_run_adds_to_the_index_is_merged_into_it_at_once(owner: Database, tomorrow: date) -> None:
    name = one(owner, "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_am AS a ON a.oid = c.relam "
               "WHERE amname = 'gin' AND indrelid::regclass::text LIKE 'almanac.log_search_2%'")  # fmt: skip
    with owner.connect() as connection:
        ((pages,),) = connection.execute("SELECT gin_clean_pending_list(%s::regclass)", [name]).fetchall()
    assert pages == 0


def test_tending_lays_out_and_retention_forgets_the_day(owner: Database, tomorrow: date) -> None:
    with owner.connect() as connection:
        upkeep.tend(connection, datetime.combine(tomorrow, MOMENT.timetz()))
    day = tomorrow - timedelta(days=1)
    assert rows(owner, "SELECT day, parts FROM almanac.log_layouts") == [(day, 1)]
    with owner.connect() as connection:
        assert retention.drop_day(connection, day) == [1, 2, 3]
    assert one(owner, "SELECT count(*) FROM almanac.log_layouts") == 0


def test_a_day_has_expired_once_it_lies_before_the_first_that_is_kept(
    owner: Database, tomorrow: date
) -> None:
    today = tomorrow - timedelta(days=1)
    with owner.connect() as connection:
        assert retention.expired_days(connection, today) == []
        assert retention.expired_days(connection, tomorrow) == [today]


def test_a_condition_takes_the_entries_that_meet_it_and_no_others(owner: Database) -> None:
    told = [
        {"source": "box", "session": "s1", "logger": "a.A", "client_id": "c1", "text": "right now"},
        {"source": "web", "session": "s2", "logger": None, "client_id": "c2", "text": "never"},
        {"source": "box", "session": "s3", "logger": "a.B", "client_id": "c3", "text": "never"},
    ]
    rest = {"event_time": datetime.now(UTC), "raw": False, "level": None}
    with Database(owner.url, "worker").connect() as connection:
        table = pa.Table.from_pylist(
            [{"place": at} | rest | row for at, row in enumerate(told)], schema=SCHEMA
        )
        entries.store(connection, table, entries.Load(binary_copy.encode))
    for condition, gone in {
        "source=web": [2],
        "session=s2": [2],
        "logger=a.B": [3],
        "id=c3": [3],
        "contains=now": [1],
    }.items():
        with owner.connect() as connection:
            assert deletion.by_conditions([condition])(connection) == gone, condition
            connection.rollback()


def test_what_is_deleted_while_a_day_is_laid_out_does_not_come_back(owner: Database, tomorrow: date) -> None:
    delete = deletion.by_conditions(["contains=sleep"])
    with ThreadPoolExecutor(1) as pool:
        with owner.connect() as connection:
            assert delete(connection) == [3]
            laid_out = pool.submit(lay_out, owner, tomorrow)
            time.sleep(0.5)
        laid_out.result()
    assert rows(owner, "SELECT entry_id FROM almanac.log_search ORDER BY entry_id") == [(1,), (2,)]
