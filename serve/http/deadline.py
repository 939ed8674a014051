"""The deadline of a request, which everything that answers it shares."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

# When the present request has to be answered, on the clock of `monotonic`.
ENDS: ContextVar[float] = ContextVar("ends", default=math.inf)


@contextmanager
def answering_within(seconds: float) -> Iterator[None]:
    """Let everything that is asked in this block be answered within `seconds` altogether."""
    before = ENDS.set(monotonic() + seconds)
    try:
        yield
    finally:
        ENDS.reset(before)


def end_within(seconds: float) -> None:
    """Let the request of this task be answered within `seconds` altogether."""
    ENDS.set(monotonic() + seconds)


def ends_after(seconds: float) -> float:
    """Return when a question that is asked now has to be answered: after `seconds`, or as soon as the request that asks has to be."""
    return min(monotonic() + seconds, ENDS.get())
