"""How the text of a parameter becomes a value that PostgreSQL can compare; a ValueError says what fits instead."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from almanac.contract import ColumnType

Reader = Callable[[str], Any]
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MOST_CHARACTERS = 1_000
MOST_VALUES = 100
INTEGER_BITS = {"integer": 31, "bigint": 63}


def text(given: str) -> str:
    """Return a string that PostgreSQL can store."""
    if len(given) > MOST_CHARACTERS:
        raise ValueError(f"must have at most {MOST_CHARACTERS} characters")
    if UNSTORABLE.search(given):
        raise ValueError("must not contain NUL or half of a surrogate pair")
    return given


def integer(least: int, most: int) -> Reader:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(given: str) -> int:
        digits = given.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and least <= int(given) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(given)

    return read


def real(given: str) -> float:
    """Return a finite number."""
    try:
        number = float(given) if given.isascii() and "_" not in given else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("must be a finite number, for example 0.6")
    return number


def amount(most: float) -> Reader:
    """Return a reader of numbers from 0 to `most`."""

    def read(given: str) -> float:
        number = real(given)
        if not 0 <= number <= most:
            raise ValueError(f"must be a number from 0 to {most:.15g}")
        return number

    return read


def boolean(given: str) -> bool:
    """Return true or false."""
    if given not in ("true", "false"):
        raise ValueError("must be true or false")
    return given == "true"


def day(given: str) -> date:
    """Return a date."""
    try:
        return date.fromisoformat(given if DAY.fullmatch(given) else "")
    except ValueError:
        raise ValueError("must be a date, for example 2025-04-18") from None


def instant(given: str) -> datetime:
    """Return an aware instant in UTC."""
    try:
        moment = datetime.fromisoformat(given if given.isascii() else "")
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be an instant with its offset, for example 2025-04-18T06:00:00Z (write + as %2B)")


def listed(read: Reader) -> Reader:
    """Return a reader of comma separated values, sorted and without doubles."""

    def read_all(given: str) -> tuple[Any, ...]:
        parts = given.split(",")
        if len(parts) > MOST_VALUES:
            raise ValueError(f"must have at most {MOST_VALUES} values")
        return tuple(sorted({read(part) for part in parts}))

    return read_all


def of_type(kind: ColumnType) -> Reader:
    """Return the reader for values of a column type; json cannot be compared and has none."""
    if kind in INTEGER_BITS:
        half = 2 ** INTEGER_BITS[kind]
        return integer(-half, half - 1)
    return {"text": text, "real": real, "boolean": boolean, "date": day, "timestamp": instant}[kind]
