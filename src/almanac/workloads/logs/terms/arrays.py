"""Arrow columns of text: from values, by repetition, and mapped by their distinct values."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

TEXT = pa.large_string()


def texts(values: Iterable[str | None]) -> pa.Array:
    """Return a column of texts."""
    return pa.array(values, TEXT)


def repeated(value: str, size: int) -> pa.Array:
    """Return a column that holds one text `size` times."""
    return pa.repeat(pa.scalar(value, TEXT), size)


def map_distinct(column: pa.Array, convert: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """Return a column of `kind` from texts, each distinct text converted once; null stays null."""
    encoded = column.dictionary_encode()
    values = [convert(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(values, kind).take(encoded.indices)
