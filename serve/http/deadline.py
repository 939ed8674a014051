"""The deadline of a request, which everything that answers it shares."""

import math
from contextvars import ContextVar
from time import monotonic

# The end of the present request, on the clock of `monotonic`. Each request runs in a task, and so a context,
# of its own.
ENDS: ContextVar[float] = ContextVar("ends", default=math.inf)


def end_within(seconds: float) -> None:
    """Let the present request end within `seconds` altogether."""
    ENDS.set(monotonic() + seconds)


def ends_after(seconds: float) -> float:
    """Return when a query that begins now must end: after `seconds`, or earlier with the request."""
    return min(monotonic() + seconds, ENDS.get())
