"""The live display of almanac run --all: a table of workloads that reads the log lines of their processes."""

import io
import json

import pytest
from rich.console import Console

from almanac.cli import show
from almanac.cli.displays import LiveDisplay


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to standard error, as a terminal of 80 columns shows it."""
    output = io.StringIO()
    monkeypatch.setattr(show, "ERR", Console(file=output, width=80, highlight=False, color_system=None))
    return output


def drawn(display: LiveDisplay) -> list[list[str]]:
    """Return the words of each row of the table, without the spinner."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as capture:
        console.print(display.table())
    rows = [line.split() for line in capture.get().splitlines()[1:]]
    return [[word for word in row if word.isascii()] for row in rows]


def log_line(event: str, **members: str) -> str:
    return json.dumps({"event": event, "level": "info", **members})


def test_a_workload_waits_runs_and_succeeds(terminal: io.StringIO) -> None:
    display = LiveDisplay(["games", "logs"])
    assert drawn(display) == [["games", "waiting"], ["logs", "waiting"]]
    display.start("games")
    display.read("games", log_line("step starts", step="train"))
    assert drawn(display)[0] == ["games", "running", "train", "(2", "of", "4)", "0:00"]
    display.end("games", 0)
    assert drawn(display)[0] == ["games", "succeeded", "0:00"]


def test_a_workload_that_failed_keeps_the_step_at_which_it_failed(terminal: io.StringIO) -> None:
    display = LiveDisplay(["games"])
    display.start("games")
    display.read("games", log_line("step starts", step="predict"))
    display.end("games", 5)
    assert drawn(display) == [["games", "failed", "predict", "(4", "of", "4)", "0:00"]]


def test_log_lines_are_not_shown_but_warnings_and_other_texts_are(terminal: io.StringIO) -> None:
    display = LiveDisplay(["games"])
    display.read("games", log_line("step ended", step="train"))
    display.read("games", json.dumps({"event": "pruning is left", "level": "warning", "reason": "a lock"}))
    display.read("games", "Error: Run r1 failed: [0] no luck")
    assert terminal.getvalue().splitlines() == [
        "games: pruning is left: a lock",
        "Error: Run r1 failed: [0] no luck",
    ]


def test_the_processes_write_the_log_lines_that_the_display_reads() -> None:
    assert LiveDisplay.environment == {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json"}
