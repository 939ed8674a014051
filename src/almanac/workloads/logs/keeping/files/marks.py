"""Hashes of lines, and whether a line says when it was written."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas.util import hash_array

Marks = npt.NDArray[np.uint64]
STORED: Final = np.dtype("<u8")
NONE: Final[Marks] = np.zeros(0, np.uint64)
# A time of day, a packed one, or a number of seconds or smaller units since 1970.
TIMED: Final = re.compile(
    r"\d\d?:\d\d|\b\d{6} \d{6}\b|(?<!\d)1\d{9}(?:\d{3}){0,3}(?!\d)|\d{4}-\d\d-\d\d-\d\d\.\d\d"
)


def of_lines(lines: Sequence[str]) -> Marks:
    """Return a mark for each line, the same on every machine and in every process."""
    if not lines:
        return NONE
    texts = np.empty(len(lines), dtype=object)
    texts[:] = lines
    return hash_array(texts, categorize=False)


def to_bytes(marks: Marks) -> bytes:
    """Return marks as they are stored."""
    return marks.astype(STORED).tobytes()


def from_bytes(content: bytes) -> Marks:
    """Return stored marks."""
    return np.frombuffer(content, STORED).astype(np.uint64)


def last_timed(lines: Sequence[str]) -> int:
    """Return the number of lines up to the last one that has a time, 0 where none has.

    >>> last_timed(["banner", "06:00:00 started", "ready"])
    2
    """
    for number in range(len(lines), 0, -1):
        if TIMED.search(lines[number - 1]):
            return number
    return 0
