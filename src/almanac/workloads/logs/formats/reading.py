"""Detects the format of a log and hands its text to the parser of that format."""

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

from almanac.workloads.logs.formats import headed, json_lines, plain, tables
from almanac.workloads.logs.formats.chunks import text_blocks
from almanac.workloads.logs.formats.detection import check_format, detect, layout_of
from almanac.workloads.logs.formats.entries import Defaults, Parsed
from almanac.workloads.logs.formats.opening import open_log

PARQUET = b"PAR1"
# What sees the text on its way to the parser.
Through = Callable[[Iterator[str]], Iterator[str]]


def parse_file(path: Path, *, form: str = "", source: str = "", year: int | None = None) -> Iterator[Parsed]:
    """Yield the entries of a file, which may be compressed; `source` defaults to its name.

    Raises UsageError for an unknown format or a table with other columns, SourceUnavailable for a file that
    cannot be opened, and SourceCorrupt behind the last entry that could be read.
    """
    with open_log(path) as opened:
        yield from parse(opened.blocks(), form=form, source=source or opened.name, year=year)
        if opened.problem:
            raise opened.problem


def parse(
    content: Iterable[bytes],
    *,
    form: str = "",
    source: str = "",
    year: int | None = None,
    through: Through = iter,
) -> Iterator[Parsed]:
    """Yield the entries of a log that comes in blocks of bytes; without `form` the format is detected.

    `year` is for formats whose times have none; it defaults to the present one. `through` sees the text
    before it is parsed, in blocks that end with a line; of a Parquet file it sees one line.
    Raises UsageError.
    """
    check_format(form)
    defaults = Defaults(source or "log", year or datetime.now(UTC).year)
    blocks = iter(content)
    head = _first(blocks)
    whole = chain([head], blocks)
    if form == "hdfs_parquet" or (not form and head.startswith(PARQUET)):
        yield from _parse_parquet(b"".join(whole), defaults, through)
    else:
        yield from _parse_text(through(text_blocks(whole)), form, defaults)


def _first(blocks: Iterator[bytes]) -> bytes:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= len(PARQUET):
            break
    return head


def _parse_parquet(content: bytes, defaults: Defaults, through: Through) -> Iterator[Parsed]:
    for _ in through(iter([f"{sha256(content).hexdigest()}\n"])):
        yield from tables.parse_hdfs(io.BytesIO(content), defaults)


def _parse_text(blocks: Iterator[str], form: str, defaults: Defaults) -> Iterator[Parsed]:
    head = next(blocks, "")
    detected = form or detect(head)
    whole = chain([head] if head else [], blocks)
    match detected:
        case "loghub_csv":
            return tables.parse_loghub(whole, defaults)
        case "jsonl":
            return json_lines.parse(whole, defaults)
        case "plain":
            return plain.parse(whole, defaults)
    return headed.parse(whole, layout_of(head, detected), defaults)
