"""Reads columns of written times; what is not a time becomes null."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats.entries import INSTANT
from almanac.workloads.logs.terms import arrays

MICROSECONDS = 26
MORE_DIGITS = re.compile(r"(\.[0-9]{6})[0-9]+")
ZONE = r"(?:[zZ]|[+-][0-9]{2}:?[0-9]{2})$"
MONTHS = dict(zip("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), range(1, 13), strict=True))
# Seconds, milliseconds, microseconds, nanoseconds; larger numbers are in the next unit.
UNITS = (1.0, 1e3, 1e6, 1e9)
MOST_SECONDS = 1e11


def iso(written: Sequence[str]) -> pa.Array:
    """Return ISO 8601 times, with `,` or `.` before the fraction; times without a zone are UTC."""
    texts = pc.replace_substring(arrays.texts(written), ",", ".")
    has_zone = pc.match_substring_regex(texts, ZONE)
    if pc.any(has_zone).as_py():
        return by_distinct(written, one_iso)
    try:
        shortened = pc.utf8_slice_codeunits(texts, 0, MICROSECONDS)
        return shortened.cast(pa.timestamp("us")).cast(INSTANT)
    except pa.ArrowInvalid:
        return by_distinct(written, one_iso)


def by_distinct(written: Sequence[str], read: Callable[[str], datetime | None]) -> pa.Array:
    """Return times that are read one by one, each distinct spelling once."""
    return arrays.map_distinct(arrays.texts(written), read, INSTANT)


def one_iso(text: str) -> datetime | None:
    """Return one ISO 8601 time in UTC, or None."""
    spelling = MORE_DIGITS.sub(r"\1", text.strip().replace(",", "."))
    try:
        moment = datetime.fromisoformat(spelling)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def one_without_year(text: str, year: int) -> datetime | None:
    """Return one time as syslog writes it, `Dec  4 04:47:44`, in a year, or None."""
    try:
        month, day, clock = text.split()[:3]
        hour, minute, second = map(int, clock.split(":"))
        return datetime(year, MONTHS[month], int(day), hour, minute, second, tzinfo=UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def one_without_year_by_numbers(text: str, year: int) -> datetime | None:
    """Return one time as Android writes it, `03-17 16:13:38.811`, in a year, or None."""
    return one_iso(f"{year:04d}-{text}")


def one_packed(text: str) -> datetime | None:
    """Return one time as HDFS writes it, `081109 203615`, or None."""
    return _by_pattern(text, "%y%m%d %H%M%S")


def one_dotted(text: str) -> datetime | None:
    """Return one time as BGL writes it, `2005-06-03-15.42.50.675872`, or None."""
    return _by_pattern(text, "%Y-%m-%d-%H.%M.%S.%f")


def one_of_c(text: str) -> datetime | None:
    """Return one time as C's `ctime` writes it, `Sun Dec 04 04:47:44 2005`, or None."""
    parts = text.split()
    if len(parts) != 5 or not parts[4].isdecimal():
        return None
    _, *rest, year = parts
    return one_without_year(" ".join(rest), int(year))


def one_number(number: float) -> datetime | None:
    """Return an instant from seconds, milliseconds, microseconds or nanoseconds since 1970, or None."""
    for unit in UNITS:
        if abs(number) / unit < MOST_SECONDS:
            return _of_seconds(number / unit)
    return None


def _of_seconds(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _by_pattern(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
    except ValueError:
        return None
