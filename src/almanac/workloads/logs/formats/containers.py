"""Lines that containers wrote: Docker and CRI cut long ones into parts, which are joined."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from almanac.workloads.logs.formats.layouts.layout import ISO
from almanac.workloads.logs.formats.members import Object

CRI: Final = re.compile(
    rf"(?P<time>{ISO}) (?P<stream>std(?:out|err)) (?P<tag>[FP])(?::\S*)?(?: (?P<text>.*)|$)"
)
MOST_JOINED: Final = 1 << 20
# Docker cuts lines after 16 KiB.
LEAST_PART: Final = 4_000


@dataclass
class Part:
    """A line of a container, or a part of one: its number in the file, and whether the line ends with it."""

    place: int
    time: Any
    stream: str
    text: str
    is_end: bool


class Joiner:
    """Joins parts of lines, and lines of a stack trace, of each stream."""

    def __init__(self) -> None:
        self._waiting: dict[str, Part] = {}

    def add(self, part: Part) -> Iterator[Part]:
        """Yield what is complete now that a part has come; a part may be followed by a stack trace."""
        before = self._waiting.get(part.stream)
        if before and len(before.text) < MOST_JOINED:
            # Some programs that write like Docker leave out every line end.
            goes_on = not before.is_end and (part.is_end or len(before.text) >= LEAST_PART)
            if goes_on or part.text[:1] in ("\t", " "):
                before.text = before.text + ("" if goes_on else "\n") + part.text
                before.is_end = part.is_end
                return
        self._waiting[part.stream] = part
        if before:
            yield before

    def finish(self) -> Iterator[Part]:
        """Yield what is left, in the order of the file."""
        yield from sorted(self._waiting.values(), key=lambda part: part.place)
        self._waiting = {}


def cri_part(line: str, number: int) -> Part | None:
    """Return a line of the container runtime interface, None of another line."""
    match = CRI.match(line) if line[:2] in ("19", "20") else None
    if not match:
        return None
    return Part(number, match["time"], match["stream"], match["text"] or "", match["tag"] == "F")


def docker_part(entry: Object, number: int) -> Part | None:
    """Return a line of Docker's json-file, None of another object; a part lacks its line end."""
    text = entry.get("log")
    if not isinstance(text, str) or "stream" not in entry or "time" not in entry:
        return None
    whole = text.removesuffix("\n").removesuffix("\r")
    return Part(number, entry["time"], str(entry["stream"]), whole, is_end=text.endswith("\n"))
