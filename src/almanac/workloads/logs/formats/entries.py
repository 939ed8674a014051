"""The columns every parser fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

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


@dataclass(frozen=True)
class Parsed:
    """Some entries of a file as columns of SCHEMA, the lines they took, and how many of the entries are lines that nobody understood."""

    entries: pa.Table
    lines: int
    raw: int


@dataclass(frozen=True)
class Given:
    """What a file does not say itself: `source` of entries that name none, and the year of times that lack it."""

    source: str
    year: int


def table(size: int, columns: Mapping[str, Any], given: Given) -> pa.Table:
    """Return `size` entries with these columns; the others are empty, `source` is the given one, and no entry is raw."""
    filled = {name: pa.nulls(size, SCHEMA.field(name).type) for name in SCHEMA.names}
    filled["source"] = pa.repeat(pa.scalar(given.source, pa.large_string()), size)
    filled["raw"] = pa.repeat(pa.scalar(False), size)
    filled.update({name: _typed(name, values) for name, values in columns.items()})
    return pa.table(filled, schema=SCHEMA)


def raw_entries(places: Sequence[int], texts: Sequence[str], given: Given) -> pa.Table:
    """Return lines that nobody understood as entries."""
    return table(len(texts), {"place": places, "text": texts, "raw": [True] * len(texts)}, given)


def in_order(*parts: pa.Table) -> pa.Table:
    """Return the entries of all parts in the order of the file."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else SCHEMA.empty_table()
    return pa.concat_tables(filled).combine_chunks().sort_by("place")


def _typed(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    wanted = SCHEMA.field(name).type
    made = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, type=wanted)
    return made if made.type == wanted else made.cast(wanted)
