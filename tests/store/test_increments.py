"""Increments: a run stages its own rows, absorbs the small runs before it, and has no gaps."""

from typing import Any

import pytest

from almanac.errors import AuditFailed, RunFenced
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, published
from almanac.store.publishing.incremental import increments
from almanac.store.records import releases, runs
from almanac.store.rows.hashes import frame_hash
from almanac.store.schema.tables import SCHEMA
from tests.queries import change, one, rows, staged_tables, within
from tests.store.incremental_workload import (
    DIARY,
    begin,
    live,
    live_rows,
    predictions_of,
    release,
    stage,
    write,
    write_many,
)

pytestmark = pytest.mark.usefixtures("diary_tables")
# The table `moods` over seven entries.
MERGED_MOODS = [("calm", 2, 3, 6, "up to 7"), ("glad", 3, 1, 7, "up to 7"), ("sad", 2, 2, 5, "up to 7")]
MOODS_OF_RUN = """
    SELECT mood, entries, first_id, last_id, said FROM almanac.diary_moods WHERE run_id = :run ORDER BY mood
"""


def read_moods(owner: Database) -> list[tuple[object, ...]]:
    """Return the table `moods` over all runs of version 1."""
    frame = published.read_version(owner, DIARY, "moods", 1)
    return list(frame.itertuples(index=False, name=None))


def test_a_run_absorbs_the_small_runs_before_it(owner: Database, reader: Database) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner)
    assert live(owner)["run_ids"] == [second]
    assert live_rows(reader) == [(1, "glad", 0.25), (2, "sad", 0.25), (3, "calm", 0.25)]
    assert within(owner, runs.get, first)["absorbed_by"] == second
    assert within(owner, runs.get, second)["rows"] == 3
    with owner.connect() as connection:
        published_hash = publish.staged_hash(connection, DIARY, second, SCHEMA)
    assert published_hash == within(owner, runs.get, second)["prediction_hash"]


def test_side_tables_are_merged_by_key_as_the_contract_says(owner: Database) -> None:
    write(owner, ["a", "b", "c", "d"])
    release(owner)
    write(owner, ["e", "f", "g"])
    second = release(owner)
    assert rows(owner, MOODS_OF_RUN, run=second) == MERGED_MOODS
    assert read_moods(owner) == MERGED_MOODS


def test_reading_a_version_merges_its_runs_as_absorbing_does(owner: Database, no_absorbing: None) -> None:
    write(owner, ["a", "b", "c", "d"])
    release(owner)
    write(owner, ["e", "f", "g"])
    release(owner)
    assert read_moods(owner) == MERGED_MOODS
    predictions = published.read_version(owner, DIARY, "predictions", 1)
    assert list(predictions["entry_id"]) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("sizes", "new", "absorbed"),
    [
        ([100, 100], 100, [100, 100]),
        ([400_000, 3_000], 200, [3_000]),
        ([9_000], 4_000, []),
        ([8_000], 4_000, [8_000]),
        ([30_000, 8_000], 4_000, [8_000]),
        ([20_000, 8_000], 4_000, [8_000, 20_000]),
        ([400_000], 200_000, [400_000]),
        ([900_000], 450_001, []),
        ([900_000], 100_001, []),
        ([900_000], 450_000, []),
        ([400_000], 600_000, [400_000]),
        ([100, 900_000, 200], 300, [200]),
        ([], 10, []),
    ],
)
def test_the_newest_runs_are_absorbed_while_they_are_not_much_larger_than_the_new_rows(
    sizes: list[int], new: int, absorbed: list[int]
) -> None:
    before: Any = [{"rows": size} for size in sizes]
    assert [run["rows"] for run in increments.runs_to_absorb(before, new)] == absorbed


def test_a_thousand_runs_leave_a_handful_of_tables_and_copy_each_row_a_few_times() -> None:
    tables: Any = []
    most_tables, copied_rows = 0, 0
    for _ in range(1_000):
        absorbed = increments.runs_to_absorb(tables, 2_000)
        absorbed_rows = sum(run["rows"] for run in absorbed)
        copied_rows += absorbed_rows
        tables = [*tables[: len(tables) - len(absorbed)], {"rows": 2_000 + absorbed_rows}]
        most_tables = max(most_tables, len(tables))
    assert sum(table["rows"] for table in tables) == 2_000_000
    assert most_tables <= 20
    assert copied_rows / 2_000_000 < 8


def test_a_run_that_absorbed_a_run_pruned_meanwhile_may_not_publish(owner: Database) -> None:
    write(owner, ["a"])
    first = release(owner)
    write(owner, ["b"])
    run_id = begin(owner)
    request = stage(owner, run_id)
    assert request.absorbed == (first,)
    change(owner, "UPDATE almanac.runs SET pruned_at = now() WHERE run_id = :run", run=first)
    with pytest.raises(RunFenced, match=rf"took over rows of runs that are no longer kept \({first}\)"):
        publish.publish(owner, request)
    assert [release["run_id"] for release in within(owner, releases.newest, "diary")] == [first]


def test_a_run_that_absorbs_others_reports_the_hash_of_its_own_rows(
    owner: Database, worker: Database
) -> None:
    write(owner, ["a"])
    first = release(owner)
    write(owner, ["b"])
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = predictions_of(list(unscored))
    scored = increments.ScoredEntries(1, unscored)
    staged = increments.stage(worker, DIARY, begin(owner), content, scored=scored)
    assert (staged.absorbed, staged.rows) == ((first,), 2)
    own_hash = frame_hash(DIARY.predictions, content["predictions"])
    assert staged.summary()["hashes"] == {"predictions": own_hash}


def test_predictions_of_deleted_entries_are_not_absorbed(owner: Database, reader: Database) -> None:
    write(owner, ["a", "b"])
    release(owner)
    change(owner, "DELETE FROM almanac.diary_entries WHERE entry_id = 1")
    write(owner, ["c"])
    release(owner)
    assert [number for number, *_ in live_rows(reader)] == [2, 3]


# What the prediction table becomes when a notebook does not predict the entries 2 to 4 once each.
FAULTS = {
    "missing": lambda frame: frame.iloc[:2],
    "repeated": lambda frame: frame.iloc[[0, 1, 1]],
    "later": lambda frame: frame.assign(entry_id=[3, 4, 5]),
    "earlier": lambda frame: frame.assign(entry_id=[1, 2, 3]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_entry_gets_exactly_one_prediction(owner: Database, worker: Database, fault: str) -> None:
    write(owner, ["before"])
    release(owner)
    write(owner, ["a", "b", "c"])
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = predictions_of(list(unscored))
    content["predictions"] = FAULTS[fault](content["predictions"])
    scored = increments.ScoredEntries(1, unscored)
    with pytest.raises(AuditFailed, match=r"3 entries of 'diary' were read, [23] predictions were made"):
        increments.stage(worker, DIARY, begin(owner), content, scored=scored)
    assert staged_tables(owner) == []


def test_a_broken_rule_is_named_and_leaves_no_table(owner: Database, worker: Database) -> None:
    write(owner, ["a", "b", "c"])
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = predictions_of(list(unscored), version=5)
    scored = increments.ScoredEntries(5, unscored)
    with pytest.raises(AuditFailed, match="3 rows break 'score <= 1'"):
        increments.stage(worker, DIARY, begin(owner), content, scored=scored)
    assert staged_tables(owner) == []


@pytest.mark.slow
def test_many_entries_are_read_and_published_in_bounded_pieces(owner: Database, reader: Database) -> None:
    write_many(owner, 250_000)
    release(owner)
    assert one(reader, "SELECT count(*) FROM api.diary_live") == 250_000
