"""almanac run --all: which workloads start, in which order, and how each is run."""

import os
import signal
import subprocess
from datetime import UTC, date, datetime
from threading import Barrier, Timer
from types import SimpleNamespace
from typing import Any

import pytest

from almanac import discovery
from almanac.cli import everything, processes
from almanac.cli.displays import LineDisplay
from almanac.errors import BadNotebook, RunBusy, StepFailed
from almanac.runner.attempt import RunRequest
from almanac.runner.run import Result
from almanac.store.connections.database import Database
from tests.queries import change
from tests.stub import release

NAMES = ["events", "football", "games", "logs"]


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of a project as is passed on; nothing is finished, and workloads start by name."""
    monkeypatch.setattr(discovery, "names", lambda: NAMES)
    monkeypatch.setattr(everything, "finished", lambda _project, _request: None)
    monkeypatch.setattr(everything, "longest_first", lambda _project, _request, names: list(names))
    settings = SimpleNamespace(database_url="postgresql://db", log_format="auto")
    database = SimpleNamespace(engine=SimpleNamespace(dispose=lambda: None), url="postgresql://db")
    return SimpleNamespace(settings=settings, database=database)


def test_each_workload_is_run_with_the_whole_request() -> None:
    request = RunRequest(
        "",
        slot=datetime(2025, 4, 15, 6, tzinfo=UTC),
        data_as_of=date(2025, 4, 10),
        sample="mock",
        only="collect,predict",
        parameters={"SEED": "8", "NAME": "a=b"},
    )
    assert processes.words("demand", request) == [
        "run", "demand", "--quiet", "--slot", "2025-04-15T06:00:00+00:00", "--data-as-of", "2025-04-10",
        "--sample", "mock", "--only", "collect,predict", "-p", "SEED=8", "-p", "NAME=a=b",
    ]  # fmt: skip


def test_a_forced_slot_and_a_first_step_are_passed_on() -> None:
    request = RunRequest("", forced=True, start="predict")
    assert processes.words("demand", request) == [
        "run", "demand", "--quiet", "--slot", "now", "--from", "predict",
    ]  # fmt: skip
    assert processes.words("demand", RunRequest("")) == ["run", "demand", "--quiet"]


def test_workloads_run_two_at_a_time_and_those_that_failed_are_named(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(2)

    def run(_self: processes.Processes, name: str) -> int:
        together.wait(10)
        return int(name in ("games", "logs"))

    monkeypatch.setattr(processes.Processes, "run", run)
    with pytest.raises(StepFailed, match=r"These workloads failed: games, logs\. `almanac runs` says why\."):
        everything.run_all(project, RunRequest(""), quiet=True)


@pytest.mark.parametrize(
    ("codes", "error", "words"),
    [
        (
            {"games": 6},
            RunBusy,
            r"^Another program runs these workloads at the moment: games\. `almanac runs` ",
        ),
        ({"games": 6, "logs": 6, "events": 6, "football": 6}, RunBusy, "events, football, games, logs"),
        (
            {"games": 6, "logs": 1},
            StepFailed,
            r"failed: logs\. .+ says why\. Another program runs .+: games\.$",
        ),
        ({"logs": 7}, StepFailed, r"failed: logs\. `almanac runs` says why\.$"),
    ],
)
def test_a_workload_that_another_program_runs_has_not_failed(
    project: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    codes: dict[str, int],
    error: type[Exception],
    words: str,
) -> None:
    class Ended:
        """A process that has ended."""

        stderr = None

        def __init__(self, command: list[str], **_options: Any) -> None:
            self.returncode = codes.get(command[4], 0)

        def __enter__(self) -> "Ended":
            return self

        def __exit__(self, *_error: object) -> None: ...

    monkeypatch.setattr(subprocess, "Popen", Ended)
    with pytest.raises(error, match=words):
        everything.run_all(project, RunRequest(""), quiet=True)
    words_of = {0: "done", 6: "busy"}
    lines = "".join(capsys.readouterr())
    assert all(f"{name}: {words_of.get(codes.get(name, 0), 'failed')}" in lines for name in NAMES)


def test_the_signal_that_ends_all_runs_ends_each_and_lets_no_other_begin(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _words, **options: popen(["sleep", "60"], **options))
    before = signal.getsignal(signal.SIGTERM)
    Timer(0.5, os.kill, [os.getpid(), signal.SIGTERM]).start()
    with pytest.raises(StepFailed, match="events, football, games, logs"):
        everything.run_all(project, RunRequest(""), quiet=True)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_finished_slot_starts_no_process(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def finished(_project: Any, request: RunRequest) -> Result | None:
        is_finished = request.workload in ("events", "logs")
        return Result("r1", "succeeded", None, was_done=True) if is_finished else None

    def run(_self: processes.Processes, name: str) -> int:
        started.append(name)
        return 0

    monkeypatch.setattr(everything, "finished", finished)
    monkeypatch.setattr(processes.Processes, "run", run)
    everything.run_all(project, RunRequest(""), quiet=True)
    assert sorted(started) == ["football", "games"]


def test_a_workload_whose_notebooks_are_broken_is_left_to_its_own_process(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished(_project: Any, request: RunRequest) -> None:
        if request.workload == "games":
            raise BadNotebook("games lacks a notebook")

    monkeypatch.setattr(everything, "finished", finished)
    monkeypatch.setattr(processes.Processes, "run", lambda _self, name: int(name == "games"))
    with pytest.raises(StepFailed, match="These workloads failed: games"):
        everything.run_all(project, RunRequest(""), quiet=True)


def test_the_longest_workload_starts_first(owner: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"short": 20.0, "stub": 30.0, "long": 90.0}
    monkeypatch.setattr(discovery, "contract", lambda name: SimpleNamespace(typical_seconds=seconds[name]))
    project: Any = SimpleNamespace(database=owner, settings=SimpleNamespace(sample="full"))

    def order() -> list[str]:
        return everything.longest_first(project, RunRequest(""), seconds)

    assert order() == ["long", "stub", "short"]
    release(owner)
    change(owner, "UPDATE almanac.runs SET seconds = 200, sample = 'mock'")
    assert order() == ["long", "stub", "short"]
    change(owner, "UPDATE almanac.runs SET sample = 'full'")
    assert order() == ["stub", "long", "short"]


def test_without_a_terminal_each_start_and_end_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with LineDisplay() as display:
        display.start("games")
        display.end("games", 5)
        display.start("logs")
        display.end("logs", 0)
    assert capsys.readouterr().out.splitlines() == [
        "games: started",
        "games: failed",
        "logs: started",
        "logs: done",
    ]
