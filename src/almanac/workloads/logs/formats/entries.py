"""The columns that every parser fills."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats.clock import Clock
from almanac.workloads.logs.terms import arrays

INSTANT = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    [
        pa.field("place", pa.int64(), nullable=False),
        pa.field("client_id", pa.large_string()),
        pa.field("source", pa.large_string(), nullable=False),
        pa.field("session", pa.large_string()),
        pa.field("event_time", INSTANT),
        pa.field("level", pa.large_string()),
        pa.field("logger", pa.large_string()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("raw", pa.bool_(), nullable=False),
    ]
)
# The number of a line within its file, and its text.
Line = tuple[int, str]


@dataclass(frozen=True)
class Parsed:
    """Some entries of a file as columns of SCHEMA, the lines they took, and how many of them are raw lines.

    A raw entry is a line that does not fit the format.
    """

    entries: pa.Table
    lines: int
    raw: int


@dataclass(frozen=True)
class Defaults:
    """What entries do not say themselves.

    `source` is that of entries that name none, `clock` understands times, and `moment` is the time of entries
    in a file without any time; None means the time of receipt.
    """

    source: str
    clock: Clock = field(default_factory=Clock)
    moment: datetime | None = None


def table(size: int, columns: Mapping[str, Any], defaults: Defaults) -> pa.Table:
    """Return `size` entries with these columns.

    Other columns are null, but `source` is the default, and no entry is raw.
    """
    complete = {field.name: pa.nulls(size, field.type) for field in SCHEMA}
    complete["source"] = arrays.repeated(defaults.source, size)
    complete["raw"] = pa.repeat(False, size)
    for name, values in columns.items():
        complete[name] = _typed(SCHEMA.field(name).type, values)
    return pa.table(complete, schema=SCHEMA)


def raw_entries(lines: Sequence[Line], defaults: Defaults) -> pa.Table:
    """Return lines that do not fit the format as entries."""
    places, texts = [place for place, _ in lines], [text for _, text in lines]
    columns = {"place": places, "text": texts, "raw": [True] * len(lines)}
    return table(len(lines), columns, defaults)


def in_order(*parts: pa.Table) -> pa.Table:
    """Return the entries of all parts in the order of the file."""
    with_entries = [part for part in parts if len(part)]
    if not with_entries:
        return SCHEMA.empty_table()
    if len(with_entries) == 1:
        return with_entries[0]
    return pa.concat_tables(with_entries).combine_chunks().sort_by("place")


def in_context(parts: Iterable[Parsed], defaults: Defaults) -> Iterator[Parsed]:
    """Yield entries with times and raw lines with sources, each from the entry before it in the file.

    What comes before the first time has that time.
    """
    time, source = pa.scalar(None, INSTANT), pa.scalar(defaults.source, arrays.TEXT)
    for parsed in parts:
        whole = parsed.entries.combine_chunks()
        if not len(whole):
            yield parsed
            continue
        times = _filled(whole["event_time"], time)
        sources = _filled(pc.if_else(whole["raw"], pa.scalar(None, arrays.TEXT), whole["source"]), source)
        time, source = times[-1], sources[-1]
        complete = pc.fill_null(pc.fill_null_backward(times), pa.scalar(defaults.moment, INSTANT))
        whole = whole.set_column(SCHEMA.get_field_index("event_time"), SCHEMA.field("event_time"), complete)
        whole = whole.set_column(SCHEMA.get_field_index("source"), SCHEMA.field("source"), sources)
        yield Parsed(whole, parsed.lines, parsed.raw)


def _filled(values: pa.ChunkedArray, before: pa.Scalar) -> pa.ChunkedArray:
    """Return values in which null is the last value before it; `before` comes before the first."""
    if not values.null_count:
        return values
    return pc.fill_null(pc.fill_null_forward(values), before)


def _typed(kind: pa.DataType, values: Any) -> pa.Array | pa.ChunkedArray:
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return pa.array(values, type=kind)
    return values if values.type == kind else values.cast(kind)
