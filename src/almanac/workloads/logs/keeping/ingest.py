"""Stores log files: one thread reads ahead while PostgreSQL writes, in short transactions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from almanac.errors import AlmanacError, SourceUnavailable, UsageError
from almanac.workloads.logs import entries
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.formats import FORMATS, ReadOptions, parse_opened
from almanac.workloads.logs.formats.opening import Opened, open_log
from almanac.workloads.logs.keeping.files import older
from almanac.workloads.logs.keeping.files.tracking import Tracker
from almanac.workloads.logs.keeping.identity import ID_BYTES

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
ROWS_AT_A_TIME = 50_000
BLOCKS_AHEAD = 2
PLAIN = "plain"
MOSTLY_RAW = (
    f"{{raw:,}} of {{all:,}} entries were not understood and stored as raw lines. "
    f"Formats: {', '.join(FORMATS)}. Name one with --format, or say --format {PLAIN} where there is none."
)


@dataclass
class FileReport:
    """Counts of one file: its lines, the lines that no format understood, and its entries.

    `problem` says why it could not be read to its end.
    """

    lines: int = 0
    raw: int = 0
    stored: Stored = field(default_factory=lambda: Stored(0, 0))
    problem: AlmanacError | None = None


def ingest_all(
    connect: Connect, paths: Sequence[Path], options: ReadOptions, load: Load
) -> dict[str, FileReport]:
    """Store several files; one that cannot be read does not keep the others from being stored."""
    reports: dict[str, FileReport] = {}
    for path in paths:
        report = FileReport()
        try:
            ingest(connect, path, options, load, report)
        except (UsageError, SourceUnavailable) as error:
            report.problem = error
        reports[str(path)] = report
    return reports


def raise_problems(reports: Mapping[str, FileReport], form: str) -> None:
    """Raise what is wrong with files: the problem of the only one, or SourceUnavailable that names each.

    A file of which most lines were not understood is a problem, unless `form` says that it has no format.
    """
    problems = {path: problem for path, report in reports.items() if (problem := _problem(report, form))}
    if len(reports) == 1 and problems:
        raise next(iter(problems.values()))
    if problems:
        lines = [f"'{path}': {problem}" for path, problem in problems.items()]
        kinds = {type(problem) for problem in problems.values()}
        kind = kinds.pop() if len(kinds) == 1 else SourceUnavailable
        raise kind("\n".join(lines))


def _problem(report: FileReport, form: str) -> AlmanacError | None:
    if report.problem or form == PLAIN:
        return report.problem
    stored = report.stored.accepted + report.stored.duplicate
    return AlmanacError(MOSTLY_RAW.format(raw=report.raw, all=stored)) if 2 * report.raw > stored else None


def ingest(
    connect: Connect, path: Path, options: ReadOptions, load: Load, report: FileReport | None = None
) -> FileReport:
    """Store the entries of a file; an entry is stored once, however often the file is read again.

    What is stored is counted in `report`, also where an error is raised later.

    `-` is standard input. Raises UsageError for an unknown format, SourceUnavailable where the file cannot
    be opened. Where it cannot be read to its end, the report says so.
    """
    report = report or FileReport()
    with open_log(path) as opened:
        tracker = Tracker(connect, opened, options.source)
        for block in _ahead(_blocks(opened, tracker, options)):
            report.lines += block.lines
            report.raw += block.raw
            for piece, ids in block.pieces:
                with connect() as connection:
                    report.stored += _store(connection, piece, ids, tracker, load)
        tracker.finish()
        report.problem = opened.problem
    return report


@dataclass(frozen=True)
class _Block:
    """A part of a file: counts of its lines and raw lines, and its entries with their ids, in pieces."""

    lines: int
    raw: int
    pieces: list[tuple[pa.Table, bytes]]


def _blocks(opened: Opened, tracker: Tracker, options: ReadOptions) -> Iterator[_Block]:
    parts = parse_opened(opened, replace(options, source=tracker.source), through=tracker.follow)
    for parsed in parts:
        pieces = entries.pieces([parsed.entries], ROWS_AT_A_TIME)
        with_ids = [(piece, tracker.ids(piece)) for piece in pieces]
        yield _Block(parsed.lines, parsed.raw, with_ids)


def _store(
    connection: psycopg.Connection[Any], piece: pa.Table, ids: bytes, tracker: Tracker, load: Load
) -> Stored:
    """Store the entries that are new, and complete the one that was unfinished at the last reading."""
    if tracker.older:
        older.adopt(connection, piece, ids, tracker.older)
    stored = entries.store(connection, piece, load, ids=ids)
    if tracker.open_line is not None:
        for place in np.flatnonzero(tracker.positions(piece) == tracker.open_line)[:1].tolist():
            entries.complete(connection, piece.slice(place, 1), ids[place * ID_BYTES :][:ID_BYTES])
    return stored


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
