"""almanac run --all: every workload is run as all are asked to; and what keeps being repeated."""

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from threading import Barrier, Timer
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from almanac.cli import everything, runs
from almanac.errors import StepFailed
from almanac.runner.attempt import RunRequest
from almanac.settings import Settings

Almanac = Callable[..., Any]


def test_each_workload_is_run_with_all_that_was_asked_for() -> None:
    slot, day = datetime(2025, 4, 15, 6, tzinfo=UTC), date(2025, 4, 10)
    asked = RunRequest(
        "",
        slot=slot,
        data_as_of=day,
        sample="mock",
        only="collect,predict",
        parameters={"SEED": "8", "NAME": "a=b"},
    )
    assert everything.words("demand", asked) == [
        "run", "demand", "--quiet", "--slot", "2025-04-15T06:00:00+00:00", "--data-as-of", "2025-04-10", "--sample", "mock",
        "--only", "collect,predict", "-p", "SEED=8", "-p", "NAME=a=b",
    ]  # fmt: skip
    assert everything.words("demand", RunRequest("", forced=True, start="predict")) == [
        "run",
        "demand",
        "--quiet",
        "--slot",
        "now",
        "--from",
        "predict",
    ]
    assert everything.words("demand", RunRequest("")) == ["run", "demand", "--quiet"]


@dataclass(frozen=True)
class Installation:
    """As much of a project as is passed on."""

    settings: Settings


@pytest.mark.parametrize(
    ("error", "said"),
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
    error: Exception, said: str, almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[bool] = []

    def one_round(_project: Installation, _request: RunRequest, *, quiet: bool) -> None:
        rounds.append(quiet)
        raise error

    def wait(_seconds: float) -> None:
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "Project", Installation)
    monkeypatch.setattr(everything, "run_all", one_round)
    monkeypatch.setattr("almanac.cli.runs.time.sleep", wait)
    told = almanac("run", "--all", "--every", "6h", "--quiet")
    assert (told.code, rounds) == (130, [True, True, True])
    assert told.err.count(said) == 3


def test_workloads_run_two_at_a_time_and_those_that_failed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(2)

    def run(_self: everything.Processes, name: str) -> int:
        together.wait(10)
        return int(name in ("games", "logs"))

    monkeypatch.setattr("almanac.discovery.names", lambda: ["events", "football", "games", "logs"])
    monkeypatch.setattr(everything.Processes, "run", run)
    project: Any = SimpleNamespace(database=SimpleNamespace(engine=SimpleNamespace(dispose=lambda: None)))
    with pytest.raises(StepFailed, match=r"These workloads failed: games, logs\. `almanac runs` says why\."):
        everything.run_all(project, RunRequest(""), quiet=True)


def test_the_signal_that_ends_all_runs_ends_each_and_lets_no_other_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr("almanac.cli.everything.subprocess.Popen", lambda _words: popen(["sleep", "60"]))
    monkeypatch.setattr("almanac.discovery.names", lambda: ["events", "football", "games"])
    project: Any = SimpleNamespace(database=SimpleNamespace(engine=SimpleNamespace(dispose=lambda: None)))
    before = signal.getsignal(signal.SIGTERM)
    Timer(0.5, os.kill, [os.getpid(), signal.SIGTERM]).start()
    with pytest.raises(StepFailed, match="events, football, games"):
        everything.run_all(project, RunRequest(""), quiet=True)
    assert signal.getsignal(signal.SIGTERM) == before
