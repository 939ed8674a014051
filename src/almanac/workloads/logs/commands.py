"""The commands of logs: store files, delete entries, change the rules of alerts."""

import json as json_format
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.publishing.incremental import erasures
from almanac.store.rows import binary_copy
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.entries import Load
from almanac.workloads.logs.formats import FORMATS, ReadOptions
from almanac.workloads.logs.keeping import deletion, ingest, recount, rules
from almanac.workloads.logs.keeping.ingest import FileReport
from almanac.workloads.logs.keeping.rules import RuleState

REPORT_COLUMNS = ("file", "lines", "entries", "there already", "not understood")
RULE_COLUMNS = ("name", "kind", "from", "within minutes", "source", "active", "newest alert")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        allow_dash=True,
        help="Log files, plain or packed by gzip, bzip2 or xz; - is standard input.",
    ),
]
Format = Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}; detected by default.")]
Source = Annotated[
    str, typer.Option(help="Source of entries that name none; by default the name of the file.")
]
Year = Annotated[
    int | None,
    typer.Option(min=1970, max=9998, help="Year of times without one; by default the latest not ahead."),
]
Timezone = Annotated[
    str, typer.Option(help="Zone of times that name none, such as Europe/Berlin; by default UTC.")
]
OF_TIMES = (
    Parameter("year", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=Year),
    Parameter("timezone", Parameter.POSITIONAL_OR_KEYWORD, default="", annotation=Timezone),
)
Where = Annotated[
    list[str],
    typer.Option(help=f"name=value, all must hold; names: {', '.join(sorted(deletion.CONDITIONS))}."),
]
Why = Annotated[str, typer.Option(help="The reason; the ledger of erasures keeps it for ever.")]
RuleName = Annotated[str, typer.Argument(help="A name of your choice, which every alert repeats.")]
Kind = Annotated[str, typer.Option(help=f"What is counted: {', '.join(rules.KINDS)}.")]
Threshold = Annotated[int, typer.Option(help="The count from which on an alert is opened.")]
Minutes = Annotated[int, typer.Option(help="Length of the window that ends now.")]
RuleSource = Annotated[str | None, typer.Option(help="Only this source; by default all.")]


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac ingest logs`, `almanac logs delete` and `almanac logs rules`."""
    del imports
    intake = _group("Bring in what has happened.")
    intake.command("logs")(_with_options(ingest_command, OF_TIMES))
    app.add_typer(intake, name="ingest")
    logs = _group("Entries of the logs.")
    logs.command("delete")(delete_command)
    logs.add_typer(_rules_group(), name="rules")
    app.add_typer(logs, name="logs")


def _rules_group() -> typer.Typer:
    group = typer.Typer(help="Rules of alerts.", no_args_is_help=True)
    group.command("list")(rules_command)
    group.command("add")(add_rule_command)
    group.command("remove")(remove_rule_command)
    return group


def _group(text: str) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True)
    group.callback()(_stay_a_group)
    return group


def _with_options(command: Callable[..., None], options: Sequence[Parameter]) -> Callable[..., None]:
    """Return a command that shows typer further options, which it takes by their names."""

    @wraps(command)
    def whole(*arguments: Any, **named: Any) -> None:
        command(*arguments, **named)

    own = [each for each in signature(command).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    every = [*own[:-1], *options, own[-1]]
    whole.__annotations__ = {each.name: each.annotation for each in every}
    setattr(whole, "__signature__", Signature(every))  # noqa: B010  # mypy knows no such attribute
    return whole


def _stay_a_group() -> None:
    """Make a group of one command a group; typer would make it a command."""


def ingest_command(
    files: Files, form: Format = "", source: Source = "", json: Json = False, **of_times: Any
) -> None:
    """Store log files; entries that are there already are counted and not changed."""
    options = ReadOptions(form, source, **of_times)
    options.check()
    project, load = Project(Settings.read()), Load(binary_copy.encode)
    reports = ingest.ingest_all(project.worker.connect, files, options, load)
    if json:
        show.as_json({path: _as_json(report) for path, report in reports.items()})
    else:
        show.table("Stored", REPORT_COLUMNS, _report_rows(reports))
    ingest.raise_problems(reports, form)


def delete_command(where: Where, why: Why, json: Json = False) -> None:
    """Delete entries with their predictions, and leave a note that says how many, who and why."""
    if not why.strip():
        raise UsageError('Say why: --why "…". The note keeps the reason for ever.')
    project = Project(Settings.read())
    count = erasures.erase(project.database, _erasure(where, why, project.settings.who))
    if json:
        show.as_json({"deleted": count})
    else:
        show.line(f"{count} entries deleted, with their predictions and the counts that include them.")


def rules_command(json: Json = False) -> None:
    """Show the rules of alerts; they are judged at the end of each run."""
    with Project(Settings.read()).database.connect() as connection:
        states = rules.list_all(connection)
    if json:
        show.as_json([state._asdict() for state in states])
    else:
        show.table("Rules", RULE_COLUMNS, [_rule_row(state) for state in states])


def add_rule_command(
    name: RuleName, kind: Kind, threshold: Threshold, minutes: Minutes = 15, source: RuleSource = None
) -> None:
    """Open an alert whenever a window holds at least `--threshold` errors, anomalies or new templates."""
    rule = rules.Rule(name, kind, threshold, minutes, source)
    with Project(Settings.read()).database.connect() as connection:
        rules.add(connection, rule)
    counted = kind.replace("_", " ")
    show.line(f"'{show.escape(name)}' opens an alert from {threshold} {counted} within {minutes} minutes on.")


def remove_rule_command(name: Annotated[str, typer.Argument(help="The rule's name.")]) -> None:
    """Remove a rule; the next run closes its alert."""
    with Project(Settings.read()).database.connect() as connection:
        is_deleted = rules.remove(connection, name)
    note = "" if is_deleted else ": its alerts stay, so it is switched off"
    show.line(f"'{show.escape(name)}' opens no more alerts{note}.")


def _as_json(report: FileReport) -> dict[str, object]:
    """Return the counts of a file, and its problem where it has one."""
    problem = {"problem": str(report.problem)} if report.problem else {}
    return {"lines": report.lines, "raw": report.raw, "stored": asdict(report.stored), **problem}


def _report_rows(reports: Mapping[str, FileReport]) -> list[Sequence[object]]:
    return [
        (path, report.lines, report.stored.accepted, report.stored.duplicate, report.raw)
        for path, report in reports.items()
    ]


def _erasure(where: Sequence[str], why: str, who: str) -> erasures.ErasureRequest:
    """Return a request whose note repeats the names of the conditions, and not their values."""
    names = json_format.dumps([condition.partition("=")[0] for condition in where])
    delete = deletion.by_conditions(where)
    return erasures.ErasureRequest(
        CONTRACT, delete, recount.repair, who, f"{why} (by {names})", drop_inputs=True
    )


def _rule_row(state: RuleState) -> Sequence[object]:
    active = "yes" if state.active else "no"
    return (*state[:4], state.source or "all", active, state.alert)
