"""The four levels, and the many words that programs write for them."""

from collections.abc import Iterable

import pyarrow as pa

from almanac.workloads.logs.contract import LEVELS

WORDS = {
    "debug": "trace debug verbose fine finer finest notset d v t",
    "info": "info information informational notice config log i n",
    "warning": "warn warning w",
    "error": "error err fatal critical crit severe alert emergency emerg failure exception panic e f",
}
LEVEL_OF = {word: level for level, words in WORDS.items() for word in words.split()}
WARNING = LEVELS.index("warning")


def normal(written: str | None) -> str | None:
    """Return the level that a written one means, or None where nobody knows.

    >>> normal("WARN"), normal("Notice"), normal("purple")
    ('warning', 'info', None)
    """
    return LEVEL_OF.get((written or "").strip().strip("[]").lower())


def normal_all(written: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the levels that a column of written ones means, with gaps."""
    coded = (
        pa.chunked_array(written).combine_chunks().dictionary_encode()
        if isinstance(written, pa.ChunkedArray)
        else written.dictionary_encode()
    )
    known = pa.array([normal(word) for word in coded.dictionary.to_pylist()], pa.large_string())
    return known.take(coded.indices)


def numbers(levels: Iterable[str]) -> list[int]:
    """Return the place of each level in LEVELS.

    >>> numbers(["debug", "error"])
    [0, 3]
    """
    return [LEVELS.index(level) for level in levels]
