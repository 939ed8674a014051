"""The commands that only games has: bring in plays that the user owns."""

from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.workloads.games import sources
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.sources import plays_csv


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac import games-interactions`."""
    del app
    imports.command("games-interactions")(import_plays)


def import_plays(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help="CSV with user_id, game_id or title, hours and time.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring in who played what from a CSV with the columns user_id, game_id or title, hours and, where known, time."""
    project = Project(Settings.read())
    known = raw.read(project.database, CONTRACT, "games")
    if known.empty:
        raise UsageError(
            "No game is known yet, so no title can be matched. Bring games in first: almanac run games --only collect"
        )
    told = plays_csv.read_plays(file, sources.select(known, sample=project.settings.sample))
    loaded = raw.upsert(project.worker, CONTRACT, "plays", told.plays)
    if json:
        unmatched, bad = told.unmatched.to_dict("records"), told.bad_rows.to_dict("records")
        counts = {
            "inserted": loaded.inserted,
            "updated": loaded.updated,
            "unchanged": loaded.unchanged,
            "doubled": told.doubled,
        }
        show.as_json(counts | {"unmatched": unmatched, "bad_rows": bad})
        return
    show.line(
        f"{loaded.inserted} plays new, {loaded.updated} corrected, {loaded.unchanged} known already; {told.doubled} lines added to another."
    )
    if len(told.unmatched):
        show.table(
            "Games that match none of the catalogue; nothing is guessed",
            tuple(told.unmatched.columns),
            told.unmatched.to_numpy(),
        )
    if len(told.bad_rows):
        show.table("Rows that were skipped", tuple(told.bad_rows.columns), told.bad_rows.to_numpy())
