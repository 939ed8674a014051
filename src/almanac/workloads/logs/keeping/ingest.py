"""Log files into the store: one thread reads ahead while PostgreSQL writes, in transactions that make nobody wait for long."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import psycopg
import pyarrow as pa

from almanac.workloads.logs import entries
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.formats import Parsed, parse_file

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
ROWS_AT_A_TIME = 50_000
AHEAD = 2


@dataclass
class Told:
    """What became of one file."""

    lines: int = 0
    raw: int = 0
    stored: Stored = field(default_factory=lambda: Stored(0, 0))


@dataclass(frozen=True)
class How:
    """How a file is read: an empty `form` is detected, an empty `source` is the file's name, `year` is for times that lack it."""

    form: str = ""
    source: str = ""
    year: int | None = None


def ingest(connect: Connect, path: Path, how: How, load: Load) -> Told:
    """Store the entries of a file; whatever was stored before stays once, however often a file is read again.

    Raises UsageError for an unknown format, OSError where the file cannot be read.
    """
    told = Told()
    for block in _ahead(_blocks(parse_file(path, form=how.form, source=how.source, year=how.year))):
        told.lines, told.raw = told.lines + block.lines, told.raw + block.raw
        for piece, ids in block.pieces:
            with connect() as connection:
                told.stored += entries.store(connection, piece, load, ids=ids)
    return told


@dataclass(frozen=True)
class _Block:
    """What was read of a file: how many lines, how many of them were not understood, and the entries with their ids, in pieces."""

    lines: int
    raw: int
    pieces: list[tuple[pa.Table, bytes]]


def _blocks(parts: Iterator[Parsed]) -> Iterator[_Block]:
    for parsed in parts:
        pieces = [
            (piece, entries.identified(piece)) for piece in entries.pieces([parsed.entries], ROWS_AT_A_TIME)
        ]
        yield _Block(parsed.lines, parsed.raw, pieces)


def _ahead(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """Yield what another thread reads, at most AHEAD blocks ahead; what goes wrong there is raised here."""
    waiting: Queue[_Block | BaseException | None] = Queue(AHEAD)

    def read() -> None:
        try:
            for block in blocks:
                waiting.put(block)
            waiting.put(None)
        # Handed on to whoever reads, who raises it.
        except BaseException as error:  # noqa: BLE001
            waiting.put(error)

    Thread(target=read, daemon=True).start()
    while (found := waiting.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        yield found
