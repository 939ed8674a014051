"""Reads columns of written times; what is not a time becomes null."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats.clock import Clock
from almanac.workloads.logs.formats.entries import INSTANT
from almanac.workloads.logs.terms import arrays

MICROSECONDS = 26
NAIVE = pa.timestamp("us")
MORE_DIGITS = re.compile(r"(\.[0-9]{6})[0-9]+")
ZONE = r"(?:[zZ]|[+-][0-9]{2}:?[0-9]{2})$"
SPACED_ZONE = re.compile(r" (?=[+-]\d\d:?\d\d$)")
SHORT_HOUR = re.compile(r"([ T]) ?(\d:)")
MONTHS = dict(zip("jan feb mar apr may jun jul aug sep oct nov dec".split(), range(1, 13), strict=True))
MONTH = re.compile(rf"(?<![A-Za-z])({'|'.join(MONTHS)})[a-z]*", re.IGNORECASE)
CLOCK_TIME = re.compile(
    r"(?<!\d)(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?([AaPp])\.?[Mm]\.?(?![A-Za-z]))?"
)
NUMBER = re.compile(r"(?<![\d:.])\d+(?![\d:])")
OFFSET = re.compile(r"(?<=[ \d])([+-])(\d\d):?(\d\d)$|(?<=[ \d])([A-Z]{1,5})$")
# Hours that the usual abbreviations are ahead of UTC.
AHEAD: Final = {
    0: "Z UTC GMT WET", 1: "CET BST WEST MEZ", 2: "CEST EET SAST MESZ", 3: "EEST MSK", 5.5: "IST",
    8: "SGT AWST HKT", 9: "JST KST", 10: "AEST", 11: "AEDT", -3: "BRT ART", -4: "EDT AST", -5: "EST CDT",
    -6: "CST MDT", -7: "MST PDT", -8: "PST AKDT", -9: "AKST", -10: "HST",
}  # fmt: skip
HOURS: Final = {name: hours for hours, names in AHEAD.items() for name in names.split()}
# Seconds, milliseconds, microseconds, nanoseconds; larger numbers are in the next unit.
UNITS = (1.0, 1e3, 1e6, 1e9)
MOST_SECONDS = 1e11
TWO_DIGITS = 100

Read = Callable[[str, Clock], datetime | None]
Times = Callable[[Sequence[str | None], Clock], pa.Array]


def iso(written: Sequence[str | None], clock: Clock) -> pa.Array:
    """Return ISO 8601 times, with `,` or `.` before the fraction."""
    texts = pc.replace_substring(arrays.texts(written), ",", ".")
    has_zone = pc.match_substring_regex(texts, ZONE)
    if pc.any(has_zone).as_py():
        return by_distinct(written, one_iso, clock)
    try:
        shortened = pc.utf8_slice_codeunits(texts, 0, MICROSECONDS)
        return clock.localized(shortened.cast(NAIVE))
    except pa.ArrowInvalid:
        return by_distinct(written, one_iso, clock)


def by_distinct(written: Sequence[str | None], read: Read, clock: Clock) -> pa.Array:
    """Return times that are read one by one, each distinct spelling once."""
    encoded = arrays.texts(written).dictionary_encode()
    moments = [read(text, clock) for text in encoded.dictionary.to_pylist()]
    naive = pa.array([None if moment and moment.tzinfo else moment for moment in moments], NAIVE)
    aware = pa.array([moment if moment and moment.tzinfo else None for moment in moments], INSTANT)
    localized = clock.localized(naive.take(encoded.indices))
    return pc.coalesce(aware.take(encoded.indices), localized)


def each(read: Read) -> Times:
    """Return a reader of columns from a reader of one time."""
    return lambda written, clock: by_distinct(written, read, clock)


def by_fields(pattern: str) -> Read:
    """Return a reader of times whose numbers are the groups Y, y (of two digits), m, d, H, M, S, f and ms."""
    compiled = re.compile(pattern)

    def read(text: str, clock: Clock) -> datetime | None:
        match = compiled.match(text.strip())
        return (
            _of_fields({name: value for name, value in match.groupdict().items() if value}, clock)
            if match
            else None
        )

    return read


def one_iso(text: str, _clock: Clock | None = None) -> datetime | None:
    """Return one ISO 8601 time, without a zone where it names none, or None."""
    try:
        # Most times are written so that nothing has to be changed.
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    spelling = MORE_DIGITS.sub(r"\1", text.strip().replace(",", "."))
    spelling = SHORT_HOUR.sub(r"\g<1>0\2", SPACED_ZONE.sub("", spelling)).replace("/", "-")
    try:
        return _in_utc(datetime.fromisoformat(spelling))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment


def one_with_month(text: str, clock: Clock) -> datetime | None:
    """Return one time that names its month: of syslog, C, Apache, RFC 2822, Java and others; or None.

    >>> one_with_month("Tue, 15 Apr 2025 06:00:00 +0200", Clock())
    datetime.datetime(2025, 4, 15, 4, 0, tzinfo=datetime.timezone.utc)
    """
    month, time = MONTH.search(text), CLOCK_TIME.search(text)
    if not month or not time:
        return None
    numbers = NUMBER.findall(text[: time.start()].rstrip(":") + " " + _behind(text[time.end() :]))
    days = [number for number in numbers if len(number) <= 2]  # digits
    years = [number for number in numbers if len(number) == 4]  # digits
    if not days or len(numbers) != len(days) + len(years):
        return None
    hour, minute, second, fraction, half = time.groups()
    fields = {
        "m": str(MONTHS[month[1].lower()]),
        "d": days[0],
        "M": minute,
        "S": second,
        "f": fraction or "0",
    }
    fields["H"] = str(int(hour) % 12 + 12 * (half in "Pp")) if half else hour
    moment = _of_fields(fields | ({"Y": years[0]} if years else {}), clock)
    return _with_offset(moment, text)


def one_of_c(text: str) -> datetime | None:
    """Return one time as C's `ctime` writes it, `Sun Dec 04 04:47:44 2005`, or None."""
    *_, year = text.split()
    is_year = len(year) == len("2005") and year.isascii() and year.isdecimal()
    return one_with_month(text, Clock()) if is_year else None


