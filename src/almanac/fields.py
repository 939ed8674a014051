"""Values as text: parsers for parameters and options, and strict types for members of a JSON object."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, PlainValidator, WithJsonSchema

from almanac.contract import ColumnType
from almanac.errors import UsageError

# Parses a text, or raises ValueError with a reason that does not repeat the text.
Reader = Callable[[str], Any]
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# What moves the cursor, hides text or turns it around: control characters, but no tab and line end.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
MOST_CHARACTERS = 1_000
MOST_VALUES = 100
# More digits than any bigint has; int() of a very long text takes long.
MOST_DIGITS = 19
INTEGER_BITS = {"integer": 31, "bigint": 63}
INSTANT = "must be an instant with its offset, for example 2025-04-18T06:00:00Z"
INSTANT_IN_ADDRESS = f"{INSTANT} (write + as %2B)"
UNSTORABLE_JSON = "must hold finite numbers and no NUL"
NO_DATE = "'{}' is not a date. Write it as YYYY-MM-DD, for example 2025-04-15."
NO_INSTANT = "'{}' is not an instant. Write it as 2025-04-15T06:00Z."


class StrictModel(BaseModel):
    """A JSON object that may have no other members than these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def storable(text: str) -> str:
    """Return a text that PostgreSQL can store; raises ValueError."""
    if UNSTORABLE.search(text):
        raise ValueError("must not contain NUL")
    return text


def printable(text: str) -> str:
    r"""Return a text that a terminal shows as it is: what would control it is written as an escape.

    >>> print(printable("\x1b[31mred"))
    \x1b[31mred
    """
    return UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def _instant(value: Any) -> datetime:
    try:
        return instant(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(INSTANT) from None


def _storable_json(value: JsonValue) -> JsonValue:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError(UNSTORABLE_JSON) from None
    # A backslash before u0000 is written as two, so the text alone does not decide.
    if r"\u0000" in text and _has_nul(value):
        raise ValueError(UNSTORABLE_JSON)
    return value


def _has_nul(value: JsonValue) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def text(value: str) -> str:
    """Return a string that PostgreSQL can store."""
    if len(value) > MOST_CHARACTERS:
        raise ValueError(f"must have at most {MOST_CHARACTERS} characters")
    if UNSTORABLE.search(value):
        raise ValueError("must not contain NUL or half of a surrogate pair")
    return value


def integer(least: int, most: int) -> Reader:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
        if not is_number or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def real(text: str) -> float:
    """Return a finite number."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("must be a finite number, for example 0.6")
    return number


def amount(most: float) -> Reader:
    """Return a reader of numbers from 0 to `most`."""

    def read(text: str) -> float:
        number = real(text)
        if not 0 <= number <= most:
            raise ValueError(f"must be a number from 0 to {most:.15g}")
        return number

    return read


def boolean(text: str) -> bool:
    """Return true or false."""
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def day(text: str) -> date:
    """Return a date."""
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise ValueError("must be a date, for example 2025-04-18") from None


def instant(text: str) -> datetime:
    """Return an aware instant in UTC."""
    try:
        moment = _from_iso(text if text.isascii() else "")
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(INSTANT_IN_ADDRESS)


def _from_iso(text: str) -> datetime:
    """Return the instant of an ISO text, whose t and z may be small, as RFC 3339 says; raises ValueError."""
    return datetime.fromisoformat(text.replace("t", "T").replace("z", "Z"))


def one_of(*words: str) -> Reader:
    """Return a reader of one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def listed(read: Reader) -> Reader:
    """Return a reader of comma-separated values, sorted and without doubles."""

    def read_all(text: str) -> tuple[Any, ...]:
        parts = text.split(",")
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


def parse_date(text: str) -> date | None:
    """Return a date from YYYY-MM-DD, None from an empty text; raises UsageError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(NO_DATE.format(text)) from error


def parse_instant(text: str) -> datetime:
    """Return an aware instant in UTC from an ISO text, by default in UTC; raises UsageError."""
    try:
        moment = _from_iso(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(NO_INSTANT.format(text)) from error


Text = Annotated[str, AfterValidator(storable)]
Instant = Annotated[
    datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Json = Annotated[JsonValue, AfterValidator(_storable_json)]
