"""`almanac run WORKLOAD --slot FROM..TO`: runs the slots of a range that no run has finished."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from almanac import discovery
from almanac.cli import show
from almanac.errors import StepFailed, UsageError
from almanac.fields import parse_instant
from almanac.project import Project
from almanac.runner import run_log
from almanac.runner.attempt import RunRequest
from almanac.runner.run import Result, finished, run

Advance = Callable[[RunRequest], object]
BETWEEN = ".."
MOST_SLOTS = 10_000
FAILED = (
    "{count} of {total} slots failed: {slots}. The first says: {reason}. "
    "The same command runs these again, and leaves out what is finished."
)
COLUMNS = (
    TextColumn("[bold]{task.fields[title]}"),
    TextColumn("{task.description}"),
    BarColumn(30),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)


def slots_between(text: str, cadence: timedelta) -> list[datetime]:
    """Return the slots of a range FROM..TO, both ends included; raises UsageError."""
    first, last = (parse_instant(end) for end in text.split(BETWEEN, 1))
    if last > datetime.now(UTC):
        raise UsageError(
            f"The range {text} ends in the future. The last slot that can be run is the present one."
        )
    seconds = cadence.total_seconds()
    count = math.floor(last.timestamp() / seconds) - math.ceil(first.timestamp() / seconds) + 1
    if not 0 < count <= MOST_SLOTS:
        raise UsageError(
            f"The range {text} has {max(count, 0)} slots of {seconds:.0f} seconds. "
            f"Name one with 1 to {MOST_SLOTS}, the earlier end first."
        )
    start = math.ceil(first.timestamp() / seconds)
    return [datetime.fromtimestamp((start + number) * seconds, tz=UTC) for number in range(count)]


def run_range(project: Project, request: RunRequest, text: str, *, json: bool) -> None:
    """Run the slots of a range; one that fails lets the next go on. Raises UsageError, StepFailed."""
    if request.start or not request.workload:
        raise UsageError("A range of slots needs one workload, and goes with neither --from nor --all.")
    slots = slots_between(text, discovery.contract(request.workload).cadence)
    requests = [replace(request, slot=slot) for slot in slots]
    is_drawn = show.has_live_display(project.settings)
    run_log.configure(project.settings, level="WARNING" if is_drawn else project.settings.log_level)
    results = list(_results(project, requests, is_drawn=is_drawn))
    if json:
        show.as_json([vars(result) | {"slot": slot} for slot, result in zip(slots, results, strict=True)])
    else:
        done = sum(result.was_done for result in results)
        succeeded = sum(result.status == "succeeded" for result in results) - done
        show.line(f"{len(slots)} slots: {done} were finished before, {succeeded} are finished now.")
    _refuse_failures(slots, results)


def _results(project: Project, requests: Sequence[RunRequest], *, is_drawn: bool) -> Iterator[Result]:
    with _bar(requests, is_drawn=is_drawn) as advance:
        for request in requests:
            yield finished(project, request) or run(project, request)
            advance(request)


@contextmanager
def _bar(requests: Sequence[RunRequest], *, is_drawn: bool) -> Iterator[Advance]:
    """Draw a bar on a terminal; elsewhere a line for each slot goes to standard error."""
    if not is_drawn:
        yield lambda request: show.ERR.print(
            f"{request.workload}: slot {request.slot:%Y-%m-%dT%H:%MZ} is over"
        )
        return
    with Progress(*COLUMNS, console=show.ERR, transient=True) as bar:
        task = bar.add_task("", total=len(requests), title=requests[0].workload)
        yield lambda request: bar.update(task, advance=1, description=f"{request.slot:%Y-%m-%d %H:%M}")


def _refuse_failures(slots: Sequence[datetime], results: Sequence[Result]) -> None:
    failures = [
        (slot, result) for slot, result in zip(slots, results, strict=True) if result.status == "failed"
    ]
    if not failures:
        return
    names = ", ".join(f"{slot:%Y-%m-%dT%H:%MZ}" for slot, _ in failures[:5])
    more = ", …" if len(failures) > 5 else ""
    _, first = failures[0]
    numbers = {"count": len(failures), "total": len(slots), "slots": f"{names}{more}", "reason": first.reason}
    error = StepFailed(FAILED.format(**numbers))
    error.exit_code = first.exit_code or error.exit_code
    raise error
