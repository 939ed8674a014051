"""Erasures: deleted entries take their predictions and kept inputs with them, and leave a note."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from almanac.store.connections.database import Database
from almanac.store.publishing import prune, publish, published
from almanac.store.publishing.incremental import erasures
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.publishing.incremental.erasures import ErasureRequest
from almanac.store.records import runs
from almanac.store.schema.tables import SCHEMA
from tests.queries import change, rows, within
from tests.store.incremental_workload import DIARY, live, live_rows, release, write

pytestmark = pytest.mark.usefixtures("diary_tables")


ADD_INPUT = """
    INSERT INTO almanac.run_inputs (run_id, name, workload, covered_until, content)
    VALUES (:run_id, 'moods', :workload, :until, '')
"""
DELETE_SECRETS = "DELETE FROM almanac.diary_entries WHERE text = 'secret' RETURNING entry_id"
DELETE_SAD = "DELETE FROM almanac.diary_moods WHERE run_id = ANY (%s) AND mood = 'sad'"
NOTES = "SELECT run_id, rows, who, why FROM api.erasures ORDER BY erasure_id"
ALL_INPUTS = ["diary 1", "diary 2", "diary 3", "stub 3"]
Connection = psycopg.Connection[Any]


def delete_secrets(connection: Connection) -> list[int]:
    return [number for (number,) in connection.execute(DELETE_SECRETS).fetchall()]


def delete_sad_moods(run_ids: list[str]) -> Callable[[Connection], None]:
    def delete(connection: Connection) -> None:
        connection.execute(DELETE_SAD, [run_ids])

    return delete


def change_nothing(_run_ids: list[str]) -> Callable[[Connection], None]:
    return lambda _connection: None


def prediction_hash(owner: Database, run_id: str) -> str:
    with owner.connect() as connection:
        return publish.staged_hash(connection, DIARY, run_id, SCHEMA)


def test_an_erasure_deletes_entries_and_predictions_and_leaves_notes(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a", "secret", "c"])
    run_id = release(owner)
    request = ErasureRequest(DIARY, delete_secrets, delete_sad_moods, "tester", "asked for it")
    assert erasures.erase(owner, request) == 1
    assert [number for number, *_ in live_rows(reader)] == [1, 3]
    assert (live(owner)["run_id"], live(owner)["why"]) == (run_id, "erased: asked for it")
    assert list(published.read_version(owner, DIARY, "moods", 1)["mood"]) == ["calm", "glad"]
    note = (1, "tester", "asked for it")
    assert rows(reader, NOTES) == [(None, *note), (run_id, *note)]
    write(owner, ["d"])
    release(owner)
    assert [number for number, *_ in live_rows(reader)] == [1, 3, 4]


def test_the_note_of_an_erasure_has_the_hash_of_the_remaining_rows(owner: Database) -> None:
    write(owner, ["a", "secret", "c"])
    run_id = release(owner)
    before = prediction_hash(owner, run_id)
    erasures.erase(owner, ErasureRequest(DIARY, delete_secrets, delete_sad_moods, "tester", "asked for it"))
    note = within(owner, erasures.newest_note, run_id)
    assert note is not None
    assert note["prediction_hash"] == prediction_hash(owner, run_id)
    assert within(owner, runs.get, run_id)["prediction_hash"] == before != note["prediction_hash"]


def add_input(owner: Database, until: int, *, workload: str = "diary") -> None:
    """Save an input of a made-up run that covers the entries up to a number."""
    change(owner, ADD_INPUT, run_id=f"{workload} {until}", workload=workload, until=until)


def saved_inputs(owner: Database) -> list[str]:
    return [run_id for (run_id,) in rows(owner, "SELECT run_id FROM almanac.run_inputs ORDER BY run_id")]


@pytest.mark.parametrize(("drop_inputs", "left"), [(True, ["diary 1", "stub 3"]), (False, ALL_INPUTS)])
def test_kept_inputs_are_deleted_with_the_first_entry_of_a_requested_deletion(
    owner: Database, drop_inputs: bool, left: list[str]
) -> None:
    for until in (1, 2, 3):
        add_input(owner, until)
    add_input(owner, 3, workload="stub")
    request = ErasureRequest(
        DIARY, lambda _: [2, 7], change_nothing, "tester", "asked for it", drop_inputs=drop_inputs
    )
    erasures.erase(owner, request)
    assert saved_inputs(owner) == left


def test_kept_inputs_are_deleted_after_the_retention(owner: Database) -> None:
    add_input(owner, 1)
    add_input(owner, 1, workload="stub")
    prune.prune(owner, DIARY)
    assert saved_inputs(owner) == ["diary 1", "stub 1"]
    prune.prune(owner, DIARY, now=datetime.now(UTC) + DIARY.retention + timedelta(minutes=1))
    assert saved_inputs(owner) == ["stub 1"]


def test_an_entry_deleted_without_a_note_is_noticed(owner: Database) -> None:
    write(owner, ["a", "b", "c"])
    run = within(owner, runs.get, release(owner))
    again = UnscoredEntries(owner, DIARY, EntryRange(0, 3))
    assert not erasures.explains_missing_entries(owner, run, again)
    change(owner, "DELETE FROM almanac.diary_entries WHERE entry_id = 1")
    assert erasures.explains_missing_entries(owner, run, again)
