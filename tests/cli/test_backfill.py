"""--slot FROM..TO: the slots of a range, oldest first; finished ones are left out, failed ones go on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from almanac.cli import backfill, run
from almanac.errors import UsageError
from almanac.project import Project
from almanac.runner.attempt import RunRequest
from almanac.runner.run import Result

Almanac = Callable[..., Any]
RANGE = "2025-04-15T00:00Z..2025-04-16T00:00Z"


@dataclass
class Runs:
    """Runs that end as the test says; `done` are the slots that are finished."""

    done: set[datetime] = field(default_factory=set)
    failing: set[int] = field(default_factory=set)
    started: list[datetime] = field(default_factory=list)

    def finished(self, _project: Project, request: RunRequest) -> Result | None:
        return Result("earlier", "succeeded", None, was_done=True) if request.slot in self.done else None

    def run(self, _project: Project, request: RunRequest) -> Result:
        assert request.slot is not None
        self.started.append(request.slot)
        if request.slot.hour in self.failing:
            return Result("broken", "failed", "the source is away", exit_code=4)
        self.done.add(request.slot)
        return Result("new", "succeeded", None)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr(backfill, "run", runs.run)
    monkeypatch.setattr(backfill, "finished", runs.finished)
    return runs


def test_a_range_has_the_full_intervals_between_its_ends_both_included() -> None:
    slots = backfill.slots_between("2025-04-15T00:01Z..2025-04-15T18:00Z", timedelta(hours=6))
    assert slots == [datetime(2025, 4, 15, hour, tzinfo=UTC) for hour in (6, 12, 18)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2025-04-16T00:00Z..2025-04-15T00:00Z", "has 0 slots of 21600 seconds"),
        ("2025-04-15T00:01Z..2025-04-15T05:00Z", "has 0 slots"),
        ("2000-01-01T00:00Z..2025-01-01T00:00Z", "has 36529 slots"),
        ("2025-04-15T00:00Z..2999-01-01T00:00Z", "ends in the future"),
        ("yesterday..2025-04-15T00:00Z", "yesterday"),
    ],
)
def test_a_range_that_cannot_be_run_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        backfill.slots_between(text, timedelta(hours=6))


def test_a_range_goes_on_after_a_failure_and_the_same_command_resumes_it(
    almanac: Almanac, runs: Runs
) -> None:
    runs.failing = {6, 12}
    ended = almanac("run", "football", "--slot", RANGE)
    assert (ended.code, len(runs.started)) == (4, 5)
    assert "5 slots: 0 were finished before, 3 are finished now." in ended.out
    assert "2 of 5 slots failed: 2025-04-15T06:00Z, 2025-04-15T12:00Z." in " ".join(ended.err.split())
    runs.failing, runs.started = set(), []
    ended = almanac("run", "football", "--slot", RANGE)
    assert (ended.code, [slot.hour for slot in runs.started]) == (0, [6, 12])
    assert "5 slots: 3 were finished before, 2 are finished now." in ended.out


@pytest.mark.parametrize("words", [("--all",), ("football", "--from", "train")])
def test_a_range_needs_one_workload_and_whole_runs(
    words: tuple[str, ...], almanac: Almanac, runs: Runs
) -> None:
    ended = almanac("run", *words, "--slot", RANGE)
    assert (ended.code, runs.started) == (2, [])
    assert "neither --from nor --all" in " ".join(ended.err.split())


def test_one_slot_is_no_range() -> None:
    assert run._slot("2025-04-15T06:00Z") == datetime(2025, 4, 15, 6, tzinfo=UTC)
    assert run._slot(RANGE) is None
