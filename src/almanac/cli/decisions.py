"""Promotion decisions on the command line: `almanac decisions`, and a line in the summary of a run."""

import typer

from almanac import discovery
from almanac.cli import show
from almanac.cli.options import AnyWorkload, Json, Limit
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.records import decisions

# Title of the column, name in the record.
COLUMNS = {
    "decided at (UTC)": "decided_at",
    "workload": "workload",
    "challenger": "challenger",
    "champion": "champion",
    "promoted": "promoted",
    "who": "who",
    "reason": "reason",
}
NOT_PROMOTED = (
    "Version {version} was not promoted: {reason}. `almanac decisions {workload}` lists all decisions."
)
PROMOTED = "Version {version} was promoted: {reason}."


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("decisions")(decisions_command)


def decisions_command(workload: AnyWorkload = "", limit: Limit = 20, json: Json = False) -> None:
    """List why each model version was promoted or not, newest first."""
    if workload:
        discovery.contract(workload)
    with Project(Settings.read()).database.engine.begin() as connection:
        records = show.records(decisions.latest(connection, workload or None, limit=limit))
    if json:
        show.as_json(records)
        return
    rows = [[_words(record[name]) for name in COLUMNS.values()] for record in records]
    show.table("Decisions", tuple(COLUMNS), rows)


def sentence(decision: decisions.DecisionRow) -> str:
    """Return a decision as a sentence of the summary."""
    text = PROMOTED if decision["promoted"] else NOT_PROMOTED
    names = {"version": decision["challenger"], "workload": decision["workload"]}
    return text.format(reason=decision["reason"].rstrip("."), **names)


def _words(value: object) -> object:
    """Return a truth value as a word."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