def one_with_zone_name(text: str, clock: Clock) -> datetime | None:
    """Return one ISO time behind which an abbreviation of its zone may stand, or None."""
    spelling = re.sub(r",? *[A-Z]{1,5}$", "", text.strip())
    return _with_offset(one_iso(spelling.replace(", ", " "), clock), text.strip())


def one_number(number: float) -> datetime | None:
    """Return an instant from seconds, milliseconds, microseconds or nanoseconds since 1970, or None."""
    for unit in UNITS:
        if abs(number) / unit < MOST_SECONDS:
            return _of_seconds(number / unit)
    return None


def one_number_text(text: str, _clock: Clock | None = None) -> datetime | None:
    """Return an instant from a number since 1970 as text, or None."""
    try:
        return one_number(float(text))
    except (ValueError, OverflowError):
        return None


def one_of_any(text: str, clock: Clock) -> datetime | None:
    """Return one time in any spelling that says what it is: ISO 8601, with a month's name, or a number."""
    return one_iso(text, clock) or one_with_month(text, clock) or one_number_text(text)


def _behind(text: str) -> str:
    """Return what follows the time of day without an offset, whose digits are no year."""
    return re.sub(r"[+-]\d\d:?\d\d\s*$", "", text)


def _of_fields(fields: dict[str, str], clock: Clock) -> datetime | None:
    parts = [int(fields.get(name, 0)) for name in "mdHMS"]
    microsecond = int(fields.get("f", "0").ljust(6, "0")[:6]) + 1000 * int(fields.get("ms", 0))
    if "Y" in fields or "y" in fields:
        year = int(fields.get("Y") or 2000 + int(fields["y"]) - TWO_DIGITS * (int(fields["y"]) >= 70))
        return Clock(year=year).in_year(*parts, microsecond)
    return clock.in_year(*parts, microsecond)


def _with_offset(moment: datetime | None, text: str) -> datetime | None:
    """Return a time with the offset or the abbreviation of a zone at the end of its text."""
    match = OFFSET.search(text)
    if moment is None or moment.tzinfo or match is None:
        return moment
    sign, hours, minutes, name = match.groups()
    if name:
        ahead = timedelta(hours=HOURS[name]) if name in HOURS else None
    else:
        ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    if ahead is None:
        return moment
    try:
        return moment.replace(tzinfo=timezone(ahead)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _of_seconds(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


one_packed = by_fields(r"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d) +(?P<H>\d{1,2}):?(?P<M>\d\d):?(?P<S>\d\d)$")
one_dotted = by_fields(
    r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)-(?P<H>\d\d)\.(?P<M>\d\d)\.(?P<S>\d\d)(?:\.(?P<f>\d{1,9}))?$"
)
one_by_numbers = by_fields(
    r"(?P<m>\d\d)[-.]?(?P<d>\d\d) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\.(?P<f>\d{1,9}))?$"
)
