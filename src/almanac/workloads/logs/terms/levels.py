"""The four levels, and the many words that programs write for them."""

from collections.abc import Iterable

import pyarrow as pa

from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.terms import arrays

WORDS = {
    "debug": "trace debug verbose fine finer finest notset d v t dbg vrb debug1 debug2 debug3 debug4 debug5",
    "info": "info information informational notice config log i n inf note system default",
    "warning": "warn warning w wrn",
    "error": "error err fatal critical crit severe alert emergency emerg failure exception panic e f ftl a",
}
LEVEL_OF = {word: level for level, words in WORDS.items() for word in words.split()}
WARNING = LEVELS.index("warning")


def normal(word: str | None) -> str | None:
    """Return the level that a program's word means, or None for an unknown word.

    >>> normal("WARN"), normal("Notice"), normal("purple")
    ('warning', 'info', None)
    """
    return LEVEL_OF.get((word or "").strip().strip("[]").lower())


def normal_all(words: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the level of each word, null for an unknown word."""
    whole = words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words
    return arrays.map_distinct(whole, normal, arrays.TEXT)


def numbers(levels: Iterable[str]) -> list[int]:
    """Return the place of each level in LEVELS.

    >>> numbers(["debug", "error"])
    [0, 3]
    """
    return [LEVELS.index(level) for level in levels]
