"""The runs that a scheduler has started, each a process `almanac run` of its own."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from almanac.runner.schedule.records import Slot
from almanac.runner.schedule.rhythm import DEFAULT

INTERRUPTED = 130


class Process(Protocol):
    """As much of a process as the scheduler uses."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""


Start = Callable[[Sequence[str]], Process]


@dataclass(frozen=True)
class Child:
    """A run under way; `steps` are its options for steps and for the run that it goes on from."""

    slot: Slot
    process: Process


def words(slot: Slot, steps: Sequence[str], parent: str | None) -> list[str]:
    """Return the words after `almanac` that run a slot."""
    only = ["--only", ",".join(steps)] if steps else []
    schedule = ["--schedule", f"{slot.schedule}:{parent or ''}"] if slot.schedule != DEFAULT else []
    return ["run", slot.workload, "--quiet", "--slot", slot.slot.isoformat(), *only, *schedule]


def starter(environment: Mapping[str, str]) -> Start:
    """Return the function that starts a run; in a session of its own, so that Ctrl-C reaches us only."""

    def start(command: Sequence[str]) -> Process:
        return subprocess.Popen(
            [sys.executable, "-m", "almanac.cli", *command], env=dict(environment), start_new_session=True
        )

    return start
