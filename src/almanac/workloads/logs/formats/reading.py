"""Opens a log, finds out its format and hands its blocks to the parser of that format."""

import gzip
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO

from almanac.errors import UsageError
from almanac.workloads.logs.formats import headed, json_lines, plain, tables
from almanac.workloads.logs.formats.detection import FORMATS, HEAD_BYTES, detect, layout_of
from almanac.workloads.logs.formats.entries import Given, Parsed

BLOCK_BYTES = 4 << 20


def parse_file(path: Path, *, form: str = "", source: str = "", year: int | None = None) -> Iterator[Parsed]:
    """Yield the entries of a file, which may be gzipped; `source` defaults to its name.

    Raises UsageError for an unknown format or a table with other columns, OSError where the file cannot be read.
    """
    with path.open("rb") as plain_file:
        zipped = plain_file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else path.open("rb") as file:
        name = path.name.removesuffix(".gz").partition(".")[0]
        yield from parse(blocks(file), form=form, source=source or name, year=year)


def parse(
    content: Iterable[bytes], *, form: str = "", source: str = "", year: int | None = None
) -> Iterator[Parsed]:
    """Yield the entries of a log that comes in blocks of bytes; without `form` its beginning tells it.

    `year` is for formats whose times have none; it defaults to the present one. Raises UsageError.
    """
    if form and form not in FORMATS:
        raise UsageError(f"Unknown log format '{form}'. Known: {', '.join(FORMATS)}.")
    begun = iter(content)
    first = b""
    for block in begun:
        first += block
        if len(first) >= HEAD_BYTES:
            break
    given = Given(source or "log", year or datetime.now(UTC).year)
    found = form or detect(first[:HEAD_BYTES])
    yield from _parsed(found, first, begun, given)


def blocks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield a file in blocks."""
    while block := file.read(BLOCK_BYTES):
        yield block


def _parsed(form: str, first: bytes, rest: Iterator[bytes], given: Given) -> Iterator[Parsed]:
    whole = chain([first] if first else [], rest)
    match form:
        case "hdfs_parquet":
            return tables.parse_hdfs(io.BytesIO(b"".join(whole)), given)
        case "loghub_csv":
            return tables.parse_loghub(whole, given)
        case "jsonl":
            return json_lines.parse(whole, given)
        case "plain":
            return plain.parse(whole, given)
    return headed.parse(headed.whole_lines(whole), layout_of(first[:HEAD_BYTES], form), given)
