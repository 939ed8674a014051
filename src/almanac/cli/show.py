"""What people and programs see: lines, errors, tables, JSON, and the progress of one run."""

import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich import markup
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from almanac.fields import printable
from almanac.runner.attempt import OnProgress, no_progress
from almanac.settings import Settings
from almanac.steps import STEPS
from almanac.store.rows.json_values import without_nan

# Where nobody looks at a screen there is no reason to break lines at column 80.
OUT = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
ERR = Console(stderr=True, highlight=False)
COLOURS = {
    **dict.fromkeys(("succeeded", "ok"), "green"),
    "running": "cyan",
    **dict.fromkeys(("warning", "pruned", "busy"), "yellow"),
    **dict.fromkeys(("failed", "broken", "error"), "red"),
}
# From here on nobody looks at what is behind the point.
LEAST_ROUNDED = 1000
# Titles of columns that hold numbers end like this.
RIGHT = ("%", "rows", "seconds")


def error(text: str) -> None:
    """Show an error on standard error."""
    ERR.print(f"[bold red]Error:[/] {escape(text)}", soft_wrap=True)


def line(text: str) -> None:
    """Show a line of text."""
    OUT.print(text, soft_wrap=True)


def as_json(value: object) -> None:
    """Print a value as JSON, which knows no NaN: what is missing is null."""
    plain = without_nan(value)
    text = json.dumps(plain, default=_plain, indent=2, ensure_ascii=False)
    print(text if _can_print(text) else json.dumps(plain, default=_plain, indent=2))


def _can_print(text: str) -> bool:
    """Return whether standard output can show every character, which ASCII cannot."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def replace_unprintable() -> None:
    """Let standard output and error print what their encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; words such as succeeded and failed get their colour."""
    grid = plain_table(columns)
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    line(f"[bold]{escape(title)}[/]")
    OUT.print(grid)


def rows_or_json(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, json: bool) -> None:
    """Print rows as a table, or as a JSON array of objects."""
    if json:
        as_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(title, columns, rows)


def plain_table(columns: Sequence[str]) -> Table:
    """Return an empty table without lines; numbers are aligned at the right."""
    grid = Table(header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(column, justify="right" if column.endswith(RIGHT) else "left")
    return grid


def escape(text: str) -> str:
    """Return text in which brackets mean nothing to the printer, and nothing controls the terminal."""
    return markup.escape(printable(text))


def instant(value: datetime | None) -> str:
    """Return an instant as people read it, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value else ""


def number(value: float) -> str:
    """Return a number as people read it: a count with all its digits, a figure with four.

    >>> number(23570.0), number(0.123456), number(1234567.8), number(-0.00001234)
    ('23570', '0.1235', '1234568', '-1.234e-05')
    """
    is_count = math.isfinite(value) and (value == round(value) or abs(value) >= LEAST_ROUNDED)
    return f"{value:.0f}" if is_count else f"{value:.4g}"


def records(rows: Iterable[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Return database rows as plain dictionaries."""
    return [dict(row) for row in rows]


def has_live_display(settings: Settings) -> bool:
    """Return whether progress is drawn: on a terminal, unless LOG_FORMAT=json asks for log lines."""
    return ERR.is_terminal and settings.log_format != "json"


@contextmanager
def progress(title: str, *, is_drawn: bool) -> Iterator[OnProgress]:
    """Draw a bar with step, cell and elapsed time on standard error, if `is_drawn`."""
    if not is_drawn:
        yield no_progress
        return
    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        TextColumn("{task.description}"),
        BarColumn(30),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task("starting", total=len(STEPS), title=title)

        def on_progress(step: str, cell: int, cells: int) -> None:
            completed = STEPS.index(step) + (cell - 1) / max(cells, 1)
            bar.update(task, description=f"{step}, cell {cell} of {cells}", completed=completed)

        yield on_progress


def _cell(value: object) -> str:
    text = _text(value)
    colour = COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else escape(text)


def _text(value: object) -> str:
    # Only what is missing, NaN or no instant, differs from itself.
    if value is None or (isinstance(value, datetime | float) and value != value):
        return ""
    if isinstance(value, datetime):
        return instant(value) if value.tzinfo else f"{value:%Y-%m-%d}"
    return number(value) if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
