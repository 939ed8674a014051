"""Opens a log once, be it a file, a pipe or standard input, and names the family of files it belongs to."""

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from almanac.errors import SourceCorrupt, SourceUnavailable
from almanac.workloads.logs.formats import compression

BLOCK_BYTES: Final = 4 << 20
STANDARD_INPUT: Final = Path("-")
ITS_OTHER_NAMES: Final = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
COMPRESSED: Final = re.compile(r"\.(?:gz|gzip|bz2|xz|lzma|zst|lz4|Z)$")
# A date with an optional time, as rotation writes them.
STAMP: Final = r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:[-_.T]?\d\d(?:[-_.:]?\d\d){0,2}(?:[-_.]\d{3,9})?)?"
ROTATED: Final = re.compile(
    rf"(?:[-_.](?:{STAMP}|1\d{{9}})(?:[-_.]\d{{1,4}})?|(?<=[A-Za-z_])\.\d{{1,3}}|\.(?:old|bak|prev|orig))$"
)
STAMPED: Final = re.compile(rf"[-_.]{STAMP}(?:[-_.]\d{{1,4}})?(?=\.[A-Za-z]+$)")
NUMBERED: Final = re.compile(r"(?<=[A-Za-z_])\.\d{1,3}(?=\.(?:log|txt|out)$)")
EXTENSION: Final = re.compile(
    r"(?<=[^.])\.(?:log|logs|txt|out|err|json|jsonl|ndjson|csv|tsv|parquet|trace|syslog)$", re.IGNORECASE
)


@dataclass
class Opened:
    """An open log: its blocks, where it lies, and after reading why it could not be read to its end.

    `family` is the path without what rotation adds; `node` is device and inode. Both are of no use in a
    pipe, whose node is None.
    """

    name: str
    family: str
    path: Path
    node: str | None
    changed_at: datetime | None
    file: IO[bytes] = field(repr=False)
    problem: SourceCorrupt | None = None

    def blocks(self) -> Iterator[bytes]:
        """Yield the unpacked content; the end of what can be read is noted as `problem`.

        Raises UsageError for a compression that is not read.
        """
        try:
            yield from compression.unpacked(self._packed())
        except SourceCorrupt as error:
            self.problem = error

    def _packed(self) -> Iterator[bytes]:
        try:
            while block := self.file.read(BLOCK_BYTES):
                yield block
        except OSError as error:
            raise SourceCorrupt(f"Reading stops: {error.strerror}") from error


@contextmanager
def open_log(path: Path) -> Iterator[Opened]:
    """Open a log; `-` is standard input. Raises SourceUnavailable where it cannot be opened."""
    if str(path) in ITS_OTHER_NAMES:
        yield Opened("stdin", "-", STANDARD_INPUT, None, None, sys.stdin.buffer)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceUnavailable(f"'{path}' cannot be opened: {error.strerror}") from error
    with file:
        yield _opened(path, file)


def family_of(path: Path) -> str:
    """Return the resolved path of a file without what rotation and compression add to its name.

    >>> family_of(Path("/var/log/app.log.2.gz")), family_of(Path("/srv/app-2025-04-15.log"))
    ('/var/log/app.log', '/srv/app.log')
    """
    resolved = path.resolve()
    return str(resolved.with_name(_unrotated(resolved.name)))


def name_of(family: str) -> str:
    """Return the name of a family without its folder and the usual endings.

    >>> name_of("/var/log/app.log"), name_of("/srv/10.0.0.8.log")
    ('app', '10.0.0.8')
    """
    name = family.rpartition("/")[2]
    while (shorter := EXTENSION.sub("", name)) != name:
        name = shorter
    return name


def siblings(opened: Opened) -> list[Path]:
    """Return the other files of a family in the same folder."""
    if opened.node is None:
        return []
    folder = opened.path.resolve().parent
    with os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    return [path for path in paths if family_of(path) == opened.family and node_of(path) != opened.node]


def node_of(path: Path) -> str:
    """Return device and inode of a file, or nothing where there is none."""
    try:
        return _node(path.stat())
    except OSError:
        return ""


def _opened(path: Path, file: IO[bytes]) -> Opened:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return Opened(_pipe_name(path), str(path), path, None, None, file)
    family = family_of(path)
    changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return Opened(name_of(family), family, path, _node(status), changed_at, file)


def _pipe_name(path: Path) -> str:
    return f"pipe {path.name}" if path.name.isdecimal() else name_of(path.name)


def _node(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _unrotated(name: str) -> str:
    """Return a name without the endings of rotation, as long as something is left."""
    while True:
        shorter = COMPRESSED.sub("", name)
        shorter = STAMPED.sub("", ROTATED.sub("", shorter))
        shorter = NUMBERED.sub("", shorter)
        if shorter == name or not shorter:
            return name
        name = shorter
