"""The command `almanac run`: one workload or all of them, once or at each interval."""

import time
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from almanac import discovery
from almanac.cli import backfill, everything, show, summary
from almanac.cli.options import Json, name_and_value
from almanac.cli.repeat import interval, repeat
from almanac.errors import AlmanacError, UsageError
from almanac.fields import parse_date, parse_instant
from almanac.project import Project
from almanac.runner import run_log
from almanac.runner.attempt import RunRequest
from almanac.runner.run import Result, run
from almanac.settings import Settings

NOT_A_PARAMETER = "is not a parameter. Write -p name=value."
ALL_ALONE = (
    "--all takes neither a workload nor --json. `almanac runs --json` tells afterwards how all of them went."
)

Release = Annotated[
    bool | None,
    typer.Option(
        "--release/--no-release",
        help="Release also a run that lies before the live release, or keep every run.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("run")(run_command)


def run_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload.")] = "",
    slot: Annotated[
        str, typer.Option(help="When the run was due (ISO, UTC), 'now' for a slot of its own, or FROM..TO.")
    ] = "",
    data_as_of: Annotated[str, typer.Option(help="Cut-off date; nothing from that day on is known.")] = "",
    sample: Annotated[str, typer.Option(help="full or mock.")] = "",
    only: Annotated[str, typer.Option(help="Only these steps, comma separated.")] = "",
    start: Annotated[str, typer.Option("--from", help="Continue a failed attempt at this step.")] = "",
    every: Annotated[str, typer.Option(help="Run again and again, for example every 10m, 6h.")] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value for the notebooks.")
    ] = None,
    release: Release = None,
    all_workloads: Annotated[bool, typer.Option("--all", help="Run every workload, two at a time.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no summary.")] = False,
    schedule: Annotated[str, typer.Option(hidden=True, help="NAME, or NAME:RUN that it follows.")] = "",
    json: Json = False,
) -> None:
    """Run a workload's notebooks for a slot and publish the predictions; a finished slot is only shown."""
    settings = Settings.read()
    request = RunRequest(
        workload=workload,
        slot=_slot(slot),
        forced=slot == "now",
        data_as_of=parse_date(data_as_of),
        sample=_sample(sample),
        only=only,
        start=start,
        parameters=_parameters(parameter or []),
        release=release,
        **_chain(schedule),
    )
    duration = interval(every) if every else None
    if backfill.BETWEEN in slot:
        return backfill.run_range(Project(settings), request, slot, json=json)
    _refuse_unclear_workload(workload, all_workloads=all_workloads, json=json)
    command = partial(_run_all if all_workloads else _run_one, Project(settings), request, quiet=quiet)
    command = command if all_workloads else partial(command, json=json)
    return repeat(command, duration) if duration else command()


def _chain(text: str) -> dict[str, str]:
    """Return the schedule, and the run that is followed, of NAME or NAME:RUN."""
    schedule, _, parent = text.partition(":")
    return {"schedule": schedule, "parent": parent}


def _slot(text: str) -> datetime | None:
    """Return one slot; None is the present one, a slot of its own, or a range."""
    return None if text in ("", "now") or backfill.BETWEEN in text else parse_instant(text)


def _refuse_unclear_workload(workload: str, *, all_workloads: bool, json: bool) -> None:
    if all_workloads and (workload or json):
        raise UsageError(ALL_ALONE)
    if not (workload or all_workloads):
        raise UsageError(f"Name a workload, or use --all. Known workloads: {', '.join(discovery.names())}.")


def _run_all(project: Project, request: RunRequest, *, quiet: bool) -> None:
    names = discovery.names()
    if len(names) == 1:
        _run_one(project, request.of(names[0]), json=False, quiet=quiet)
    else:
        everything.run_all(project, request, quiet=quiet)


def _run_one(project: Project, request: RunRequest, *, json: bool, quiet: bool) -> None:
    started, settings = time.monotonic(), project.settings
    is_drawn = show.has_live_display(settings)
    # A line of the log would break the display, so only warnings come through.
    level = "WARNING" if is_drawn and settings.log_level == "INFO" else settings.log_level
    run_log.configure(settings, level=level)
    with show.progress(request.workload, is_drawn=is_drawn) as on_progress:
        result = run(project, request, on_progress=on_progress)
    if json:
        show.as_json(vars(result))
    elif not quiet:
        summary.print_run(project, request.workload, result, seconds=time.monotonic() - started)
    if result.status == "failed":
        raise _failure(result)


def _failure(result: Result) -> AlmanacError:
    error = AlmanacError(f"Run {result.run_id} failed: {result.reason}")
    error.exit_code = result.exit_code
    return error


def _sample(text: str) -> str:
    if text not in ("", "full", "mock"):
        raise UsageError(f"Unknown sample '{text}'. Use full or mock.")
    return text


def _parameters(texts: list[str]) -> dict[str, str]:
    """Return names and texts of parameters; raises UsageError for a name that comes twice."""
    parameters: dict[str, str] = {}
    for name, text in map(_parameter, texts):
        if name in parameters:
            raise UsageError(f"Parameter '{name}' comes twice: {parameters[name]!r} and {text!r}. Pass one.")
        parameters[name] = text
    return parameters


def _parameter(text: str) -> tuple[str, str]:
    name, value = name_and_value(text, NOT_A_PARAMETER)
    if not name.isidentifier():
        raise UsageError(f"'{text}' {NOT_A_PARAMETER}")
    return name, value
