"""The models of what clients send agree with the database and with the formats of files."""

import doctest
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from almanac.store.connections.database import Database
from almanac.workloads.logs.shared import cleaning, limits
from almanac.workloads.logs.shared.intake import Entry, ingest_item
from tests.queries import rows

CHECKS = """
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'almanac.log_entries'::regclass AND contype = 'c'"""
HOSTILE = "\x1b[31mred\x1b[0m\r\nblue\x07\x1b]0;title\x07\x7f"


def test_the_table_of_entries_has_the_same_limits_of_source_and_text(owner: Database) -> None:
    checks = "\n".join(definition for (definition,) in rows(owner, CHECKS))
    assert f"length(source) <= {limits.LONGEST['source']}" in checks
    assert f"length(text) <= {limits.LONGEST['text']}" in checks


def test_the_table_of_entries_takes_every_event_time_within_the_limits(owner: Database) -> None:
    (definition,) = [text for (text,) in rows(owner, CHECKS) if "event_time" in text]
    condition = definition.removeprefix("CHECK ")
    statement = f"SELECT {condition} FROM (VALUES (CAST(:moment AS timestamptz))) AS entry (event_time)"
    last = limits.LATEST - timedelta(microseconds=1)
    assert rows(owner, statement, moment=limits.EARLIEST) == rows(owner, statement, moment=last) == [(True,)]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"text": ""}, "at least 1 item"),
        ({"text": "x" * 65_537}, "at most 65536 items"),
        ({"text": "a\0"}, "must not contain NUL"),
        ({"text": "a", "source": "s" * 201}, "at most 200 items"),
        ({"text": "a", "level": "l" * 41}, "at most 40 items"),
        ({"text": "a", "logger": "l" * 401}, "at most 400 items"),
        ({"text": "a", "time": "1969-12-31T23:59:59Z"}, "must lie between 1970 and 9998"),
        ({"text": "a", "time": "9999-01-01T00:00:00Z"}, "must lie between 1970 and 9998"),
        ({"text": "a", "colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_an_entry_beyond_a_limit_is_refused(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Entry.model_validate(members)


def test_the_first_and_the_last_moment_are_accepted() -> None:
    times = ["1970-01-01T00:00:00Z", "9998-12-31T23:59:59Z"]
    moments = [Entry.model_validate({"text": "a", "time": time}).time for time in times]
    assert moments == [limits.EARLIEST, datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)]


def test_an_entry_is_ingested_with_inert_text_and_without_empty_members() -> None:
    entry = Entry.model_validate({"text": HOSTILE, "id": "a1", "time": "2025-04-15T08:00:00+02:00"})
    assert ingest_item(entry) == {
        "id": "a1",
        "time": "2025-04-15T06:00:00+00:00",
        "text": "red\nblue\ufffd\ufffd",
    }


def test_an_entry_without_an_id_gets_a_key_of_its_own() -> None:
    first, second = (ingest_item(Entry(text="a")) for _ in range(2))
    assert first.keys() == {"text", "key"}
    assert first["key"] != second["key"]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(cleaning).failed == 0
