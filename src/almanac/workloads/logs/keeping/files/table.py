"""The tables of files that were read and of the marks of their lines."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg

from almanac.workloads.logs.formats.opening import name_of
from almanac.workloads.logs.keeping import queries
from almanac.workloads.logs.keeping.files import marks
from almanac.workloads.logs.keeping.files.alignment import Head, KnownFile
from almanac.workloads.logs.keeping.files.marks import Marks
from almanac.workloads.logs.shared.limits import LONGEST

Connection = psycopg.Connection[Any]
# Two readers of one file, or of files that rotation may swap, go one after the other.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('almanac log file ' || %s, 0))"
SOURCE = "SELECT source FROM almanac.log_files WHERE family = %s ORDER BY file_id DESC LIMIT 1"
IS_TAKEN = "SELECT EXISTS (SELECT FROM almanac.log_files WHERE source = %s AND family <> %s)"
CANDIDATES = """
    SELECT file_id, node, segments, open_line, tail_length, tail_mark, read_at IS NOT NULL
    FROM almanac.log_files AS f WHERE family = %s AND (lines = 0 OR EXISTS (
        SELECT FROM almanac.log_file_lines AS l
        WHERE l.file_id = f.file_id AND position(%s::bytea IN marks) > 0))
    ORDER BY file_id DESC"""
MARKS = "SELECT marks FROM almanac.log_file_lines WHERE file_id = %s ORDER BY first_line"
ADD = "SELECT almanac.log_add_file(%s, %s, %s, %s)"
ADD_LINES = "SELECT almanac.log_add_lines(%s, %s, %s)"
FINISH = "SELECT almanac.log_finish_file(%s, %s, %s, %s, %s)"
FORGET = "DELETE FROM almanac.log_files WHERE read_at < %s"
OLDER = """
    SELECT until FROM almanac.log_older WHERE until >= (SELECT min(entry_id) FROM almanac.log_entries)"""


def lock(connection: Connection, family: str) -> None:
    """Wait for other readers of a family, until the transaction ends."""
    connection.execute(LOCK, [family])


def source_of(connection: Connection, family: str, name: str) -> str:
    """Return the source of a family that names none: its `name`, with folders where another one has it."""
    sources = queries.column(connection, SOURCE, [family])
    return sources[0] if sources else _free_name(connection, family, name)


def candidates(connection: Connection, family: str, head: Head) -> list[KnownFile]:
    """Return the files of a family that have the first line of a file somewhere, the newest first."""
    first = marks.to_bytes(head.marks[:1])
    rows = queries.rows(connection, CANDIDATES, [family, first])
    return [_known_file(connection, row) for row in rows]


def add(connection: Connection, family: str, source: str, file: KnownFile) -> KnownFile:
    """Enter a file with the marks that it begins with; return it with its number."""
    values = [family, source, file.node, json.dumps(file.segments)]
    file.file_id = queries.value(connection, ADD, values)
    add_lines(connection, file.file_id, 0, file.marks)
    return file


def add_lines(connection: Connection, file_id: int, first: int, new: Marks) -> None:
    """Enter the marks of further lines."""
    if len(new):
        connection.execute(ADD_LINES, [file_id, first, marks.to_bytes(new)])


def finish(connection: Connection, file_id: int, head: Head, tail: str, open_line: int | None) -> None:
    """Note where a file lies and how it ends."""
    mark = marks.to_bytes(marks.of_lines([tail])) if tail else b""
    connection.execute(FINISH, [file_id, head.node, open_line, len(tail), mark])


def forget(connection: Connection, before: datetime) -> None:
    """Delete what is known of files that were read last before an instant, when their entries are gone."""
    connection.execute(FORGET, [before])


def older_until(connection: Connection) -> int:
    """Return up to which number entries may be known by what they say, 0 where there are none left."""
    numbers = queries.column(connection, OLDER)
    return int(numbers[0]) if numbers else 0


def _free_name(connection: Connection, family: str, name: str) -> str:
    for candidate in _names(family, name):
        if not queries.value(connection, IS_TAKEN, [candidate, family]):
            return candidate
    return family[-LONGEST["source"] :]


def _names(family: str, name: str) -> Iterator[str]:
    """Yield the name alone, then with more and more of its folders."""
    yield name[-LONGEST["source"] :]
    folders = family.split("\n")[0].split("/")[:-1]
    for begin in range(len(folders) - 1, 0, -1):
        yield "/".join([*folders[begin:], name_of(name)])[-LONGEST["source"] :]


def _known_file(connection: Connection, row: tuple[Any, ...]) -> KnownFile:
    file_id, node, segments, open_line, length, mark, was_finished = row
    parts = queries.column(connection, MARKS, [file_id])
    pairs = [(int(first), int(key)) for first, key in segments]
    lines = marks.from_bytes(b"".join(parts))
    return KnownFile(file_id, node, pairs, open_line, (length, bytes(mark)), was_finished, lines)
