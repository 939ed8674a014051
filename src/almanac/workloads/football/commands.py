"""Football's own commands: bring in odds that the user owns."""

from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import show
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.workloads.football import sources
from almanac.workloads.football.contract import CONTRACT
from almanac.workloads.football.sources import odds_csv


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac import football-odds`."""
    del app
    imports.command("football-odds")(import_odds)


def import_odds(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV as of football-data.co.uk."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring in decimal odds from a CSV with the columns Div, Date, HomeTeam, AwayTeam and prices such as B365H, B365D, B365A."""
    project = Project(Settings.read())
    known = sources.select(raw.read(project.database, CONTRACT, "matches"), sample=project.settings.sample)
    told = odds_csv.read_odds(file, known)
    loaded = raw.upsert(project.worker, CONTRACT, "odds", told.odds)
    if json:
        unmatched, bad = told.unmatched.to_dict("records"), told.bad_rows.to_dict("records")
        show.as_json(
            {
                "inserted": loaded.inserted,
                "updated": loaded.updated,
                "unchanged": loaded.unchanged,
                "unmatched": unmatched,
                "bad_rows": bad,
            }
        )
        return
    show.line(f"{loaded.inserted} odds new, {loaded.updated} corrected, {loaded.unchanged} known already.")
    if len(told.unmatched):
        show.table(
            "Clubs that match nobody; nothing is matched unasked",
            tuple(told.unmatched.columns),
            told.unmatched.to_numpy(),
        )
    if len(told.bad_rows):
        show.table("Rows that were skipped", tuple(told.bad_rows.columns), told.bad_rows.to_numpy())
