"""Commands about schedules: schedule, schedule list, schedule next, due."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from almanac import discovery
from almanac.cli import show
from almanac.cli.options import AnyWorkload, Json, Limit
from almanac.project import Project
from almanac.runner.schedule import outlook, records
from almanac.runner.schedule.reading import rhythms
from almanac.settings import Settings

COLUMNS = ("workload", "schedule", "slot", "state", "attempts", "run_id", "reason")
NEXT_COLUMNS = ("workload", "schedule", "steps", "when", "catch-up", "next")
State = Literal["", "waiting", "running", "retrying", "succeeded", "failed", "missed"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    group = typer.Typer(help="Run what is due, again and again: the scheduler.", invoke_without_command=True)
    group.callback()(schedule_command)
    group.command("list")(list_command)
    group.command("next")(next_command)
    app.add_typer(group, name="schedule")
    app.command("due")(due_command)


def schedule_command(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, and end.")] = False,
) -> None:
    """Run what is due until SIGTERM, which lets runs under way end; a second one ends them."""
    if context.invoked_subcommand:
        return
    settings = Settings.read()
    # Before anything starts: a text that cannot be read is refused here.
    rhythms(os.environ)
    project = Project(settings)
    url = {} if settings.database_url else {"DATABASE_URL": project.database.url}
    project.database.engine.dispose()
    command = [sys.executable, "-m", "almanac.runner.schedule", *(["--once"] if once else [])]
    if not url:
        # The process that waits is a small one.
        os.execve(sys.executable, command, dict(os.environ))  # noqa: S606  # no text comes from outside
    raise typer.Exit(_run(command, os.environ | url))


def list_command(
    workload: AnyWorkload = "",
    state: Annotated[State, typer.Option(help="Only slots in this state, for example missed.")] = "",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List slots, newest first: coming, running, done, failed and missed, each with its reason."""
    if workload:
        discovery.contract(workload)
    filters = {"workload": workload, "state": state, "limit": limit}
    with Project(Settings.read()).database.connect(autocommit=True) as connection:
        slots = records.listed(connection, filters)
    if json:
        show.as_json(slots)
    else:
        show.table("Slots", COLUMNS, [[slot[name] for name in COLUMNS] for slot in slots])


def next_command(workload: AnyWorkload = "", json: Json = False) -> None:
    """Say when which steps are due next, without asking the database."""
    if workload:
        discovery.contract(workload)
    now = datetime.now(UTC)
    schedules = [rhythm for rhythm in rhythms(os.environ) if workload in ("", rhythm.workload)]
    rows = sorted((outlook.coming(rhythm, now) for rhythm in schedules), key=lambda row: row["next"])
    if json:
        show.as_json(rows)
        return
    show.table("Next slots", NEXT_COLUMNS, [[*row.values()] for row in rows])


def due_command(
    workload: AnyWorkload = "",
    json: Json = False,
) -> None:
    """Say which slots are due and not done, whoever would have run them; changes nothing."""
    if workload:
        discovery.contract(workload)
    schedules = [rhythm for rhythm in rhythms(os.environ) if workload in ("", rhythm.workload)]
    with Project(Settings.read()).database.connect(autocommit=True) as connection:
        rows = outlook.due(connection, schedules, datetime.now(UTC))
    if json:
        show.as_json(rows)
    elif rows:
        columns = ("workload", "schedule", "slot", "state", "reason")
        show.table("Due", columns, [[row[name] for name in columns] for row in rows])
    else:
        show.line("Nothing is due.")


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run the scheduler beside the embedded server, which this process holds; pass SIGTERM on."""
    with subprocess.Popen(command, env=dict(environment)) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        # A terminal interrupts both processes.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code: Any = process.wait()
    return 128 - code if code < 0 else int(code)
