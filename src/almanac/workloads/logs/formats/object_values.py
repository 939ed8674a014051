"""Turns members of objects into texts, levels and times; what cannot be one is None."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from almanac.workloads.logs.formats import members, times
from almanac.workloads.logs.formats.clock import Clock
from almanac.workloads.logs.formats.layouts.layout import SYSLOG_LEVELS
from almanac.workloads.logs.formats.members import Object
from almanac.workloads.logs.shared.cleaning import clean

MOST_NUMBER: Final = 1e20
# Upper ends of the numbers that mean a level, by who writes them.
PINO: Final = ((20, "trace"), (30, "debug"), (40, "info"), (50, "warning"), (60, "error"), (100, "fatal"))
PYTHON: Final = ((20, "debug"), (30, "info"), (40, "warning"), (50, "error"), (100, "critical"))
OTLP: Final = ((5, "trace"), (9, "debug"), (13, "info"), (17, "warning"), (21, "error"), (25, "fatal"))
GOOGLE: Final = (
    (200, "debug"),
    (300, "info"),
    (400, "notice"),
    (500, "warning"),
    (600, "error"),
    (1000, "critical"),
)
MONOLOG: Final = ((200, "debug"), (300, "info"), (400, "warning"), (500, "error"), (1000, "critical"))
LOGBACK: Final = (
    (10000, "trace"),
    (20000, "debug"),
    (30000, "info"),
    (40000, "warning"),
    (50000, "error"),
    (1e9, "fatal"),
)
SEVERITY_NUMBERS: Final = frozenset({"severityNumber", "SeverityNumber", "severity_number"})
SYSLOG: Final = range(8)
# slog writes ERROR+2, java.util.logging in XML-like forms INFO-1.
STEPPED: Final = re.compile(r"([A-Za-z]+)[+-]\d+$")
NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?$")
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d$")
OF_DAY: Final = re.compile(r"\d\d?:\d\d")


def text_of(value: Any) -> str | None:
    """Return a text that is not blank; numbers are texts, objects are none. journald writes bytes so."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return _of_bytes(value) if isinstance(value, list) else None


def first_text(entry: Object, names: tuple[str, ...]) -> str | None:
    """Return the first usable text, cleaned."""
    for _, value in members.values(entry, names):
        text = text_of(value)
        if text is not None:
            return clean(text)
    return None


def first_level(entry: Object) -> str | None:
    """Return the first usable level; numbers become words."""
    for name, value in members.values(entry, members.LEVEL):
        level = _level(name, value)
        if level is not None:
            return clean(level)
    return None


def first_time(entry: Object, clock: Clock) -> datetime | None:
    """Return the first usable time; one without a zone has none."""
    day, of_day = entry.get("date"), entry.get("time")
    if isinstance(day, str) and isinstance(of_day, str) and DATE.match(day) and OF_DAY.match(of_day):
        return times.one_iso(f"{day} {of_day}")
    moments = (_time(value, clock) for _, value in members.values(entry, members.TIME))
    return next((moment for moment in moments if moment is not None), None)


def trace_of(entry: Object, text: str) -> str | None:
    """Return a stack trace that the text does not have already."""
    for _, value in members.values(entry, members.TRACE):
        trace = "\n".join(map(str, value)) if _is_list_of_texts(value) else value
        if isinstance(trace, str) and trace.strip() and trace.strip() != text.strip():
            return clean(trace)
    return None


def _level(name: str, value: Any) -> str | None:
    if isinstance(value, str):
        stripped = value.strip()
        if NUMBER.match(stripped):
            return _numbered(name, float(stripped)) or stripped
        return STEPPED.sub(r"\1", stripped) or None
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float) and abs(value) < MOST_NUMBER:
        return _numbered(name, value) or json.dumps(value)
    return None


def _numbered(name: str, number: float) -> str | None:
    """Return the level that a number means, by the name of its member and its size."""
    if name in SEVERITY_NUMBERS:
        return _below(OTLP, number)
    if number in SYSLOG:
        return SYSLOG_LEVELS[int(number)]
    if number < 10 * len(SYSLOG) + 20:  # two digits
        return _below(PYTHON if name == "levelno" else PINO, number)
    if number < 1000:  # three digits
        return _below(GOOGLE if name == "severity" else MONOLOG, number)
    return _below(LOGBACK, number)


def _below(scale: Sequence[tuple[float, str]], number: float) -> str | None:
    return next((level for end, level in scale if 0 < number < end), None)


def _time(value: Any, clock: Clock) -> datetime | None:
    if isinstance(value, str):
        return times.one_of_any(value, clock) if value.strip() else None
    if isinstance(value, Mapping):
        return _of_object(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return times.one_number(value) if is_number and abs(value) < MOST_NUMBER else None


def _of_object(value: Object) -> datetime | None:
    """Return the time of an object of seconds and nanoseconds, as log4j2 and protobuf write it."""
    for seconds, rest in (("epochSecond", "nanoOfSecond"), ("seconds", "nanos")):
        parts = value.get(seconds), value.get(rest, 0)
        try:
            return times.one_number(int(str(parts[0])) + int(str(parts[1])) / 1e9)
        except ValueError:
            continue
    return None


def _of_bytes(value: Sequence[Any]) -> str | None:
    try:
        return bytes(value).decode(errors="replace") if value else None
    except (TypeError, ValueError):
        return None


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)
