"""The audit trail on the command line: its newest rows, and the check that nobody has changed it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from almanac.cli import show
from almanac.cli.options import Json, Limit
from almanac.errors import BrokenChain, UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.records import audit

# Title of the column, name in the record.
COLUMNS = {
    "number": "audit_id",
    "recorded at (UTC)": "recorded_at",
    "action": "action",
    "who": "who",
    "subject": "subject",
    "outcome": "outcome",
    "address": "address",
}
WHOLE = "The audit trail is whole: {rows} rows up to number {number}, whose hash is {hash}."
NOTE = "Note number and hash elsewhere; later `almanac audit --verify --noted {number}:{hash}` compares."
EMPTY = "The audit trail has no rows yet."
BROKEN = "The audit trail was tampered with: {faults}. Compare with a backup, and find out who could do it."
BAD_NOTE = "'{text}' is no note of the trail. Write NUMBER:HASH as `almanac audit --verify` prints them."


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("audit")(audit_command)


def audit_command(
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that nobody has changed the trail.")
    ] = False,
    noted: Annotated[str, typer.Option(help="NUMBER:HASH of an earlier check, to compare with.")] = "",
    action: Annotated[str, typer.Option(help="Only rows of this action.")] = "",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show who did what, newest first, or check the trail."""
    if verify or noted:
        _verify(_note(noted), json=json)
        return
    with Project(Settings.read()).database.engine.begin() as connection:
        rows = audit.newest(connection, audit.Filters(action=action or None), limit=limit)
    records = [{**row, "event_id": str(row["event_id"])} for row in rows]
    if json:
        show.as_json(records)
    else:
        show.table(
            "Audit trail", tuple(COLUMNS), [[row[name] for name in COLUMNS.values()] for row in records]
        )


def _verify(note: tuple[int, str] | None, *, json: bool) -> None:
    """Print what the check has seen; raises BrokenChain."""
    with Project(Settings.read()).database.engine.begin() as connection:
        examined = audit.examine(connection, note)
    if json:
        show.as_json({**vars(examined), "checked_at": datetime.now(UTC)})
    if examined.broken:
        raise BrokenChain(BROKEN.format(faults="; ".join(examined.broken)))
    if not json:
        _say_whole(examined)


def _say_whole(examined: audit.Examined) -> None:
    if examined.number == 0:
        show.line(EMPTY)
        return
    names: dict[str, Any] = vars(examined)
    show.line(WHOLE.format_map(names))
    show.line(NOTE.format_map(names))


def _note(text: str) -> tuple[int, str] | None:
    """Return the number and the hash of a note; raises UsageError."""
    number, colon, mark = text.partition(":")
    if not text:
        return None
    if not (colon and number.isdecimal() and len(mark) >= 8 and set(mark) <= set("0123456789abcdef")):
        raise UsageError(BAD_NOTE.format(text=text))
    return int(number), mark
