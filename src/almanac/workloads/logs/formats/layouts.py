"""The line formats: the head of an entry as a pattern, and the column that each part of it fills."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow as pa

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.terms import arrays

DAY, CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d"
ISO = rf"{DAY}[ T]{CLOCK}(?:[.,]\d{{1,9}})?(?:[zZ]|[+-]\d\d:?\d\d)?"
LEVEL = r"TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|SEVERE|FATAL"
SYSLOG_TIME = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"
DATA = r"-|(?:\[(?:[^\]\"\\\n]|\"(?:[^\"\\\n]|\\.)*\")*\])+"
# The severities of syslog, the lowest three bits of a priority.
SYSLOG_LEVELS = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]

Times = Callable[[Sequence[str], int], pa.Array]


@dataclass(frozen=True)
class Layout:
    """One line format.

    `pattern` is the head of an entry at the beginning of a line. Its groups fill `columns` in their order,
    and the rest of the line is the text. `times` turns written times and a year into instants.
    Kafka writes the logger in brackets after the text (`logger_behind`).
    """

    format: str
    pattern: str
    columns: tuple[str, ...]
    times: Times
    levels: Callable[[Sequence[str]], pa.Array] | None = None
    logger_behind: bool = False

    @cached_property
    def head(self) -> re.Pattern[str]:
        """Matches a line that begins an entry."""
        return re.compile(self.pattern)

    @cached_property
    def border(self) -> re.Pattern[str]:
        """Matches a line end followed by a head; it is fast because it begins with a plain character."""
        return re.compile("\n" + self.pattern)

    def count(self, lines: Sequence[str]) -> int:
        """Return how many lines begin an entry."""
        return sum(bool(self.head.match(line)) for line in lines)


def _iso(written: Sequence[str], _year: int) -> pa.Array:
    return times.iso(written)


def _each(read: Callable[[str], datetime | None]) -> Times:
    """Return times that are read one by one and name their year."""

    def read_all(written: Sequence[str], _year: int) -> pa.Array:
        return times.by_distinct(written, read)

    return read_all


def _in_year(read: Callable[[str, int], datetime | None]) -> Times:
    """Return times that are read one by one and lack their year."""

    def read_all(written: Sequence[str], year: int) -> pa.Array:
        return times.by_distinct(written, lambda text: read(text, year))

    return read_all


def priorities(written: Sequence[str]) -> pa.Array:
    """Return the level that each syslog priority means; no priority means no level."""
    return arrays.texts(SYSLOG_LEVELS[int(text) % 8] if text else None for text in written)


LAYOUTS = (
    Layout("log4j", rf"\[({ISO})\] ({LEVEL}) ", ("event_time", "level"), _iso, logger_behind=True),
    Layout(
        "log4j",
        rf"({ISO})[ \t]+({LEVEL})[ \t]+\[[^\]\n]*\][ \t]+([\w.$/-]+):[ \t]",
        ("event_time", "level", "logger"),
        _iso,
    ),
    Layout(
        "log4j", rf"({ISO})[ \t]+({LEVEL})[ \t]+([\w.$/-]+):[ \t]", ("event_time", "level", "logger"), _iso
    ),
    Layout(
        "log4j",
        rf"({ISO})[ \t]+\[[^\]\n]*\][ \t]+({LEVEL})[ \t]+([\w.$/-]+)[ \t]+-[ \t]",
        ("event_time", "level", "logger"),
        _iso,
    ),
    Layout(
        "log4j",
        rf"({ISO})[ \t]+({LEVEL})[ \t]+\d+ --- \[[^\]\n]*\] ([\w.$/-]+)[ \t]*: ",
        ("event_time", "level", "logger"),
        _iso,
    ),
    Layout("log4j", rf"({ISO}) - ([^\n]{{1,80}}?) - ({LEVEL}) - ", ("event_time", "logger", "level"), _iso),
    Layout("log4j", rf"\[?({ISO})\]?[ \t:|-]+\[?({LEVEL})\]?[ \t:|-]+", ("event_time", "level"), _iso),
    Layout(
        "syslog5424",
        rf"<(\d{{1,3}})>1 (-|{ISO}) (\S+) (\S+) \S+ \S+ (?:{DATA})(?: |(?=\n)|$)",
        ("level", "event_time", "source", "logger"),
        _iso,
        levels=priorities,
    ),
    Layout(
        "syslog",
        rf"(?:<(\d{{1,3}})>)?({SYSLOG_TIME}) (\S+) ([^\s:\[]+)(?:\[\d+\])?: ",
        ("level", "event_time", "source", "logger"),
        _in_year(times.one_without_year),
        levels=priorities,
    ),
    Layout(
        "hdfs",
        r"(\d{6} \d{6}) \d+ ([A-Z]+) ([\w.$]+): ",
        ("event_time", "level", "logger"),
        _each(times.one_packed),
    ),
    Layout(
        "apache",
        r"\[(\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4})\] \[(\w+)\] ",
        ("event_time", "level"),
        _each(times.one_of_c),
    ),
    Layout(
        "android",
        r"(\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) +\d+ +\d+ ([VDIWEF]) ([^:\n]+): ",
        ("event_time", "level", "logger"),
        _in_year(times.one_without_year_by_numbers),
    ),
    Layout(
        "bgl",
        r"\S+ \d+ \d{4}\.\d\d\.\d\d (\S+) (\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+) \S+ \S+ (\S+) ([A-Z]+) ",
        ("source", "event_time", "logger", "level"),
        _each(times.one_dotted),
    ),
)


def choose(lines: Sequence[str]) -> tuple[Layout | None, int]:
    """Return the layout that fits most lines, and how many; of a tie the first, None where none fits."""
    counts = [layout.count(lines) for layout in LAYOUTS]
    most = max(counts, default=0)
    return (LAYOUTS[counts.index(most)], most) if most else (None, 0)
