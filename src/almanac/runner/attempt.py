"""A run under way: its request, and the tools that its steps use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from almanac.contract import Contract
from almanac.project import Project
from almanac.settings import Settings

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunRequest:
    """What to run. `slot` None is the present slot; `forced` takes this very second as a slot of its own.

    `schedule` names the schedule whose slot it is, by default `default`; `parent` is the run of the schedule
    upstream, whose steps this run goes on from.
    `release` True releases also a run that lies before the live release, False keeps every run without one.
    """

    workload: str
    slot: datetime | None = None
    forced: bool = False
    data_as_of: date | None = None
    sample: str = ""
    only: str = ""
    start: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    release: bool | None = None
    schedule: str = ""
    parent: str = ""

    def of(self, workload: str) -> "RunRequest":
        """Return the same request for another workload."""
        return replace(self, workload=workload)


@dataclass(frozen=True)
class Attempt:
    """A run under way. `started` is a monotonic instant."""

    run_id: str
    request: RunRequest
    contract: Contract
    project: Project
    slot: datetime
    started: float
    on_progress: OnProgress

    @property
    def workload(self) -> str:
        """The name of the workload."""
        return self.request.workload

    @property
    def folder(self) -> Path:
        """The folder of the executed notebooks of this run on this machine."""
        return run_folder(self.project.settings, self.workload, self.run_id)


def run_folder(settings: Settings, workload: str, run_id: str) -> Path:
    """Return the folder of the executed notebooks of a run on the machine that ran it."""
    return settings.state_folder / "runs" / workload / run_id


def no_progress(_step: str, _cell: int, _cells: int) -> None:
    """Show no progress."""
