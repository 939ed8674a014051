"""Follows the text of a file while it is read, and gives each entry an id by file and place."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa

from almanac.errors import AlmanacError
from almanac.workloads.logs.formats import opening
from almanac.workloads.logs.formats.chunks import text_blocks
from almanac.workloads.logs.formats.opening import Opened
from almanac.workloads.logs.keeping.files import alignment, marks, table
from almanac.workloads.logs.keeping.files.alignment import COMPLETELY, Head, KnownFile, Match
from almanac.workloads.logs.keeping.files.marks import Marks
from almanac.workloads.logs.keeping.files.older import OlderFile

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
Numbers = npt.NDArray[np.int64]
ID: Final = np.dtype([("key", ">u8"), ("place", ">u8")])
# Entries that share a line, such as those of one JSON object, are told apart by the lowest bits of a place.
OF_ONE_LINE: Final = 12


class Tracker:
    """What is known of one file while it is read: which file it is, and where it goes on in a new way."""

    def __init__(self, connect: Connect, opened: Opened, source: str) -> None:
        """Choose the source; `source` is empty where the user names none."""
        self.connect, self.opened = connect, opened
        self.family = f"{opened.family}\n{source}" if source else opened.family
        with connect() as connection:
            self.source = source or table.source_of(connection, opened.family, opened.name)
            self.older = self._older_file(table.older_until(connection))
        self.file: KnownFile | None = None
        self.open_line: int | None = None
        self.lines_read = 0
        self._offset, self._tail = 0, ""
        self._last_place: int | None = None
        self._expected: Marks = marks.NONE
        self._head: Head | None = None

    def follow(self, blocks: Iterator[str]) -> Iterator[str]:
        """Yield the blocks of text; before each is yielded, the marks of its lines are in the database."""
        first, second = next(blocks, ""), next(blocks, "")
        if not first:
            return
        self._head = alignment.head_of(first, is_whole=not second, node=self.opened.node)
        with self.connect() as guard:
            table.lock(guard, self.opened.family)
            self._place(guard, self._head)
            for block in chain(filter(None, (first, second)), blocks):
                self._pass(block)
                yield block

    def ids(self, entries: pa.Table) -> bytes:
        """Return the ids of entries of this file, one after the other, 16 bytes each."""
        if self.file is None or not len(entries):
            return b""
        places = self.positions(entries)
        self._last_place = int(places[-1])
        firsts, keys = (np.array(column, dtype=np.uint64) for column in zip(*self.file.segments, strict=True))
        ids = np.empty(len(places), dtype=ID)
        ids["key"] = keys[np.searchsorted(firsts, places.astype(np.uint64), side="right") - 1]
        ids["place"] = (places << OF_ONE_LINE) + _number_within_line(places)
        return ids.tobytes()

    def positions(self, entries: pa.Table) -> Numbers:
        """Return the line of each entry, counted from 0 in the file as it was when it was read first."""
        places: Numbers = entries["place"].to_numpy()
        return places - 1 + self._offset

    def finish(self) -> None:
        """Note how the file ends, so that it is found again."""
        if self.file is None or self._head is None:
            return
        with self.connect() as connection:
            table.finish(connection, self.file.file_id, self._head, self._tail, self._last_place)

    def _place(self, connection: psycopg.Connection[Any], head: Head) -> None:
        files = table.candidates(connection, self.family, head)
        match = self._best(head, files)
        if match is None:
            self.file = self._added(KnownFile(0, head.node, [(0, _key())], None, (0, b""), False))
        elif match.fit >= alignment.INSIDE:
            self._continue(match)
        else:
            self._continue(match)
            self._branch(match.length)
        if self.file and self.file.was_finished:
            self.older = None

    def _continue(self, match: Match) -> None:
        self.file, self._offset = match.file, match.offset
        self._expected = match.file.marks[match.offset :]
        self.open_line = match.file.open_line if match.fit == COMPLETELY else None

    def _best(self, head: Head, files: list[KnownFile]) -> Match | None:
        """Return the best match that no other file of the family has a better claim to."""
        others: list[Head] | None = None
        for match in alignment.matches(head, files):
            if match.fit == COMPLETELY and match.file.node in (None, head.node):
                return match
            others = self._others() if others is None else others
            if not any(_claims(other, match) for other in others):
                return match
        return None

    def _others(self) -> list[Head]:
        """Return the beginnings of the other files of the family."""
        return [head for path in opening.siblings(self.opened) for head in _head_of(path)]

    def _pass(self, block: str) -> None:
        """Compare the lines of a block with those that were expected, and enter the new ones."""
        *lines, self._tail = block.split("\n")
        if self.older:
            self.older.pass_lines([*lines, self._tail] if self._tail else lines)
        seen = marks.of_lines(lines)
        begin, end = self.lines_read, self.lines_read + len(lines)
        expected = self._expected[begin:end]
        differs = seen[: len(expected)] != expected
        if differs.any():
            self._branch(begin + int(differs.argmax()))
            expected = self._expected[begin:end]
        new = seen[len(expected) :]
        self.lines_read = end
        if self.file and len(new):
            with self.connect() as connection:
                table.add_lines(connection, self.file.file_id, self._offset + end - len(new), new)

    def _branch(self, length: int) -> None:
        """Go on as another file that shares its first lines, and the keys of their entries."""
        if self.file is None:
            return
        end = self._offset + length
        shared = [(first, key) for first, key in self.file.segments if first < end]
        segments = [*shared, (end, _key())]
        begin = self.file.marks[:end]
        self.file = self._added(KnownFile(0, self.opened.node, segments, None, (0, b""), False, begin))
        self._expected = begin[self._offset :]
        self.open_line = None

    def _older_file(self, until: int) -> OlderFile | None:
        """Return what an older release knew this file as, None where there is nothing of it."""
        named = self.family.partition("\n")[2]
        name = self.opened.path.name.removesuffix(".gz").partition(".")[0]
        return OlderFile(named or name, until) if until else None

    def _added(self, file: KnownFile) -> KnownFile:
        with self.connect() as connection:
            return table.add(connection, self.family, self.source, file)


def _claims(other: Head, match: Match) -> bool:
    """Return whether another file is rather the known one.

    Two files that both have all of its lines share them in any case, so only the node decides then.
    """
    if match.fit == COMPLETELY and other.node != match.file.node:
        return False
    return alignment.contains(other, match.file)


def _head_of(path: Path) -> list[Head]:
    """Return the beginning of a file, or nothing where it cannot be read."""
    try:
        with opening.open_log(path) as opened:
            blocks = text_blocks(opened.blocks())
            first, second = next(blocks, ""), next(blocks, "")
            return [alignment.head_of(first, is_whole=not second, node=opened.node)] if first else []
    except AlmanacError:
        return []


def _key() -> int:
    return secrets.randbits(64)


def _number_within_line(places: Numbers) -> Numbers:
    """Return the number of each entry among those of its line; places ascend."""
    starts = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
    sizes = np.diff(np.append(starts, len(places)))
    return np.arange(len(places)) - np.repeat(starts, sizes)
