"""Commands about runs: start one, list, verify, reproduce, report."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer

from almanac import discovery
from almanac.cli import everything, show, summary
from almanac.errors import AlmanacError, BrokenChain, UsageError
from almanac.fields import parse_date, parse_instant
from almanac.operations import reproduce, verify
from almanac.project import Project
from almanac.runner import environment, logs
from almanac.runner.attempt import RunRequest, run_folder
from almanac.runner.report import write_report
from almanac.runner.run import Result, run
from almanac.runner.slots import slot_of
from almanac.settings import Settings
from almanac.store.connections.database import connection_lost
from almanac.store.records import run_steps, runs

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Workload = Annotated[str, typer.Argument(help="Name of a workload; `almanac list` shows them.")]
RunId = Annotated[str, typer.Argument(help="A run id, or its unique beginning.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("run")(run_command)
    app.command("runs")(runs_command)
    app.command("verify")(verify_command)
    app.command("reproduce")(reproduce_command)
    app.command("report")(report_command)


def run_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload.")] = "",
    slot: Annotated[
        str, typer.Option(help="The time the run was due (ISO, UTC), or 'now' for a slot of its own.")
    ] = "",
    data_as_of: Annotated[str, typer.Option(help="Cut-off date; nothing from that day on is known.")] = "",
    sample: Annotated[str, typer.Option(help="full or mock.")] = "",
    only: Annotated[str, typer.Option(help="Only these steps, comma separated.")] = "",
    start: Annotated[str, typer.Option("--from", help="Continue a failed attempt at this step.")] = "",
    every: Annotated[str, typer.Option(help="Run again and again, for example every 10m, 6h.")] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value for the notebooks.")
    ] = None,
    all_workloads: Annotated[bool, typer.Option("--all", help="Run every workload, two at a time.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no summary.")] = False,
    json: Json = False,
) -> None:
    """Run a workload's notebooks for a slot and publish what they predict; a finished slot is only reported."""
    settings = Settings.read()
    request = RunRequest(
        workload=workload,
        slot=None if slot in ("", "now") else parse_instant(slot),
        forced=slot == "now",
        data_as_of=parse_date(data_as_of),
        sample=_sample(sample),
        only=only,
        start=start,
        parameters=dict(_pair(text) for text in parameter or []),
    )
    if every:
        _until_next(every)
    if all_workloads and (workload or json):
        raise UsageError(
            "--all takes neither a workload nor --json. `almanac runs --json` tells afterwards how all of them went."
        )
    if not (workload or all_workloads):
        raise UsageError(f"Name a workload, or use --all. Known workloads: {', '.join(discovery.names())}.")
    project = Project(settings)
    act = (
        partial(_run_all, project, request, quiet=quiet)
        if all_workloads
        else partial(_one_run, project, request, json=json, quiet=quiet)
    )
    _again_and_again(act, every) if every else act()


def runs_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload; empty for all.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    steps: Annotated[
        bool, typer.Option("--steps", help="With --json: the steps of each run as well.")
    ] = False,
    json: Json = False,
) -> None:
    """List runs, newest first, with the success rate."""
    if workload:
        discovery.contract(workload)
    with Project(Settings.read()).database.engine.begin() as connection:
        found = runs.newest(connection, workload or None, limit=limit)
        told = [
            dict(row)
            | ({"step_records": show.records(run_steps.of_run(connection, row["run_id"]))} if steps else {})
            for row in found
        ]
    if json:
        show.as_json(told)
        return
    ended = [row for row in found if row["kind"] == "run" and row["status"] != "running"]
    good = sum(row["status"] == "succeeded" for row in ended)
    rate = (
        f"{good} of {len(ended)} ended runs succeeded ({good / len(ended):.0%})"
        if ended
        else "no run has ended yet"
    )
    columns = ("run", "workload", "slot", "kind", "status", "version", "rows", "seconds", "reason")
    names = ("run_id", "workload", "slot", "kind", "status", "model_version", "rows", "seconds", "reason")
    show.table(f"Runs — {rate}", columns, ([_short(row[name]) for name in names] for row in found))


def verify_command(run_id: RunId, json: Json = False) -> None:
    """Check the chain release → run → notebooks → data → model → predictions → commit."""
    links = verify.verify(Project(Settings.read()), run_id)
    if json:
        show.as_json([{"link": link.name, "state": link.state, "detail": link.detail} for link in links])
    else:
        show.table(
            f"Run {run_id}",
            ("link", "state", "detail"),
            ((link.name, link.state, link.detail) for link in links),
        )
    broken = [link.name for link in links if link.state == "broken"]
    if broken:
        raise BrokenChain(f"The chain of run {run_id} is broken at: {', '.join(broken)}.")


def reproduce_command(
    run_id: RunId,
    anyway: Annotated[
        bool, typer.Option(help="Compare although commit, lock file or Python differ.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a run's predictions again from its record and compare their hashes."""
    found = reproduce.reproduce(Project(Settings.read()), run_id, anyway=anyway)
    if json:
        show.as_json(
            {
                "equal": found.is_equal,
                "recorded": found.recorded,
                "found": found.found,
                "differences": found.differences,
            }
        )
    else:
        show.line(
            f"Predictions are {'equal' if found.is_equal else 'different'}: recorded {found.recorded[:16]}, made again {found.found[:16]}."
        )
    if not found.is_equal:
        raise BrokenChain(f"Run {run_id} could not be reproduced. {'; '.join(found.differences)}")


def report_command(run_id: RunId, json: Json = False) -> None:
    """Write a run's executed notebooks as HTML beside them and print where."""
    project = Project(Settings.read())
    with project.database.engine.begin() as connection:
        record = runs.get(connection, run_id)
        steps = run_steps.of_run(connection, record["run_id"])
    folder = run_folder(project.settings, record["workload"], record["run_id"])
    pages = write_report(project.registry, steps, folder)
    show.as_json([str(page) for page in pages]) if json else show.line("\n".join(str(page) for page in pages))


def _run_all(project: Project, request: RunRequest, *, quiet: bool) -> None:
    names = discovery.names()
    if len(names) == 1:
        _one_run(project, replace(request, workload=names[0]), json=False, quiet=quiet)
    else:
        everything.run_all(project, request, quiet=quiet)


def _again_and_again(act: Callable[[], None], every: str) -> None:
    """Act at each full interval until interrupted; a run that fails, or whose database breaks off, is told, and the next one tries again."""
    while True:
        try:
            act()
        except UsageError:
            raise
        except Exception as error:
            told = error if isinstance(error, AlmanacError) else connection_lost(error)
            if told is None:
                raise
            show.error(str(told))
        time.sleep(_until_next(every))


def _one_run(project: Project, request: RunRequest, *, json: bool, quiet: bool) -> None:
    started, settings = time.monotonic(), project.settings
    level = "WARNING" if show.ERR.is_terminal and settings.log_level == "INFO" else settings.log_level
    logs.configure(level, secrets=environment.secrets(settings))
    with show.progress(request.workload) as on_progress:
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


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"'{text}' is not a parameter. Write -p name=value.")
    return name, value


def _until_next(every: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = every[:-1], every[-1:]
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise UsageError(f"'{every}' is not a duration. Write a number and s, m or h, for example 10m.")
    now = datetime.now(UTC)
    try:
        step = timedelta(seconds=int(number) * units[unit])
        return max(0.0, (slot_of(now, step) + step - now).total_seconds())
    except OverflowError as error:
        raise UsageError(f"'{every}' is longer than the calendar.") from error


def _short(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.1f}"
    return value if not isinstance(value, str) or len(value) <= 60 else value[:57] + "…"
