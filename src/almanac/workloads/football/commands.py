"""The commands that only football has: import odds that the user owns."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.store.rows.raw import UpsertCounts
from almanac.workloads.football import sources
from almanac.workloads.football.contract import CONTRACT
from almanac.workloads.football.sources import odds_csv
from almanac.workloads.football.sources.odds_csv import OddsImport

CsvFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV as of football-data.co.uk.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac import football-odds`."""
    del app
    imports.command("football-odds")(import_odds)


def import_odds(file: CsvFile, json: AsJson = False) -> None:
    """Import odds from a CSV with Div, Date, HomeTeam, AwayTeam and odds such as B365H, B365D, B365A."""
    project = Project(Settings.read())
    sample = project.settings.sample
    stored = raw.read(project.database, CONTRACT, raw.of_sample("matches", sample))
    matches = sources.select(stored, sample=sample)
    imported = odds_csv.read_odds(file, matches)
    loaded = raw.upsert(project.worker, CONTRACT, raw.of_sample("odds", sample), imported.odds)
    if json:
        show.as_json(_as_json(loaded, imported))
    else:
        _print(loaded, imported)
    if imported.odds.empty and len(imported.bad_rows):
        line, reason = imported.bad_rows.iloc[0]
        raise UsageError(f"No row of '{file}' could be used, so nothing was stored. Line {line}: {reason}.")


def _print(loaded: UpsertCounts, imported: OddsImport) -> None:
    counts = f"{loaded.inserted} odds new, {loaded.updated} corrected, {loaded.unchanged} known already"
    show.line(f"{counts}, {loaded.refused} refused." if loaded.refused else f"{counts}.")
    _show("Clubs that match no club of the database; nothing is guessed", imported.unmatched_clubs)
    _show("Rows that were skipped", imported.bad_rows)


def _as_json(loaded: UpsertCounts, imported: OddsImport) -> dict[str, object]:
    return {
        "inserted": loaded.inserted,
        "updated": loaded.updated,
        "unchanged": loaded.unchanged,
        "refused": loaded.refused,
        "unmatched": imported.unmatched_clubs.to_dict("records"),
        "bad_rows": imported.bad_rows.to_dict("records"),
    }


def _show(title: str, rows: pd.DataFrame) -> None:
    if len(rows):
        show.table(title, tuple(rows.columns), rows.to_numpy())
