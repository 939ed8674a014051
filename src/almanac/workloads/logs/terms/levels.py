"""The four levels, and the many words that programs write for them."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
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
# The place of a level that nobody wrote.
NOT_WRITTEN = -1


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


def places(words: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return the place in LEVELS of each written word, NOT_WRITTEN for a null and for an unknown word."""
    encoded = words.combine_chunks().dictionary_encode()
    means = [normal(word) for word in encoded.dictionary.to_pylist()]
    # The last of them is that of nulls, whose index is -1.
    of_words = [NOT_WRITTEN if level is None else LEVELS.index(level) for level in means] + [NOT_WRITTEN]
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    of_entries: npt.NDArray[np.int64] = np.array(of_words, dtype=np.int64)[indices]
    return of_entries


def numbers(levels: Iterable[str]) -> list[int]:
    """Return the place of each level in LEVELS.

    >>> numbers(["debug", "error"])
    [0, 3]
    """
    return [LEVELS.index(level) for level in levels]
