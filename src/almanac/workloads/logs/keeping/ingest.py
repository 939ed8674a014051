"""Stores log files: one thread reads ahead while PostgreSQL writes, in short transactions."""

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
from almanac.workloads.logs.keeping.identity import entry_ids

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
ROWS_AT_A_TIME = 50_000
BLOCKS_AHEAD = 2


@dataclass
class FileReport:
    """Counts of one file: its lines, the lines that no format understood, and its entries."""

    lines: int = 0
    raw: int = 0
    stored: Stored = field(default_factory=lambda: Stored(0, 0))


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read.

    An empty `form` is detected, an empty `source` is the file's name, `year` is for times without a year.
    """

    form: str = ""
    source: str = ""
    year: int | None = None


def ingest(connect: Connect, path: Path, options: ReadOptions, load: Load) -> FileReport:
    """Store the entries of a file; an entry is stored once, however often the file is read again.

    Raises UsageError for an unknown format, OSError where the file cannot be read.
    """
    report = FileReport()
    parsed = parse_file(path, form=options.form, source=options.source, year=options.year)
    for block in _ahead(_blocks(parsed)):
        report.lines += block.lines
        report.raw += block.raw
        for piece, ids in block.pieces:
            with connect() as connection:
                report.stored += entries.store(connection, piece, load, ids=ids)
    return report


@dataclass(frozen=True)
class _Block:
    """A part of a file: counts of its lines and raw lines, and its entries with their ids, in pieces."""

    lines: int
    raw: int
    pieces: list[tuple[pa.Table, bytes]]


def _blocks(parts: Iterator[Parsed]) -> Iterator[_Block]:
    for parsed in parts:
        pieces = entries.pieces([parsed.entries], ROWS_AT_A_TIME)
        with_ids = [(piece, entry_ids(piece)) for piece in pieces]
        yield _Block(parsed.lines, parsed.raw, with_ids)


def _ahead(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """Yield what another thread reads, at most BLOCKS_AHEAD blocks ahead; an error there is raised here."""
    queue: Queue[_Block | BaseException | None] = Queue(BLOCKS_AHEAD)

    def read() -> None:
        try:
            for block in blocks:
                queue.put(block)
            queue.put(None)
        # The consumer raises it.
        except BaseException as error:  # noqa: BLE001
            queue.put(error)

    Thread(target=read, daemon=True).start()
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
