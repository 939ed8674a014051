"""Reads one JSON object a line, with the member names of many programs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from almanac.workloads.logs.formats import entries, times
from almanac.workloads.logs.formats.entries import Defaults, Line, Parsed
from almanac.workloads.logs.shared.cleaning import clean

# The first of these members that an object has counts.
NAMES = {
    "client_id": ("id", "event_id", "uuid"),
    "source": ("source", "service", "service.name", "app", "application", "host", "hostname"),
    "session": ("session", "session_id", "trace_id", "traceId", "request_id", "correlation_id"),
    "event_time": ("event_time", "timestamp", "@timestamp", "time", "ts", "datetime", "date", "asctime"),
    "level": ("level", "severity", "levelname", "lvl", "log.level", "loglevel"),
    "logger": ("logger", "logger_name", "name", "component", "module"),
    "text": ("message", "msg", "text", "log", "event", "body"),
}
TRACES = ("stack_trace", "exc_info", "exception", "stack", "error.stack_trace")
# Bunyan and pino write numbers.
NUMBERED = {10: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal"}
MOST_NUMBER = 1e20

Object = Mapping[str, Any]
Row = dict[str, Any]


def parse(blocks: Iterable[str], defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries; a line that is not a JSON object with a message becomes a raw entry."""
    place = 1
    for block in blocks:
        lines = block.removesuffix("\n").split("\n")
        yield _parsed(lines, place, defaults)
        place += len(lines)


def _parsed(lines: list[str], place: int, defaults: Defaults) -> Parsed:
    rows: list[Row] = []
    others: list[Line] = []
    for number, line in enumerate(lines, start=place):
        row = _row(line)
        if row is not None:
            rows.append(row | {"place": number})
        elif line.strip():
            others.append((number, clean(line)))
    complete = entries.table(len(rows), _columns(rows, defaults), defaults)
    raw = entries.raw_entries(others, defaults)
    return Parsed(entries.in_order(complete, raw), len(lines), len(others))


def _columns(rows: list[Row], defaults: Defaults) -> dict[str, list[Any]]:
    columns = {name: [row[name] for row in rows] for name in ("place", *NAMES)}
    columns["source"] = [source or defaults.source for source in columns["source"]]
    return columns


def _row(line: str) -> Row | None:
    """Return the columns of a line, or None where it is not an object with a message."""
    members = _object(line)
    if members is None:
        return None
    values = {column: _first(members, names) for column, names in NAMES.items()}
    return None if values["text"] is None else _columns_of(values, members)


def _columns_of(values: Row, members: Object) -> Row:
    """Return the columns of an object from the values that it has for them."""
    time, level = values.pop("event_time"), values["level"]
    columns: Row = {name: None if value is None else _text(value) for name, value in values.items()}
    columns["text"] = _with_trace(columns["text"], members)
    columns["level"] = _level(level, columns["level"])
    columns["event_time"] = _time(time)
    return columns


def _object(line: str) -> Object | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _first(members: Object, names: Iterable[str]) -> Any:
    """Return the first of these members that is not null."""
    for name in names:
        value = members.get(name)
        if value is not None:
            return value
    return None


def _with_trace(text: str, members: Object) -> str:
    values = (members.get(name) for name in TRACES)
    trace = next((value for value in values if isinstance(value, str)), None)
    return text if trace is None else f"{text}\n{clean(trace)}"


def _level(value: Any, text: str | None) -> str | None:
    return NUMBERED.get(int(value), text) if _is_number(value) else text


def _text(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        return times.one_iso(value)
    return times.one_number(value) if _is_number(value) else None


def _is_number(value: Any) -> bool:
    """Return whether a JSON value is a number of reasonable size; NaN and booleans are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < MOST_NUMBER
