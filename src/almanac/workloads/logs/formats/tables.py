"""Reads files that are tables already: loghub's CSV and the Parquet form of the HDFS log."""

import io
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from almanac.errors import UsageError
from almanac.workloads.logs.formats import entries, times
from almanac.workloads.logs.formats.entries import Given, Parsed
from almanac.workloads.logs.shared.cleaning import UNPRINTABLE, clean, decoded

HDFS_COLUMNS = {
    "m_message": "text",
    "m_timestamp": "event_time",
    "level": "level",
    "component": "logger",
    "seq_id": "session",
}
ROWS_AT_A_TIME = 50_000


def parse_loghub(blocks: Iterable[bytes], given: Given) -> Iterator[Parsed]:
    """Yield the entries of a structured CSV of loghub, which has the columns Content and Level; raises UsageError where it has not."""
    content = decoded(b"".join(blocks)).encode()
    try:
        found = csv.read_csv(
            io.BytesIO(content),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=_as_text(content),
        )
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"The CSV cannot be read: {error}. Correct that line, or give --format plain."
        ) from error
    if "Content" not in found.column_names:
        raise UsageError(
            f"The CSV has the columns {found.column_names}; a structured CSV of loghub has 'Content' and 'Level'."
        )
    columns = {
        "place": pa.array(range(2, len(found) + 2)),
        "text": found["Content"],
        "event_time": _loghub_times(found, given.year),
    }
    for name, column in {"level": "Level", "logger": "Component"}.items():
        if column in found.column_names:
            columns[name] = found[column]
    made = entries.table(len(found), columns, given)
    yield Parsed(made, len(found) + 1, 0)


def parse_hdfs(file: IO[bytes] | Path, given: Given) -> Iterator[Parsed]:
    """Yield the entries of an HDFS log in Parquet, with the block as session; raises UsageError for other columns."""
    opened = parquet.ParquetFile(file)
    missing = sorted(set(HDFS_COLUMNS) - set(opened.schema_arrow.names))
    if missing:
        raise UsageError(
            f"The Parquet file lacks the columns {missing}; known are the event files of LogLead with {sorted(HDFS_COLUMNS)}."
        )
    place = 1
    for batch in opened.iter_batches(ROWS_AT_A_TIME, columns=list(HDFS_COLUMNS)):
        found = pa.table(batch).rename_columns([HDFS_COLUMNS[name] for name in batch.schema.names])
        columns = {name: found[name] for name in found.column_names} | {
            "place": pa.array(range(place, place + len(found)))
        }
        columns["event_time"] = found["event_time"].cast(pa.timestamp("us")).cast(entries.INSTANT)
        columns["text"] = _inert(found["text"])
        yield Parsed(entries.table(len(found), columns, given), len(found), 0)
        place += len(found)


def _as_text(content: bytes) -> csv.ConvertOptions:
    header = content.partition(b"\n")[0].decode().split(",")
    return csv.ConvertOptions(
        column_types={name.strip().strip('"'): pa.large_string() for name in header},
        strings_can_be_null=False,
    )


def _loghub_times(found: pa.Table, year: int) -> pa.Array:
    """Return the times of a system, told by the columns it has and by their first row; gaps where none is known."""
    columns = {
        name: found[name].to_pylist()
        for name in ("Month", "Date", "Day", "Time")
        if name in found.column_names
    }
    written = _joined(columns) if len(found) else []
    first = written[0] if written else ""
    readers = (
        times.one_iso,
        times.one_packed,
        times.one_of_c,
        partial(times.one_without_year_by_numbers, year=year),
        partial(times.one_without_year, year=year),
    )
    reader = next((reader for reader in readers if reader(first)), None)
    if reader is None and "Time" in columns:
        return times.by_distinct(columns["Time"], times.one_dotted)
    return times.by_distinct(written, reader) if reader else pa.nulls(len(found), entries.INSTANT)


def _joined(columns: Mapping[str, list[str]]) -> list[str]:
    return [" ".join(parts) for parts in zip(*columns.values(), strict=True)] if columns else []


def _inert(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(pc.match_substring_regex(texts, r"[\x00-\x08\x0b-\x1f\x7f]")).as_py():
        return texts
    return pa.chunked_array(
        [
            pa.array(
                [clean(text) if UNPRINTABLE.search(text) else text for text in texts.to_pylist()],
                pa.large_string(),
            )
        ]
    )
