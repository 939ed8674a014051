"""One notebook to execute, and how its execution ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OnCell = Callable[[int, int], None]


class Terminated(KeyboardInterrupt):
    """The process was asked to stop; a KeyboardInterrupt so that no event loop swallows it."""


@dataclass(frozen=True)
class Limits:
    """Time limits: seconds for each cell, and the monotonic instant at which the run must have ended."""

    cell_seconds: float
    deadline: float


@dataclass(frozen=True)
class Job:
    """One notebook to execute. `secrets` are replaced in the executed notebook."""

    path: Path
    output: Path
    parameters: Mapping[str, Any]
    environment: Mapping[str, str]
    limits: Limits
    secrets: tuple[str, ...] = ()
    on_cell: OnCell = lambda _index, _total: None


@dataclass(frozen=True)
class NotebookResult:
    """How a notebook ended: `reason` is None where it ended well; `stopped` where a signal stopped it."""

    reason: str | None
    notebook_hash: str
    seconds: float
    cell_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    stopped: bool = False
