"""Detects the format of a log and hands its text to the parser of that format."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

from almanac.workloads.logs.formats import detection, headed, object_lines, octets, plain, tables
from almanac.workloads.logs.formats.chunks import text_blocks
from almanac.workloads.logs.formats.clock import Clock, zone_of
from almanac.workloads.logs.formats.entries import Defaults, Parsed, in_context
from almanac.workloads.logs.formats.opening import Opened, open_log

# What sees the text on its way to the parser.
Through = Callable[[Iterator[str]], Iterator[str]]


@dataclass(frozen=True)
class ReadOptions:
    """How a log is read.

    An empty `form` is detected, an empty `source` is the file's name. `year` is for times without a year,
    `timezone` for times without a zone, which are in UTC where it is empty.
    """

    form: str = ""
    source: str = ""
    year: int | None = None
    timezone: str = ""

    def check(self) -> None:
        """Raise UsageError for an unknown format or time zone."""
        detection.check_format(self.form)
        zone_of(self.timezone)


def parse_file(path: Path, *, form: str = "", source: str = "", year: int | None = None) -> Iterator[Parsed]:
    """Yield the entries of a file, which may be compressed; `source` defaults to its name.

    Raises UsageError for an unknown format or a table with other columns, SourceUnavailable for a file that
    cannot be opened, and SourceCorrupt behind the last entry that could be read.
    """
    with open_log(path) as opened:
        yield from parse_opened(opened, ReadOptions(form, source or opened.name, year))
        if opened.problem:
            raise opened.problem


def parse_opened(opened: Opened, options: ReadOptions, *, through: Through = iter) -> Iterator[Parsed]:
    """Yield the entries of an open log.

    Entries of a file without any time have the time when it was changed. `through` sees the text before it
    is parsed, in blocks that end with a line; of a Parquet file it sees one line. Raises UsageError.
    """
    moment = opened.changed_at and min(opened.changed_at, datetime.now(UTC))
    yield from _parse(opened.blocks(), options, moment, through)


def parse(
    content: Iterable[bytes],
    *,
    form: str = "",
    source: str = "",
    year: int | None = None,
    timezone: str = "",
) -> Iterator[Parsed]:
    """Yield the entries of a log that comes in blocks of bytes; without `form` the format is detected.

    `year` is for times without one; by default a time lies in the most recent year that is not in the
    future. `timezone` is for times without a zone, by default UTC. Raises UsageError.
    """
    yield from _parse(content, ReadOptions(form, source, year, timezone), None, iter)


def _parse(
    content: Iterable[bytes], options: ReadOptions, moment: datetime | None, through: Through
) -> Iterator[Parsed]:
    options.check()
    clock = Clock(options.year, zone_of(options.timezone))
    defaults = Defaults(options.source or "log", clock, moment)
    blocks = iter(content)
    head = _first(blocks)
    whole = chain([head], blocks)
    is_parquet = not options.form and head.startswith(detection.PARQUET_MAGIC)
    if is_parquet or options.form == detection.PARQUET:
        yield from _parse_parquet(b"".join(whole), defaults, through)
    else:
        framed = octets.lines(head, whole)
        parts = _parse_text(through(text_blocks(framed)), options.form, defaults)
        yield from in_context(parts, defaults)


def _first(blocks: Iterator[bytes]) -> bytes:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= octets.LEAST_HEAD:
            break
    return head


def _parse_parquet(content: bytes, defaults: Defaults, through: Through) -> Iterator[Parsed]:
    for _ in through(iter([f"{sha256(content).hexdigest()}\n"])):
        yield from tables.parse_hdfs(io.BytesIO(content), defaults)


def _parse_text(blocks: Iterator[str], form: str, defaults: Defaults) -> Iterator[Parsed]:
    head = next(blocks, "")
    detected = form or detection.detect_text(head)
    whole = chain([head] if head else [], blocks)
    match detected:
        case "loghub_csv":
            return tables.parse_loghub(whole, defaults)
        case detection.OBJECTS | detection.LOGFMT | detection.CRI:
            return object_lines.parse(whole, defaults)
        case detection.PLAIN:
            return plain.parse(whole, defaults)
    return headed.parse(whole, form, defaults)
