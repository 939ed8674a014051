"""Commands about runs that have ended: runs, verify, reproduce, report."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from almanac import discovery
from almanac.cli import show
from almanac.cli.options import AnyWorkload, Json, Limit, RunId
from almanac.errors import BrokenChain
from almanac.operations import reproduce, verify
from almanac.project import Project
from almanac.runner.attempt import run_folder
from almanac.runner.notebooks.report import write_report
from almanac.settings import Settings
from almanac.store.connections.database import Connection
from almanac.store.records import run_steps, runs, slots

# Title of the column, name in the record.
COLUMNS = {
    "run": "run_id",
    "workload": "workload",
    "slot": "slot",
    "kind": "kind",
    "status": "status",
    "version": "model_version",
    "rows": "rows",
    "seconds": "seconds",
    "reason": "reason",
}
MISSED_COLUMNS = ("workload", "schedule", "slot", "reason")
LONGEST_TEXT = 60


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("runs")(runs_command)
    app.command("verify")(verify_command)
    app.command("reproduce")(reproduce_command)
    app.command("report")(report_command)


def runs_command(
    workload: AnyWorkload = "",
    limit: Limit = 20,
    steps: Annotated[
        bool, typer.Option("--steps", help="With --json: the steps of each run as well.")
    ] = False,
    json: Json = False,
) -> None:
    """List runs, newest first, with the success rate, and the slots that were missed."""
    if workload:
        discovery.contract(workload)
    with Project(Settings.read()).database.engine.begin() as connection:
        records = show.records(runs.newest(connection, workload or None, limit=limit))
        if steps:
            records = [_with_steps(connection, record) for record in records]
        missed = slots.missed(connection, workload, limit=limit)
    if json:
        show.as_json(records)
        return
    rows = [[_short(record[name]) for name in COLUMNS.values()] for record in records]
    show.table(f"Runs — {_success_rate(records)}", tuple(COLUMNS), rows)
    if missed:
        cells = [[slot[name] for name in MISSED_COLUMNS] for slot in missed]
        show.table("Missed slots of the last seven days", MISSED_COLUMNS, cells)


def verify_command(run_id: RunId, json: Json = False) -> None:
    """Check the chain release → run → notebooks → data → model → predictions → commit."""
    links = verify.verify(Project(Settings.read()), run_id)
    if json:
        show.as_json([{"link": link.name, "state": link.state, "detail": link.detail} for link in links])
    else:
        rows = [(link.name, link.state, link.detail) for link in links]
        show.table(f"Run {run_id}", ("link", "state", "detail"), rows)
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
    reproduction = reproduce.reproduce(Project(Settings.read()), run_id, anyway=anyway)
    if json:
        show.as_json(_reproduction_json(reproduction))
    else:
        result = "equal" if reproduction.is_equal else "different"
        hashes = f"recorded {reproduction.recorded[:16]}, made again {reproduction.repeated[:16]}"
        show.line(f"Predictions are {result}: {hashes}.")
    if not reproduction.is_equal:
        differences = "; ".join(reproduction.differences)
        raise BrokenChain(f"Run {run_id} could not be reproduced. {differences}")


def report_command(run_id: RunId, json: Json = False) -> None:
    """Write a run's executed notebooks as HTML beside them and print where."""
    project = Project(Settings.read())
    with project.database.engine.begin() as connection:
        record = runs.get(connection, run_id)
        steps = run_steps.of_run(connection, record["run_id"])
    folder = run_folder(project.settings, record["workload"], record["run_id"])
    pages = [str(page) for page in write_report(project.registry, steps, folder)]
    if json:
        show.as_json(pages)
    else:
        show.line("\n".join(pages))


def _with_steps(connection: Connection, record: dict[str, Any]) -> dict[str, Any]:
    steps = run_steps.of_run(connection, record["run_id"])
    return record | {"step_records": show.records(steps)}


def _success_rate(records: Iterable[dict[str, Any]]) -> str:
    statuses = [record["status"] for record in records if record["kind"] == "run"]
    ended = [status for status in statuses if status != "running"]
    if not ended:
        return "no run has ended yet"
    succeeded = ended.count("succeeded")
    return f"{succeeded} of {len(ended)} ended runs succeeded ({succeeded / len(ended):.0%})"


def _reproduction_json(reproduction: reproduce.Reproduction) -> dict[str, Any]:
    return {
        "equal": reproduction.is_equal,
        "recorded": reproduction.recorded,
        "found": reproduction.repeated,
        "differences": reproduction.differences,
    }


def _short(value: object) -> object:
    """Return a value short enough for a cell of a table."""
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - 3] + "…"
    return value
