"""Numbers, instants and lengths of time as people read them; every instant is in UTC."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

NOTHING = "–"
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
LONGEST_TEXT = 80


def number(value: float | None) -> str:
    """Return a number with at most four significant digits, thousands apart."""
    if value is None:
        return NOTHING
    if isinstance(value, int) or (abs(value) >= 1000 and value == value):
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.4g}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as a percentage."""
    return NOTHING if share is None else f"{share * 100:.{digits}f}%"


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units, as `3 h 20 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    parts = []
    left = int(seconds)
    for unit, size in UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


def age(seconds: float) -> str:
    """Return how long ago something was, in one unit."""
    for unit, size in UNITS[:-1]:
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def instant(value: datetime | str | None) -> datetime | None:
    """Return an instant in UTC; text is ISO, as PostgreSQL writes it into JSON."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return an instant for `datetime` and for addresses, to the microsecond: releases are that close."""
    return moment.isoformat().replace("+00:00", "Z")


def clock(moment: datetime) -> str:
    """Return an instant to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def size(count: float | None) -> str:
    """Return a number of bytes."""
    if count is None:
        return NOTHING
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def plural(count: int, word: str) -> str:
    """Return a count with its noun."""
    return f"{number(count)} {word}" if count == 1 else f"{number(count)} {word}s"


def value(raw: Any) -> str:
    """Return any value of a record as short text."""
    if raw is None:
        return NOTHING
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, int | float):
        # A year, like any whole number of four digits, stays in one piece.
        return str(raw) if isinstance(raw, int) and abs(raw) < 10_000 else number(raw)
    if isinstance(raw, Mapping | list):
        return shortened(json.dumps(raw, ensure_ascii=False, separators=(", ", ": ")))
    return shortened(str(raw))


def shortened(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def next_slot(cadence: timedelta, now: datetime) -> datetime:
    """Return when the next run is due."""
    seconds = cadence.total_seconds()
    return datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, UTC)


def day(value: date | None) -> str:
    """Return a date."""
    return NOTHING if value is None else value.isoformat()
