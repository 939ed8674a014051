"""Log files into the store: one thread reads ahead while PostgreSQL writes, in transactions that make nobody wait for long."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import psycopg

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
    for parsed in _ahead(parse_file(path, form=how.form, source=how.source, year=how.year)):
        told.lines, told.raw = told.lines + parsed.lines, told.raw + parsed.raw
        for piece in entries.pieces([parsed.entries], ROWS_AT_A_TIME):
            with connect() as connection:
                told.stored += entries.store(connection, piece, load)
    return told


def _ahead(blocks: Iterator[Parsed]) -> Iterator[Parsed]:
    """Yield what another thread reads, at most AHEAD blocks ahead; what goes wrong there is raised here."""
    waiting: Queue[Parsed | BaseException | None] = Queue(AHEAD)

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
