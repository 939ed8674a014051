"""Reads files that are tables already: loghub's CSV and the Parquet form of the HDFS log."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from almanac.errors import UsageError
from almanac.workloads.logs.formats import entries, times
from almanac.workloads.logs.formats.clock import Clock
from almanac.workloads.logs.formats.entries import Defaults, Parsed
from almanac.workloads.logs.formats.times import Read
from almanac.workloads.logs.shared.cleaning import CONTROL_PATTERN, UNPRINTABLE, clean
from almanac.workloads.logs.terms import arrays

HDFS_COLUMNS = {
    "m_message": "text",
    "m_timestamp": "event_time",
    "level": "level",
    "component": "logger",
    "seq_id": "session",
}
LOGHUB_COLUMNS = {"text": "Content", "level": "Level", "logger": "Component"}
LOGHUB_TIMES = ("Month", "Date", "Day", "Time")
ROWS_AT_A_TIME = 50_000


def parse_loghub(blocks: Iterable[str], defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries of a structured CSV of loghub; raises UsageError without the column Content."""
    rows = _csv("".join(blocks).encode())
    names = rows.column_names
    if "Content" not in names:
        raise UsageError(
            f"The CSV has the columns {names}; a structured CSV of loghub has 'Content' and 'Level'."
        )
    columns = _loghub_columns(rows) | {"event_time": _loghub_times(rows, defaults.clock)}
    yield Parsed(entries.table(len(rows), columns, defaults), len(rows) + 1, 0)


def parse_hdfs(file: IO[bytes] | Path, defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries of an HDFS log in Parquet; its blocks are the sessions. Raises UsageError."""
    opened = parquet.ParquetFile(file)
    missing = sorted(set(HDFS_COLUMNS) - set(opened.schema_arrow.names))
    if missing:
        expected = sorted(HDFS_COLUMNS)
        raise UsageError(
            f"The Parquet file lacks the columns {missing}; the event files of LogLead have {expected}."
        )
    place = 1
    for batch in opened.iter_batches(ROWS_AT_A_TIME, columns=list(HDFS_COLUMNS)):
        yield _hdfs_entries(batch, place, defaults)
        place += len(batch)


def _csv(content: bytes) -> pa.Table:
    parsing = csv.ParseOptions(newlines_in_values=True)
    try:
        return csv.read_csv(io.BytesIO(content), parse_options=parsing, convert_options=_as_text(content))
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"The CSV cannot be read: {error}. Correct that line, or give --format plain."
        ) from error


def _as_text(content: bytes) -> csv.ConvertOptions:
    header = content.partition(b"\n")[0].decode().split(",")
    types = {name.strip().strip('"'): pa.large_string() for name in header}
    return csv.ConvertOptions(column_types=types, strings_can_be_null=False)


def _loghub_columns(rows: pa.Table) -> dict[str, Any]:
    columns = {name: rows[column] for name, column in LOGHUB_COLUMNS.items() if column in rows.column_names}
    # The header is line 1.
    return columns | {"place": pa.array(range(2, len(rows) + 2))}


def _loghub_times(rows: pa.Table, clock: Clock) -> pa.Array:
    """Return the times of a system, read in the way that fits its first row; null where none fits."""
    written = _written_times(rows)
    read = _time_reader(written[0] if written else "", clock)
    if read:
        return times.by_distinct(written, read, clock)
    if "Time" in rows.column_names:
        return times.by_distinct(rows["Time"].to_pylist(), times.one_dotted, clock)
    return pa.nulls(len(rows), entries.INSTANT)


def _written_times(rows: pa.Table) -> list[str]:
    """Return the columns of time that a system has, joined."""
    columns = [rows[name].to_pylist() for name in LOGHUB_TIMES if name in rows.column_names]
    return [" ".join(parts) for parts in zip(*columns, strict=True)]


def _time_reader(text: str, clock: Clock) -> Read | None:
    """Return the first reader that can read a time."""
    readers = (times.one_iso, times.one_packed, times.one_with_month, times.one_by_numbers)
    return next((read for read in readers if read(text, clock)), None)


def _hdfs_entries(batch: pa.RecordBatch, place: int, defaults: Defaults) -> Parsed:
    rows = pa.table(batch)
    columns = {HDFS_COLUMNS[name]: rows[name] for name in rows.column_names}
    columns["place"] = pa.array(range(place, place + len(rows)))
    columns["event_time"] = columns["event_time"].cast(pa.timestamp("us")).cast(entries.INSTANT)
    columns["text"] = _inert(columns["text"])
    return Parsed(entries.table(len(rows), columns, defaults), len(rows), 0)


def _inert(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return inert texts; they are cleaned one by one only where there is a control character."""
    has_controls = pc.match_substring_regex(texts, CONTROL_PATTERN)
    if not pc.any(has_controls).as_py():
        return texts
    cleaned = [clean(text) if UNPRINTABLE.search(text) else text for text in texts.to_pylist()]
    return pa.chunked_array([arrays.texts(cleaned)])
