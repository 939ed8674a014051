"""The logs' own commands: bring files in, delete entries."""

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store import erasures, wire
from almanac.workloads.logs import ingest, retention
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.entries import Load
from almanac.workloads.logs.formats import FORMATS

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac ingest logs` and `almanac logs delete`."""
    del imports
    taking = typer.Typer(help="Bring in what has happened.", no_args_is_help=True)
    taking.callback()(_group)
    taking.command("logs")(ingest_command)
    app.add_typer(taking, name="ingest")
    own = typer.Typer(help="Entries of the logs.", no_args_is_help=True)
    own.callback()(_group)
    own.command("delete")(delete_command)
    app.add_typer(own, name="logs")


def _group() -> None:
    """Keep a group of one command a group."""


def ingest_command(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="Log files, plain or gzipped.")],
    form: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}; detected by default.")] = "",
    source: Annotated[str, typer.Option(help="Where the entries come from, where they do not say; by default the file's name.")] = "",
    year: Annotated[int | None, typer.Option(min=1970, max=9998, help="Year of times that lack one; by default the present one.")] = None,
    json: Json = False,
) -> None:
    """Store log files; entries that are there already are counted and left alone."""
    if form and form not in FORMATS:
        raise UsageError(f"Unknown log format '{form}'. Known: {', '.join(FORMATS)}.")
    project = Project(Settings.read())
    how, load = ingest.How(form, source, year), Load(wire.encode)
    told = {str(path): ingest.ingest(project.worker.connect, path, how, load) for path in files}
    if json:
        show.as_json({path: asdict(one) for path, one in told.items()})
        return
    columns = ("file", "lines", "entries", "there already", "not understood")
    show.table("Stored", columns, ((path, one.lines, one.stored.accepted, one.stored.duplicate, one.raw) for path, one in told.items()))


def delete_command(
    where: Annotated[list[str], typer.Option(help=f"name=value, all must hold; names: {', '.join(sorted(retention.KINDS))}.")],
    why: Annotated[str, typer.Option(help="The reason; the ledger of erasures keeps it for ever.")],
    json: Json = False,
) -> None:
    """Delete entries with their predictions, and leave a note that says how many, who and why."""
    if not why.strip():
        raise UsageError('Say why: --why "…". The note keeps the reason for ever.')
    project = Project(Settings.read())
    names = json_format.dumps([condition.partition("=")[0] for condition in where])
    order = erasures.Order(CONTRACT, retention.removing(where), retention.mend, project.settings.who, f"{why} (by {names})")
    gone = erasures.erase(project.database, order)
    show.as_json({"deleted": gone}) if json else show.say(f"{gone} entries deleted, with their predictions and what was counted of them.")
