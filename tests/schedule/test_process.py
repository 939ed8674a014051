"""The process of the scheduler: it waits, ends on SIGTERM, and refuses in one line what does not fit."""

import os
import signal
import subprocess
import sys

import pytest

from almanac import discovery

OFF = {f"ALMANAC_SCHEDULE_{name.upper()}": "off" for name in discovery.names()}
# Nothing that is late is run, so no run starts in this test.
LATER = OFF | {"ALMANAC_SCHEDULE_GAMES": "train sun 03:00 UTC; catch-up none"}


def scheduler(environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "almanac.runner.schedule", *words]
    own = {name: text for name, text in os.environ.items() if not name.startswith("ALMANAC_")}
    return subprocess.Popen(command, env=own | environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_signal_ends_a_scheduler_that_waits(database_url: str, bench: object) -> None:
    with scheduler(LATER | {"DATABASE_URL": database_url}) as process:
        assert process.stderr is not None
        # The first line says that the slot before this start was missed: from there on it listens to signals.
        assert "slots missed" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "code", "message"),
    [
        (OFF | {"DATABASE_URL": "postgresql://localhost:1/nothing"}, 2, "No workload has a schedule"),
        (LATER | {"DATABASE_URL": "postgresql://localhost:1/nothing"}, 3, "Cannot reach the database"),
        (
            LATER | {"ALMANAC_SCHEDULE_GAMES": "daily", "DATABASE_URL": "postgresql://localhost:1/nothing"},
            2,
            "daily",
        ),
    ],
)
def test_what_it_cannot_work_with_is_one_line_and_a_code(
    environment: dict[str, str], code: int, message: str
) -> None:
    with scheduler(environment, "--once") as process:
        _, text = process.communicate(timeout=30)
    assert (process.returncode, text.count("\n")) == (code, 1)
    assert message in text


@pytest.mark.slow
def test_a_scheduler_with_nothing_due_ends_at_once(database_url: str) -> None:
    with scheduler(LATER | {"DATABASE_URL": database_url}, "--once") as process:
        assert process.wait(30) == 0
