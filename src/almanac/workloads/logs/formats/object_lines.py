"""Reads one object a line: JSON with the member names of many programs, or logfmt."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats import entries, members, object_values
from almanac.workloads.logs.formats.columns import extra_table
from almanac.workloads.logs.formats.containers import Joiner, Part, cri_part, docker_part
from almanac.workloads.logs.formats.entries import Defaults, Line, Parsed
from almanac.workloads.logs.formats.folding import Extra, Folder, Rest
from almanac.workloads.logs.formats.layouts import LAYOUTS
from almanac.workloads.logs.formats.members import Object
from almanac.workloads.logs.shared.cleaning import bounded, clean

PAIR: Final = re.compile(r"([A-Za-z_@][\w.@/-]*)=(\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)(?:\s+|$)")
LEAST_PAIRS: Final = 2
TEXTS: Final = {
    "client_id": members.CLIENT_ID,
    "source": members.SOURCE,
    "session": members.SESSION,
    "logger": members.LOGGER,
}
COLUMNS: Final = ("place", *TEXTS, "event_time", "level", "text")
Row = dict[str, Any]


def parse(blocks: Iterable[str], defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries; a line that is no object with a message may fit a layout, else it is a raw entry.

    Lines of containers that were written in parts are joined.
    """
    reader = _Reader(defaults)
    place = 1
    for block in blocks:
        lines = block.removesuffix("\n").split("\n")
        yield reader.parsed(lines, place)
        place += len(lines)
    yield reader.finished()


def of_lines(rest: Rest, defaults: Defaults) -> pa.Table:
    """Return the entries of those stray lines that are objects, and take them from the strays."""
    rows: list[Row] = []
    others: list[Line] = []
    for number, line in rest.strays:
        of_line = rows_of(line, defaults) if line.startswith("{") else []
        rows += [row | {"place": number} for row in of_line]
        if not of_line:
            others.append((number, line))
    rest.strays[:] = others
    return _table(rows, defaults)


def object_of(line: str) -> Object | None:
    """Return the object that a line is in JSON or logfmt, None of another line."""
    if line.startswith("{"):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None
    return _logfmt(line)


def rows_of(line: str, defaults: Defaults) -> list[Row]:
    """Return the columns of each entry that a line is, none where it is no object with a message."""
    entry = object_of(line)
    records = [] if entry is None else members.records(entry)
    return [row for record in records if (row := _row(record, defaults))]


class _Reader:
    """What goes on from line to line: layouts that came, and parts of lines of containers."""

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        self._folder = Folder(LAYOUTS)
        self._joiner = Joiner()

    def parsed(self, lines: Sequence[str], place: int) -> Parsed:
        """Return the entries of lines, the first of which has the number `place`."""
        rows: list[Row] = []
        rest = Rest()
        for number, line in enumerate(lines, start=place):
            rows += self._rows(line, number, rest)
        return self._joined(rows, rest, len(lines))

    def finished(self) -> Parsed:
        """Return what waited for more of its line."""
        rest = Rest()
        return self._joined(self._inner(self._joiner.finish()), rest, 0)

    def _rows(self, line: str, number: int, rest: Rest) -> list[Row]:
        stripped = line.strip()
        if not stripped:
            return []
        part = cri_part(stripped, number)
        entry = None if part else object_of(stripped)
        if entry is not None:
            part = docker_part(entry, number)
        if part:
            return self._inner(self._joiner.add(part))
        before = self._inner(self._joiner.finish())
        records = [] if entry is None else members.records(entry)
        rows = [row | {"place": number} for record in records if (row := _row(record, self._defaults))]
        if not rows:
            self._other(line, number, rest)
        return before + rows

    def _other(self, line: str, number: int, rest: Rest) -> None:
        """Enter a line that is no object."""
        head = self._folder.head(line, 0, line)
        if head:
            rest.extras[head.layout].append(Extra(number, head.groups, clean(line[head.end :])))
        else:
            rest.strays.append((number, clean(line)))

    def _inner(self, parts: Iterable[Part]) -> list[Row]:
        """Return the entries of whole lines of containers: objects, lines of a layout, or texts."""
        rows = []
        for part in parts:
            inner = rows_of(part.text, self._defaults) if part.text.startswith("{") else []
            moment = object_values.first_time({"time": part.time}, self._defaults.clock)
            rows += [row | {"place": part.place, "event_time": row["event_time"] or moment} for row in inner]
            if not inner:
                rows.append(self._of_text(part, moment))
        return rows

    def _of_text(self, part: Part, moment: datetime | None) -> Row:
        head = self._folder.head(part.text, 0, part.text)
        row: Row = dict.fromkeys(COLUMNS) | {"place": part.place, "event_time": moment}
        if head is None:
            return row | {"text": clean(part.text), "source": self._defaults.source}
        extra = Extra(part.place, head.groups, bounded(part.text[head.end :]))
        (columns,) = extra_table(head.layout, [extra], self._defaults).to_pylist()
        columns["event_time"] = columns["event_time"] or moment
        return {name: columns[name] for name in COLUMNS}

    def _joined(self, rows: list[Row], rest: Rest, lines: int) -> Parsed:
        parts = [extra_table(layout, extras, self._defaults) for layout, extras in rest.extras.items()]
        raw = entries.raw_entries(rest.strays, self._defaults)
        whole = entries.in_order(_table(rows, self._defaults), *parts, raw)
        return Parsed(whole, lines, len(rest.strays))


def _table(rows: list[Row], defaults: Defaults) -> pa.Table:
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["event_time"] = _instants(columns["event_time"], defaults)
    return entries.table(len(rows), columns, defaults)


def _instants(moments: list[datetime | None], defaults: Defaults) -> Any:
    aware = pa.array([moment if moment and moment.tzinfo else None for moment in moments], entries.INSTANT)
    naive = [None if moment and moment.tzinfo else moment for moment in moments]
    if all(moment is None for moment in naive):
        return aware
    localized = defaults.clock.localized(pa.array(naive, pa.timestamp("us")))
    return pc.coalesce(aware, localized)


def _row(entry: Object, defaults: Defaults) -> Row | None:
    """Return the columns of an object, or None where it has no message."""
    text = object_values.first_text(entry, members.TEXT)
    if text is None:
        return None
    row: Row = {name: object_values.first_text(entry, names) for name, names in TEXTS.items()}
    row["source"] = row["source"] or defaults.source
    row["event_time"] = object_values.first_time(entry, defaults.clock)
    row["level"] = object_values.first_level(entry)
    trace = object_values.trace_of(entry, text)
    row["text"] = text if trace is None else bounded(f"{text}\n{trace}")
    return row


def _logfmt(line: str) -> Object | None:
    """Return the pairs of a line that is nothing but pairs, with a message or a level among them."""
    pairs: dict[str, Any] = {}
    place = 0
    while place < len(line):
        match = PAIR.match(line, place)
        if not match:
            return None
        pairs[match[1]] = _unquoted(match[2])
        place = match.end()
    is_entry = {"msg", "message", "level", "lvl", "severity"} & pairs.keys()
    return pairs if len(pairs) >= LEAST_PAIRS and is_entry else None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value[1:-1].replace('\\"', '"')
