"""Finds which known file the beginning of a file belongs to, from the hashes of its lines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from almanac.workloads.logs.keeping.files import marks
from almanac.workloads.logs.keeping.files.marks import Marks

# A line that a file repeats is tried as a beginning at so many places.
MOST_PLACES: Final = 200
# How well a beginning fits, the best last.
PARTLY, INSIDE, COMPLETELY = range(3)


@dataclass(frozen=True)
class Head:
    """The beginning of a file: finished lines with their marks, and an unfinished line behind them.

    `is_whole` says that the file ends here. `node` is its device and inode.
    """

    lines: Sequence[str]
    marks: Marks
    tail: str
    is_whole: bool
    node: str | None


@dataclass
class KnownFile:
    """A file that was read before: marks of its lines, and the keys of its entries.

    `segments` are pairs of a first line and the key of the lines from there on. More of the entry at
    `open_line` may come. `tail` is length and mark of an unfinished last line.
    """

    file_id: int
    node: str | None
    segments: list[tuple[int, int]]
    open_line: int | None
    tail: tuple[int, bytes]
    was_finished: bool
    marks: Marks = field(default_factory=lambda: marks.NONE)


class Match(NamedTuple):
    """A known file, the place of the beginning in it, how many lines agree, and how well it fits."""

    file: KnownFile
    offset: int
    length: int
    fit: int


def head_of(block: str, *, is_whole: bool, node: str | None) -> Head:
    """Return the beginning of a file from its first block."""
    *lines, tail = block.split("\n")
    return Head(lines, marks.of_lines(lines), tail, is_whole, node)


def matches(head: Head, files: Iterable[KnownFile]) -> list[Match]:
    """Return what the beginning may be of the known files, the best first."""
    each = [match for file in files for match in _matches(head, file)]
    return sorted(each, key=lambda match: _rank(match, head), reverse=True)


def contains(head: Head, file: KnownFile) -> bool:
    """Return whether a file begins with all lines of a known file."""
    if not len(file.marks):
        return _continues_tail(head, file)
    length = _agreeing(head.marks, file.marks)
    return length == len(file.marks) or (length == len(head.marks) and not head.is_whole)


def _rank(match: Match, head: Head) -> tuple[int, int, bool, bool]:
    return match.fit, match.length, match.offset == 0, match.file.node == head.node


def _matches(head: Head, file: KnownFile) -> Iterator[Match]:
    if not len(file.marks):
        if _continues_tail(head, file):
            yield Match(file, 0, 0, COMPLETELY)
        return
    if not len(head.marks):
        return
    for offset in np.flatnonzero(file.marks == head.marks[0])[:MOST_PLACES].tolist():
        match = _match_at(head, file, offset)
        if match:
            yield match


def _match_at(head: Head, file: KnownFile, offset: int) -> Match | None:
    """Return what the beginning is at a place of a known file, None where it does not fit well enough.

    Lines without a time may come again. Where a file ends before the known one, or goes on in another way,
    they say nothing.
    """
    rest = file.marks[offset:]
    length = _agreeing(head.marks, rest)
    is_timed = marks.last_timed(head.lines[:length])
    if length == len(rest):
        is_enough = offset == 0 or is_timed or 2 * length >= len(file.marks)
        return Match(file, offset, length, COMPLETELY) if is_enough else None
    if length == len(head.marks):
        if not head.is_whole:
            return Match(file, offset, length, COMPLETELY)
        return Match(file, offset, length, INSIDE) if is_timed else None
    return Match(file, 0, is_timed, PARTLY) if offset == 0 and is_timed else None


def _agreeing(one: Marks, other: Marks) -> int:
    """Return how many marks agree from the first on."""
    size = min(len(one), len(other))
    differs = one[:size] != other[:size]
    return int(differs.argmax()) if differs.any() else size


def _continues_tail(head: Head, file: KnownFile) -> bool:
    """Return whether a file begins with the unfinished line that is all of a known file."""
    length, mark = file.tail
    begin = (head.lines[0] if head.lines else head.tail)[:length]
    return length > 0 and marks.to_bytes(marks.of_lines([begin])) == mark
