"""--every: a command is repeated at each full interval, also after one that failed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import psycopg
import pytest

from almanac.cli import everything, repeat, run
from almanac.errors import StepFailed
from almanac.runner.attempt import RunRequest
from almanac.settings import Settings

Almanac = Callable[..., Any]


@dataclass(frozen=True)
class Project:
    """As much of a project as is passed on."""

    settings: Settings


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StepFailed("These workloads failed: games."), "These workloads failed: games."),
        (
            psycopg.errors.AdminShutdown("terminating connection"),
            "The database broke off: terminating connection.",
        ),
    ],
    ids=["a step", "the database"],
)
def test_all_workloads_are_run_again_and_again_also_when_some_have_failed(
    error: Exception, message: str, almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[bool] = []

    def run_all(_project: Project, _request: RunRequest, *, quiet: bool) -> None:
        rounds.append(quiet)
        raise error

    def wait(_seconds: float) -> None:
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "Project", Project)
    monkeypatch.setattr(everything, "run_all", run_all)
    monkeypatch.setattr(repeat.time, "sleep", wait)
    ended = almanac("run", "--all", "--every", "6h", "--quiet")
    assert (ended.code, rounds) == (130, [True, True, True])
    assert ended.err.count(message) == 3


@pytest.mark.parametrize(
    ("every", "seconds"), [("90s", 60.0), ("30m", 600.0), ("1h", 2_400.0), ("6h", 20_400.0)]
)
def test_the_next_round_begins_with_the_next_full_interval(
    every: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2025, 4, 15, 6, 20, tzinfo=tz)

    monkeypatch.setattr(repeat, "datetime", Stopped)
    assert repeat.seconds_until_next(repeat.interval(every)) == seconds


def test_an_interval_is_read_with_its_unit() -> None:
    assert repeat.interval("10m") == timedelta(minutes=10)
