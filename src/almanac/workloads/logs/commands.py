"""The logs' own commands: bring files in, delete entries, say when to be alerted."""

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.publishing.incremental import erasures
from almanac.store.rows import binary_copy
from almanac.workloads.logs import retention
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.entries import Load
from almanac.workloads.logs.formats import FORMATS
from almanac.workloads.logs.keeping import ingest, rules

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac ingest logs`, `almanac logs delete` and `almanac logs rules`."""
    del imports
    taking = typer.Typer(help="Bring in what has happened.", no_args_is_help=True)
    taking.callback()(_group)
    taking.command("logs")(ingest_command)
    app.add_typer(taking, name="ingest")
    own = typer.Typer(help="Entries of the logs.", no_args_is_help=True)
    own.callback()(_group)
    own.command("delete")(delete_command)
    alerting = typer.Typer(help="Rules of alerts.", no_args_is_help=True)
    for name, command in (
        ("list", rules_command),
        ("add", add_rule_command),
        ("remove", remove_rule_command),
    ):
        alerting.command(name)(command)
    own.add_typer(alerting, name="rules")
    app.add_typer(own, name="logs")


def _group() -> None:
    """Keep a group of one command a group."""


def ingest_command(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, readable=True, help="Log files, plain or gzipped."),
    ],
    form: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}; detected by default.")] = "",
    source: Annotated[
        str,
        typer.Option(help="Where the entries come from, where they do not say; by default the file's name."),
    ] = "",
    year: Annotated[
        int | None,
        typer.Option(min=1970, max=9998, help="Year of times that lack one; by default the present one."),
    ] = None,
    json: Json = False,
) -> None:
    """Store log files; entries that are there already are counted and left alone."""
    if form and form not in FORMATS:
        raise UsageError(f"Unknown log format '{form}'. Known: {', '.join(FORMATS)}.")
    project = Project(Settings.read())
    how, load = ingest.How(form, source, year), Load(binary_copy.encode)
    told = {str(path): ingest.ingest(project.worker.connect, path, how, load) for path in files}
    if json:
        show.as_json({path: asdict(one) for path, one in told.items()})
        return
    columns = ("file", "lines", "entries", "there already", "not understood")
    show.table(
        "Stored",
        columns,
        ((path, one.lines, one.stored.accepted, one.stored.duplicate, one.raw) for path, one in told.items()),
    )


def delete_command(
    where: Annotated[
        list[str],
        typer.Option(help=f"name=value, all must hold; names: {', '.join(sorted(retention.KINDS))}."),
    ],
    why: Annotated[str, typer.Option(help="The reason; the ledger of erasures keeps it for ever.")],
    json: Json = False,
) -> None:
    """Delete entries with their predictions, and leave a note that says how many, who and why."""
    if not why.strip():
        raise UsageError('Say why: --why "…". The note keeps the reason for ever.')
    project = Project(Settings.read())
    names = json_format.dumps([condition.partition("=")[0] for condition in where])
    order = erasures.ErasureRequest(
        CONTRACT,
        retention.removing(where),
        retention.mend,
        project.settings.who,
        f"{why} (by {names})",
        drop_inputs=True,
    )
    gone = erasures.erase(project.database, order)
    show.as_json({"deleted": gone}) if json else show.line(
        f"{gone} entries deleted, with their predictions and what was counted of them."
    )


def rules_command(json: Json = False) -> None:
    """Show the rules of alerts; they are judged at the end of each run."""
    with Project(Settings.read()).database.connect() as connection:
        found = rules.listed(connection)
    if json:
        show.as_json([rule._asdict() for rule in found])
        return
    columns = ("name", "kind", "from", "within minutes", "source", "active", "newest alert")
    show.table(
        "Rules",
        columns,
        ((*rule[:4], rule.source or "all", "yes" if rule.active else "no", rule.alert) for rule in found),
    )


def add_rule_command(
    name: Annotated[str, typer.Argument(help="A name of your choice, which every alert repeats.")],
    kind: Annotated[str, typer.Option(help=f"What is counted: {', '.join(rules.KINDS)}.")],
    threshold: Annotated[int, typer.Option(help="From how many on an alert is opened.")],
    minutes: Annotated[int, typer.Option(help="Length of the window that ends with the present.")] = 15,
    source: Annotated[str | None, typer.Option(help="Only this source; by default all.")] = None,
) -> None:
    """Open an alert from now on when a window holds so many of something."""
    with Project(Settings.read()).database.connect() as connection:
        rules.add(connection, rules.Rule(name, kind, threshold, minutes, source))
    show.line(
        f"'{show.escape(name)}' opens an alert from {threshold} {kind.replace('_', ' ')} within {minutes} minutes on."
    )


def remove_rule_command(name: Annotated[str, typer.Argument(help="The rule's name.")]) -> None:
    """Take a rule away; the next run closes its alert."""
    with Project(Settings.read()).database.connect() as connection:
        is_gone = rules.remove(connection, name)
    kept = "" if is_gone else ": its alerts stay, so it is switched off"
    show.line(f"'{show.escape(name)}' opens no more alerts{kept}.")
