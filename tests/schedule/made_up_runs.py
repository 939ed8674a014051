"""Processes that are none: each run that a scheduler starts ends at once as the test says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from almanac.contract import Contract
from almanac.runner.schedule.arrivals import Arrivals
from almanac.runner.schedule.engine import Engine
from almanac.runner.schedule.records import Connection
from almanac.runner.schedule.rhythm import Rhythm
from tests.stub import STUB

INSERT = """
    INSERT INTO almanac.runs
        (run_id, workload, schedule, slot, status, reason, steps, sample, actor, parent_run_id, finished_at)
    VALUES (%(run_id)s, %(workload)s, %(schedule)s, %(slot)s, %(status)s, %(reason)s, %(steps)s, 'full',
        'tester', %(parent)s, clock_timestamp())
"""


@dataclass
class MadeUpProcess:
    """A process that has ended with a code, or that runs until it is asked to end."""

    code: int | None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = 130


@dataclass
class MadeUpRuns:
    """Starts runs of which each writes the record that `almanac run` would write."""

    connection: Connection
    codes: Iterator[int | None] = field(default_factory=lambda: iter(()))
    started: list[dict[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def start(self, words: Sequence[str]) -> MadeUpProcess:
        options = {words[place]: words[place + 1] for place in range(3, len(words), 2)}
        schedule, _, parent = options.pop("--schedule", "").partition(":")
        options |= {"--schedule": schedule} if schedule else {}
        options |= {"--parent": parent} if parent else {}
        self.started.append({"workload": words[1], **options})
        code = next(self.codes, 0)
        if code is not None:
            self.write(words[1], options, code)
        return MadeUpProcess(code)

    def write(self, workload: str, options: dict[str, str], code: int) -> None:
        values: dict[str, Any] = {
            "run_id": f"run-{next(self.numbers)}",
            "workload": workload,
            "schedule": options.get("--schedule"),
            "slot": options["--slot"],
            "status": "failed" if code else "succeeded",
            "reason": f"made-up code {code}" if code else None,
            "steps": options.get("--only", "").split(","),
            "parent": options.get("--parent"),
        }
        self.connection.execute(INSERT, values)

    @property
    def slots(self) -> list[str]:
        return [f"{datetime.fromisoformat(run['--slot']):%m-%dT%H:%M}" for run in self.started]


@dataclass
class Bench:
    """A scheduler on a database, with processes that are none."""

    connection: Connection
    runs: MadeUpRuns
    contract: Contract = STUB
    hashes: dict[str, str] = field(default_factory=dict)

    def engine(self, rhythms: Sequence[Rhythm], connection: Connection | None = None) -> Engine:
        fingerprint: Callable[[str], str] = lambda name: self.hashes.get(name, "same")  # noqa: E731
        contracts = {rhythm.workload: self.contract for rhythm in rhythms}
        arrivals = Arrivals(rhythms, contracts)
        own = connection or self.connection
        return Engine(own, rhythms, self.runs.start, fingerprint, "tester", arrivals)

    def states(self, *, ahead: bool = False) -> list[tuple[str, str, str]]:
        """Return schedule, slot and state of each row, oldest first; the coming ones only with `ahead`."""
        rows = self.connection.execute(
            "SELECT schedule, slot, state, attempts FROM almanac.schedules ORDER BY slot"
        )
        return [
            (schedule, f"{slot:%m-%dT%H:%M}", state)
            for schedule, slot, state, attempts in rows
            if ahead or state != "waiting" or attempts
        ]

    def reasons(self) -> list[str]:
        rows = self.connection.execute(
            "SELECT reason FROM almanac.schedules WHERE reason IS NOT NULL ORDER BY slot"
        )
        return [reason for (reason,) in rows]
