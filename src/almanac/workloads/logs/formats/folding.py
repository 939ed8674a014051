"""Lines behind the head of an entry: those of its stack trace, heads of other layouts, and strays."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from almanac.workloads.logs.formats.entries import Line
from almanac.workloads.logs.formats.layouts import Layout, start_of
from almanac.workloads.logs.shared.cleaning import bounded, trimmed
from almanac.workloads.logs.shared.limits import LONGEST_TEXT

# Lines that continue a stack trace in Java, Python and JavaScript.
CONTINUES = re.compile(
    r"[ \t]|$|at |Caused by|Suppressed|\.\.\. \d+ more|Traceback|During handling of|The above exception"
    r"|[)}\]]+;?$|[\w.$]+(?:Exception|Error|Throwable|Warning|Exit|Interrupt)\b"
)


class Extra(NamedTuple):
    """An entry of another layout: the number of its line, the groups of its head, and its text."""

    place: int
    groups: tuple[str | None, ...]
    text: str


@dataclass
class Rest:
    """What is no entry of the main layout: entries of others by layout, and lines that none understands."""

    extras: dict[Layout, list[Extra]] = field(default_factory=lambda: defaultdict(list))
    strays: list[Line] = field(default_factory=list)


class Head(NamedTuple):
    """A line that begins an entry of another layout, and where its text begins."""

    layout: Layout
    groups: tuple[str | None, ...]
    end: int


class Folder:
    """Sorts lines; layouts that came in the file are tried first."""

    def __init__(self, of_format: Sequence[Layout]) -> None:
        self._by_start: dict[str, list[Layout]] = {}
        for layout in of_format:
            for start in layout.starts:
                self._by_start.setdefault(start, []).append(layout)
        self._seen: list[Layout] = []

    def is_head(self, text: str, place: int) -> bool:
        """Return whether a line begins an entry of a layout that came in the file."""
        return any(layout.head.match(text, place) for layout in self._seen)

    def fold(self, first: str | None, more: str, place: int, rest: Rest) -> str:
        """Return a first line with those of the lines `more` that continue it; None has no such lines.

        `place` is the number of the first of these. Entries of other layouts, with the lines that continue
        them, and the other lines go to `rest`.
        """
        own = [] if first is None else [first]
        current, open_head = own, None
        has_owner = first is not None
        begin, number = 0, place
        while begin < len(more):
            end = more.find("\n", begin)
            end = len(more) if end < 0 else end
            line = more[begin:end]
            head = self.head(more, begin, line)
            if head:
                _close(open_head, current, rest)
                open_head = _Open(head, number)
                end = more.find("\n", head.end)
                end = len(more) if end < 0 else end
                current, has_owner = [more[head.end : end]], True
            elif has_owner and (CONTINUES.match(line) or not any(map(str.strip, current))):
                current.append(line)
            elif line.strip():
                rest.strays.append((number, line[:LONGEST_TEXT]))
            number += more.count("\n", begin, end) + 1
            begin = end + 1
        _close(open_head, current, rest)
        return trimmed("\n".join(own))

    def head(self, text: str, place: int, line: str) -> Head | None:
        """Return the head at the beginning of a line; a line that is indented has none."""
        if not line or line[0] in " \t":
            return None
        for layout in self._by_start.get(start_of(line), ()):
            match = layout.head.match(text, place)
            if match:
                if layout not in self._seen:
                    self._seen.append(layout)
                return Head(layout, match.groups(), match.end())
        return None


class _Open(NamedTuple):
    """An entry of another layout, and the number of its line."""

    head: Head
    number: int


def _close(opened: _Open | None, lines: Sequence[str], rest: Rest) -> None:
    """Enter an entry of another layout with its lines."""
    if opened:
        text = bounded(trimmed("\n".join(lines)))
        rest.extras[opened.head.layout].append(Extra(opened.number, opened.head.groups, text))
