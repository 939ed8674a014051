"""Opens a log, detects its format and hands its blocks to the parser of that format."""

import gzip
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO

from almanac.workloads.logs.formats import headed, json_lines, plain, tables
from almanac.workloads.logs.formats.chunks import whole_lines
from almanac.workloads.logs.formats.detection import HEAD_BYTES, check_format, detect, layout_of
from almanac.workloads.logs.formats.entries import Defaults, Parsed

BLOCK_BYTES = 4 << 20
GZIP = b"\x1f\x8b"


def parse_file(path: Path, *, form: str = "", source: str = "", year: int | None = None) -> Iterator[Parsed]:
    """Yield the entries of a file, which may be gzipped; `source` defaults to its name.

    Raises UsageError for an unknown format or a table with other columns, OSError for an unreadable file.
    """
    name, _, _ = path.name.removesuffix(".gz").partition(".")
    with gzip.open(path) if _is_gzipped(path) else path.open("rb") as file:
        yield from parse(blocks(file), form=form, source=source or name, year=year)


def parse(
    content: Iterable[bytes], *, form: str = "", source: str = "", year: int | None = None
) -> Iterator[Parsed]:
    """Yield the entries of a log that comes in blocks of bytes; without `form` the format is detected.

    `year` is for formats whose times have none; it defaults to the present one. Raises UsageError.
    """
    check_format(form)
    rest = iter(content)
    head = _head(rest)
    detected = form or detect(head[:HEAD_BYTES])
    defaults = Defaults(source or "log", year or datetime.now(UTC).year)
    yield from _parser(detected, head, rest, defaults)


def blocks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield a file in blocks."""
    while block := file.read(BLOCK_BYTES):
        yield block


def _is_gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def _head(content: Iterator[bytes]) -> bytes:
    """Return the first blocks, of at least HEAD_BYTES where there are so many."""
    head = b""
    for block in content:
        head += block
        if len(head) >= HEAD_BYTES:
            break
    return head


def _parser(form: str, head: bytes, rest: Iterator[bytes], defaults: Defaults) -> Iterator[Parsed]:
    whole = chain([head] if head else [], rest)
    match form:
        case "hdfs_parquet":
            return tables.parse_hdfs(io.BytesIO(b"".join(whole)), defaults)
        case "loghub_csv":
            return tables.parse_loghub(whole, defaults)
        case "jsonl":
            return json_lines.parse(whole, defaults)
        case "plain":
            return plain.parse(whole, defaults)
    return headed.parse(whole_lines(whole), layout_of(head[:HEAD_BYTES], form), defaults)
