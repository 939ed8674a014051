"""How `almanac run --all` shows the runs under way: drawn on a terminal, as lines elsewhere."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from almanac.cli import show
from almanac.errors import RunBusy
from almanac.steps import STEPS

COLUMNS = ("workload", "state", "step", "elapsed")


class Display(Protocol):
    """What is shown of runs under way. `environment` has variables for their processes."""

    reads_log: bool
    environment: Mapping[str, str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self, name: str) -> None:
        """Show that a workload starts."""

    def read(self, name: str, line: str) -> None:
        """Read a line that the process of a workload wrote to standard error."""

    def end(self, name: str, code: int) -> None:
        """Show that a workload ended with an exit code."""


class LineDisplay:
    """A line for each start and end; the log lines of the processes go to standard error."""

    reads_log = False
    environment: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, name: str) -> None:
        """Print that a workload starts."""
        show.line(f"{name}: started")

    def read(self, name: str, line: str) -> None:
        """Read nothing: the processes write to standard error themselves."""

    def end(self, name: str, code: int) -> None:
        """Print that a workload ended."""
        show.line(f"{name}: {_outcome(code, success='done')}")


@dataclass
class Row:
    """One workload of a live display; `started` and `seconds` are on the monotonic clock."""

    name: str
    state: str = "waiting"
    step: str = ""
    started: float = 0.0
    seconds: float = 0.0

    @property
    def elapsed(self) -> str:
        """The time since the start, or between start and end, as minutes and seconds."""
        seconds = time.monotonic() - self.started if self.state == "running" else self.seconds
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}" if self.started else ""


class LiveDisplay:
    """A table that is drawn again and again; the log lines of the processes tell the step of each run."""

    reads_log = True
    # The log file of each run has these lines in any case.
    environment: Mapping[str, str] = {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json"}

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = {name: Row(name) for name in names}
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self.table, console=show.ERR, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def start(self, name: str) -> None:
        """Draw a workload as running."""
        row = self.rows[name]
        row.state, row.started = "running", time.monotonic()

    def read(self, name: str, line: str) -> None:
        """Take the step from a log line; print above the table what a person has to see."""
        members = _members(line)
        if members is None:
            show.ERR.print(Text(line))
        elif members.get("event") == "step starts":
            self.rows[name].step = members["step"]
        elif members.get("level") == "warning":
            reason = members.get("reason") or ""
            show.ERR.print(Text(f"{name}: {members['event']}: {reason}".rstrip(": ")))

    def end(self, name: str, code: int) -> None:
        """Draw a workload as done, busy or failed."""
        row = self.rows[name]
        row.seconds = time.monotonic() - row.started
        row.state = _outcome(code, success="succeeded")
        row.step = row.step if code else ""

    def table(self) -> Table:
        """Return the table of all workloads as they are now."""
        grid = show.plain_table(COLUMNS)
        for row in self.rows.values():
            grid.add_row(row.name, self._state(row), _step(row), row.elapsed)
        return grid

    def _state(self, row: Row) -> Any:
        if row.state == "running":
            self._spinner.update(text=row.state, style=show.COLOURS[row.state])
            return self._spinner.render(time.monotonic())
        return Text(row.state, show.COLOURS.get(row.state, "dim"))


def _outcome(code: int, *, success: str) -> str:
    """Return in a word how the process of a run ended; `busy`: another program runs the workload."""
    return {0: success, RunBusy.exit_code: "busy"}.get(code, "failed")


def _step(row: Row) -> str:
    return f"{row.step} ({STEPS.index(row.step) + 1} of {len(STEPS)})" if row.step else ""


def _members(line: str) -> dict[str, Any] | None:
    """Return the members of a log line, or None for another text."""
    try:
        members = json.loads(line)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None
