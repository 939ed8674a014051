"""Run every workload, at most two at a time and the longest first, each in a process of its own."""

import os
import time
from collections.abc import Iterable, Mapping

from almanac import discovery
from almanac.cli import show, summary
from almanac.cli.displays import Display, LineDisplay, LiveDisplay
from almanac.cli.processes import Processes
from almanac.errors import AlmanacError, ContractError, RunBusy, StepFailed
from almanac.project import Project
from almanac.runner.attempt import RunRequest
from almanac.runner.run import Result, finished
from almanac.store.connections.database import Connection
from almanac.store.records import runs


def run_all(project: Project, request: RunRequest, *, quiet: bool = False) -> None:
    """Run all workloads and, unless `quiet`, show what each published.

    Raises StepFailed naming the workloads that failed, else RunBusy naming those that another program runs.
    """
    started = time.monotonic()
    done = _finished(project, request)
    due = longest_first(project, request, (name for name in discovery.names() if name not in done))
    environment = os.environ | _database(project)
    project.database.engine.dispose()
    with _display(project, due) as display:
        codes = Processes(request, environment, display).run_all(due)
    if not quiet:
        _summarise(project, done, {name for name, code in codes.items() if code})
        summary.print_next(project, seconds=time.monotonic() - started)
    _refuse(codes)


def _refuse(codes: Mapping[str, int]) -> None:
    """Raise the error of the exit codes of all workloads, unless each is 0."""
    busy = sorted(name for name, code in codes.items() if code == RunBusy.exit_code)
    failed = sorted(name for name, code in codes.items() if code and name not in busy)
    under_way = f"Another program runs these workloads at the moment: {', '.join(busy)}." if busy else ""
    if failed:
        failures = f"These workloads failed: {', '.join(failed)}. `almanac runs` says why."
        raise StepFailed(f"{failures} {under_way}".rstrip())
    if busy:
        raise RunBusy(f"{under_way} `almanac runs` shows them.")


def longest_first(project: Project, request: RunRequest, names: Iterable[str]) -> list[str]:
    """Return workloads in the order in which they start, so that two at a time end as early as they can.

    A workload takes as long as its newest run of the same sample, else as its contract says.
    """
    sample = request.sample or project.settings.sample
    with project.database.engine.begin() as connection:
        seconds = {name: _typical_seconds(connection, name, sample) for name in names}
    return sorted(seconds, key=lambda name: (-seconds[name], name))


def _typical_seconds(connection: Connection, name: str, sample: str) -> float:
    filters = {"kind": "run", "status": "succeeded", "sample": sample}
    newest = runs.newest(connection, name, limit=1, **filters)
    recorded = newest[0]["seconds"] if newest else None
    try:
        return float(recorded or discovery.contract(name).typical_seconds)
    except ContractError:
        # Its process says what is wrong.
        return 0.0


def _finished(project: Project, request: RunRequest) -> dict[str, Result]:
    """Return the runs of the workloads whose slot is finished; their processes need not start."""
    results = {name: _finished_run(project, request.of(name)) for name in discovery.names()}
    return {name: result for name, result in results.items() if result}


def _finished_run(project: Project, request: RunRequest) -> Result | None:
    """Return the run that has finished a slot; the process of a workload refuses what does not fit."""
    try:
        return finished(project, request)
    except AlmanacError:
        return None


def _database(project: Project) -> Mapping[str, str]:
    """Return the variable that lets the processes join the embedded server, started and migrated here."""
    return {} if project.settings.database_url else {"DATABASE_URL": project.database.url}


def _display(project: Project, names: list[str]) -> Display:
    is_drawn = show.has_live_display(project.settings) and bool(names)
    return LiveDisplay(names) if is_drawn else LineDisplay()


def _summarise(project: Project, done: Mapping[str, Result], failed: set[str]) -> None:
    for name in discovery.names():
        if name in done:
            summary.print_finished(name, done[name])
        if name not in failed:
            summary.print_live(project, name)
