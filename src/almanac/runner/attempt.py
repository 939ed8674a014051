"""A run under way: what was asked for, and the tools to do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from almanac.contract import Contract
from almanac.project import Project
from almanac.settings import Settings

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunRequest:
    """What somebody asks of the runner. `slot` None is the slot of this moment; `forced` takes this very second as a slot of its own."""

    workload: str
    slot: datetime | None = None
    forced: bool = False
    data_as_of: date | None = None
    sample: str = ""
    only: str = ""
    start: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """A run under way, and the tools it works with."""

    run_id: str
    request: RunRequest
    contract: Contract
    project: Project
    slot: datetime
    started: float
    on_progress: OnProgress

    @property
    def folder(self) -> Path:
        """Where the executed notebooks of this run are kept on this machine."""
        return run_folder(self.project.settings, self.request.workload, self.run_id)


def run_folder(settings: Settings, workload: str, run_id: str) -> Path:
    """Return where the executed notebooks of a run are kept on the machine that ran it."""
    return settings.state_folder / "runs" / workload / run_id


def no_progress(_step: str, _cell: int, _cells: int) -> None:
    """Show no progress."""
