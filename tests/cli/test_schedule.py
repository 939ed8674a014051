"""What was missed is seen: in `almanac runs`, in `schedule list`, and in the metrics of the server."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from almanac import discovery
from almanac.store.connections.database import Database
from tests.queries import change

Almanac = Callable[..., Any]
MISSED = """
    INSERT INTO almanac.schedules (workload, schedule, slot, state, reason) VALUES
        ('football', 'default', clock_timestamp() - interval '1 hour', 'missed', 'nobody ran it'),
        ('games', 'collect', clock_timestamp() - interval '30 days', 'missed', 'long ago'),
        ('games', 'collect', clock_timestamp() + interval '1 hour', 'waiting', NULL)
"""

DONE = """
    INSERT INTO almanac.runs (run_id, workload, slot, status, steps, sample, actor)
    SELECT 'by-hand', 'football', date_bin('2 hours', clock_timestamp(), '2000-01-01Z'), 'succeeded', '{}',
        'full', 'me'
"""


@pytest.fixture
def with_slots(owner: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    change(owner, MISSED)
    monkeypatch.setenv("DATABASE_URL", owner.url)


def test_runs_name_what_was_missed_of_late(almanac: Almanac, with_slots: None) -> None:
    text = almanac("runs").out
    assert "nobody ran it" in text
    assert "long ago" not in text
    assert json.loads(almanac("runs", "--json").out) == []


def test_the_list_has_all_slots_and_a_state_narrows_it(almanac: Almanac, with_slots: None) -> None:
    slots = json.loads(almanac("schedule", "list", "--json").out)
    assert [(slot["workload"], slot["state"]) for slot in slots] == [
        ("games", "waiting"),
        ("football", "missed"),
        ("games", "missed"),
    ]
    assert len(json.loads(almanac("schedule", "list", "football", "--state", "missed", "--json").out)) == 1
    assert almanac("schedule", "list", "nothing").code == 2


def test_next_needs_no_database_and_due_names_each_schedule(
    almanac: Almanac, with_slots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in discovery.names():
        monkeypatch.setenv(f"ALMANAC_SCHEDULE_{name.upper()}", "off")
    monkeypatch.setenv("ALMANAC_SCHEDULE_FOOTBALL", "2h; catch-up all 3")
    (coming,) = json.loads(almanac("schedule", "next", "--json").out)
    assert (coming["workload"], coming["when"], coming["catch_up"]) == ("football", "every 2h", "all 3")
    (due,) = json.loads(almanac("due", "--json").out)
    assert (due["workload"], due["schedule"], due["state"]) == ("football", "default", "waiting")
    change(Database(os.environ["DATABASE_URL"], "owner"), DONE)
    assert almanac("due").out.strip() == "Nothing is due."


def test_a_schedule_that_cannot_be_read_ends_the_scheduler_before_it_starts(
    almanac: Almanac, with_slots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMANAC_SCHEDULE_FOOTBALL", "sometimes")
    ended = almanac("schedule", "--once")
    assert ended.code == 2
    assert "ALMANAC_SCHEDULE_FOOTBALL" in ended.err
