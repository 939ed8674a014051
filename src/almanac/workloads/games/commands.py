"""The command of games: import plays that the user owns."""

from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import show
from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.store.rows.raw import UpsertCounts
from almanac.workloads.games import sources
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.sources import plays_csv
from almanac.workloads.games.sources.plays_csv import PlaysImport

NO_GAMES = (
    "No game is known yet, so no title can be matched. Bring games in first: almanac run games --only collect"
)
UNMATCHED = "Games that match none of the catalogue; nothing is guessed"
BAD_ROWS = "Rows that were skipped"
COUNTS = (
    "{plays.lines} lines: {counts.inserted} plays new, {counts.updated} corrected,"
    " {counts.unchanged} known already, {counts.refused} refused; {plays.duplicates} lines added to another."
)
FILE_HELP = "CSV with user_id, game_id or title, hours and time."


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac import games-interactions`."""
    del app
    imports.command("games-interactions")(import_plays)


def import_plays(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help=FILE_HELP)],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import who played what from a CSV: user_id, game_id or title, hours and, where known, time."""
    project = Project(Settings.read())
    sample = project.settings.sample
    games = raw.read(project.database, CONTRACT, raw.of_sample("games", sample))
    if games.empty:
        raise UsageError(NO_GAMES)
    plays = plays_csv.read_plays(file, sources.select(games, sample=sample))
    counts = raw.upsert(project.worker, CONTRACT, raw.of_sample("plays", sample), plays.plays)
    if json:
        show.as_json(_as_json(counts, plays))
    else:
        _print(counts, plays)


def _as_json(counts: UpsertCounts, plays: PlaysImport) -> dict[str, object]:
    return {
        "lines": plays.lines,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "refused": counts.refused,
        "doubled": plays.duplicates,
        "unmatched": plays.unmatched.to_dict("records"),
        "bad_rows": plays.bad_rows.to_dict("records"),
    }


def _print(counts: UpsertCounts, plays: PlaysImport) -> None:
    show.line(COUNTS.format(counts=counts, plays=plays))
    for title, rows in ((UNMATCHED, plays.unmatched), (BAD_ROWS, plays.bad_rows)):
        if len(rows):
            show.table(title, tuple(rows.columns), rows.to_numpy())
    for refusal in counts.refusals:
        show.line(f"Refused: {refusal.key}: {refusal.reason}")
