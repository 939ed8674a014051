"""Commands that take a workload out of the database, or begin it anew: retire, reset."""

from typing import Annotated

import typer

from almanac.cli import show
from almanac.operations import retire
from almanac.project import Project
from almanac.settings import Settings

Workload = Annotated[str, typer.Argument(help="Name of a workload.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this option nothing is changed.")]
RETIRED = (
    "{workload} is retired: {count} tables, its views and aliases are gone, and nobody is answered from it. "
    "The records of its runs, releases and versions stay. Its folders are yours to delete."
)
BEGUN_ANEW = "{workload} begins anew with the tables of its contract. Next: almanac run {workload} --slot now"
FILES_STAY = "What its SQL files have made stays in the database: {files}."


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("retire")(retire_command)
    app.command("reset")(reset_command)


def retire_command(workload: Workload, yes: Yes = False) -> None:
    """Take a workload out: its tables, views, aliases and answers go, its records stay."""
    removal = retire.retire(Project(Settings.read()), workload, confirmed=yes)
    show.line(RETIRED.format(workload=workload, count=len(removal.tables)))
    _name_files(removal)


def reset_command(workload: Workload, yes: Yes = False) -> None:
    """Begin a workload anew that has only ever released simulated predictions, after its contract changed."""
    removal = retire.reset(Project(Settings.read()), workload, confirmed=yes)
    show.line(BEGUN_ANEW.format(workload=workload))
    _name_files(removal)


def _name_files(removal: retire.Removal) -> None:
    if removal.files:
        show.line(FILES_STAY.format(files=", ".join(removal.files)))
