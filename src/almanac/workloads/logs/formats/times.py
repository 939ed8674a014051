"""Turns columns of written times into instants; what is no time becomes a gap."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats.entries import INSTANT

MICROSECONDS = 26
ZONE = r"(?:[zZ]|[+-][0-9]{2}:?[0-9]{2})$"
MONTHS = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)
}


def iso(written: Sequence[str]) -> pa.Array:
    """Return ISO 8601 times, with `,` or `.` before the fraction; times without a zone are UTC."""
    texts = pc.replace_substring(pa.array(written, pa.large_string()), ",", ".")
    zoned = pc.match_substring_regex(texts, ZONE)
    if pc.any(zoned).as_py():
        return by_distinct(written, one_iso)
    try:
        return pc.utf8_slice_codeunits(texts, 0, MICROSECONDS).cast(pa.timestamp("us")).cast(INSTANT)
    except pa.ArrowInvalid:
        return by_distinct(written, one_iso)


def by_distinct(written: Sequence[str], one: Callable[[str], datetime | None]) -> pa.Array:
    """Return times that are read one by one, each distinct spelling once."""
    coded = pa.array(written, pa.large_string()).dictionary_encode()
    known = pa.array([one(text) for text in coded.dictionary.to_pylist()], INSTANT)
    return known.take(coded.indices)


def one_iso(text: str) -> datetime | None:
    """Return one ISO 8601 time in UTC, or None."""
    try:
        found = datetime.fromisoformat(_six_digits(text.strip().replace(",", ".")))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def one_without_year(text: str, year: int) -> datetime | None:
    """Return one time as syslog writes it, `Dec  4 04:47:44`, in a year, or None; a leap day in another year is none."""
    parts = text.split()
    try:
        hour, minute, second = map(int, parts[2].split(":"))
        return datetime(year, MONTHS[parts[0]], int(parts[1]), hour, minute, second, tzinfo=UTC)
    except (KeyError, ValueError, IndexError):
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
    return (
        one_without_year(" ".join(parts[1:4]), int(parts[4]))
        if len(parts) == 5 and parts[4].isdigit() and 0 < int(parts[4]) < 10_000
        else None
    )


def one_number(number: float) -> datetime | None:
    """Return an instant given in seconds, milliseconds, microseconds or nanoseconds since 1970, or None."""
    for unit in (1.0, 1e3, 1e6, 1e9):
        if abs(number) / unit < 1e11:
            try:
                return datetime.fromtimestamp(number / unit, UTC)
            except (ValueError, OverflowError, OSError):
                return None
    return None


def _by_pattern(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
    except ValueError:
        return None


def _six_digits(text: str) -> str:
    return re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)
