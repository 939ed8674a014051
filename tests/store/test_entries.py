"""Entries of an incremental workload: read in batches, as they were written, and none is missed."""

from datetime import UTC, datetime
from threading import Timer

import pyarrow as pa
import pytest

from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import entries, increments
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from tests.queries import change
from tests.store.incremental_workload import DIARY, write

pytestmark = pytest.mark.usefixtures("diary_tables")
SET_TIME = "UPDATE almanac.diary_entries SET written_at = '2025-04-15T06:00:00.25Z' WHERE entry_id = 1"
HOSTILE = ['say "so"', "", None, "a,b\nc\r\nd", "\\N", "tab\there", "\x1b[31mred", "é\U0001f600", " x "]


def texts_of(batches: list[pa.Table]) -> list[str | None]:
    return [text for batch in batches for text in batch["text"].to_pylist()]


def test_entries_are_read_in_batches_as_they_were_written(
    owner: Database, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "NUMBERS_AT_A_TIME", 4)
    write(owner, HOSTILE)
    change(owner, SET_TIME)
    unscored = increments.unscored_entries(worker, DIARY, 1)
    batches = list(unscored)
    assert texts_of(batches) == HOSTILE
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert batches[0]["written_at"][0].as_py() == datetime(2025, 4, 15, 6, 0, 0, 250_000, tzinfo=UTC)
    assert unscored.rows == 9


def test_the_input_hash_changes_with_an_entry(owner: Database, worker: Database) -> None:
    write(owner, ["a", "b"])

    def read() -> str:
        again = UnscoredEntries(worker, DIARY, EntryRange(0, 2))
        assert sum(len(batch) for batch in again) == 2
        return again.input_hash

    before = read()
    assert read() == before
    change(owner, "UPDATE almanac.diary_entries SET text = 'c' WHERE entry_id = 2")
    assert read() != before


def test_reading_waits_for_an_insert_under_way_so_that_no_entry_is_missed(
    owner: Database, worker: Database
) -> None:
    with owner.connect() as slow:
        slow.execute("INSERT INTO almanac.diary_entries (text) VALUES ('slow')")
        # The slow entry has the lower number and is committed last. A reader who does not wait never reads
        # it.
        write(owner, ["fast"])
        commit = Timer(0.3, slow.commit)
        commit.start()
        batches = list(increments.unscored_entries(worker, DIARY, 1))
        commit.join()
    assert texts_of(batches) == ["slow", "fast"]


def test_a_reader_may_stop_after_the_first_batch(
    owner: Database, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "NUMBERS_AT_A_TIME", 1)
    write(owner, ["a", "b", "c"])
    for _ in range(20):
        reading = iter(UnscoredEntries(worker, DIARY, EntryRange(0, 3)))
        assert texts_of([next(reading)]) == ["a"]
        reading.close()  # type: ignore[attr-defined]
