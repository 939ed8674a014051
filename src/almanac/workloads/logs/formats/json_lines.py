"""Reads one JSON object a line, whatever its fields are called."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from almanac.workloads.logs.formats import entries, times
from almanac.workloads.logs.formats.entries import Given, Parsed
from almanac.workloads.logs.formats.headed import whole_lines
from almanac.workloads.logs.shared.cleaning import clean, decoded

# The first name that an object has counts.
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


def parse(blocks: Iterable[bytes], given: Given) -> Iterator[Parsed]:
    """Yield the entries; a line that is no JSON object with a message is kept raw."""
    place = 1
    for block in whole_lines(blocks):
        lines = decoded(block).removesuffix("\n").split("\n")
        yield _entries(lines, place, given)
        place += len(lines)


def _entries(lines: list[str], place: int, given: Given) -> Parsed:
    good: list[dict[str, Any]] = []
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=place):
        found = _object(line)
        row = _row(found) if found is not None else None
        if row is not None:
            good.append({"place": number, **row})
        elif line.strip():
            bad.append((number, clean(line)))
    columns = {name: [row[name] for row in good] for name in ("place", *NAMES)}
    columns["source"] = [source or given.source for source in columns["source"]]
    made = entries.table(len(good), columns, given)
    raw = entries.raw_entries([at for at, _ in bad], [line for _, line in bad], given)
    return Parsed(entries.in_order(made, raw), len(lines), len(bad))


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _row(found: Mapping[str, Any]) -> dict[str, Any] | None:
    row = {
        column: next((found[name] for name in names if found.get(name) is not None), None)
        for column, names in NAMES.items()
    }
    if row["text"] is None:
        return None
    trace = next((found[name] for name in TRACES if isinstance(found.get(name), str)), None)
    told = {
        name: None if value is None else _text(value) for name, value in row.items() if name != "event_time"
    }
    text = told["text"] if trace is None else f"{told['text']}\n{clean(trace)}"
    if _number(row["level"]):
        told["level"] = NUMBERED.get(int(row["level"] or 0), str(told["level"]))
    return told | {"text": text, "event_time": _time(row["event_time"])}


def _text(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        return times.one_iso(value)
    return times.one_number(value) if _number(value) else None


def _number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value == value
        and abs(value) < 1e20
    )
