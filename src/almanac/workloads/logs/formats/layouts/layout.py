"""A line format: the head of an entry as a pattern, and what its parts mean."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.times import Times
from almanac.workloads.logs.terms import arrays

DAY, CLOCK = r"\d{4}-\d\d-\d\d", r" ?\d{1,2}:\d\d:\d\d"
ISO: Final = rf"{DAY}[ T]{CLOCK}(?:[.,]\d{{1,9}})?(?: ?[+-]\d\d:?\d\d\b|[zZ]\b)?"
MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
SYSLOG_TIME: Final = rf"{MONTH} [ \d]?\d(?: \d{{4}})? \d\d:\d\d:\d\d(?:\.\d{{1,9}})?"
# Words for levels in capitals, and in any case where they can be nothing else.
LEVEL: Final = (
    r"(?:TRACE|DEBUG[1-5]?|VERBOSE|VRB|DBG|INFO|INF|INFORMATION|NOTICE|CONFIG|FINE(?:R|ST)?|WARN(?:ING)?|WRN"
    r"|ERROR|ERR|CRITICAL|CRIT|SEVERE|ALERT|EMERG(?:ENCY)?|FATAL|FTL|PANIC)"
)
ANY_LEVEL: Final = rf"(?:(?i:{LEVEL}))"
# The severities of syslog, the lowest three bits of a priority.
SYSLOG_LEVELS: Final = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
DIGITS, BRACKET, ANGLE, LETTERS, OTHERS = "0", "[", "<", "a", "?"
WARNING_STATUS, ERROR_STATUS = 400, 500

Words = Sequence[str | None]


@dataclass(frozen=True)
class Layout:
    """One line format.

    `pattern` is the head of an entry at the beginning of a line; the rest of the line is the text. Its named
    groups are time, level, logger, source, session, and `front`, which is put before the text. `starts`
    says with what such lines begin. Kafka writes the logger in brackets after the text (`logger_behind`).
    `head_breaks` is the number of line ends in the head.
    """

    format: str
    starts: str
    pattern: str
    times: Times = times.iso
    levels: Callable[[Words], pa.Array] | None = None
    logger_behind: bool = False
    head_breaks: int = 0

    @cached_property
    def head(self) -> re.Pattern[str]:
        """Matches a line that begins an entry."""
        return re.compile(self.pattern)

    @cached_property
    def border(self) -> re.Pattern[str]:
        """Matches a line end followed by a head; it is fast because it begins with a plain character."""
        return re.compile("\n" + self.pattern)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the groups in their order."""
        return tuple(sorted(self.head.groupindex, key=self.head.groupindex.__getitem__))


def start_of(line: str) -> str:
    """Return with what a line begins, as `Layout.starts` says it."""
    first = line[:1]
    if first.isdigit():
        return DIGITS
    if first in (BRACKET, ANGLE):
        return first
    return LETTERS if first.isalpha() else OTHERS


def priorities(written: Words) -> pa.Array:
    """Return the level that each syslog priority or severity means; none means no level."""
    return arrays.texts(SYSLOG_LEVELS[int(text) % 8] if text else None for text in written)


def statuses(written: Words) -> pa.Array:
    """Return the level that each status of HTTP means."""
    return arrays.texts(_status(int(text)) if text else None for text in written)


def translated(words: dict[str, str | None]) -> Callable[[Words], pa.Array]:
    """Return a reader of levels that writes some words in another way."""
    return lambda written: arrays.texts(words.get(text, text) if text else None for text in written)


def _status(number: int) -> str:
    if number >= ERROR_STATUS:
        return "error"
    return "warning" if number >= WARNING_STATUS else "info"
