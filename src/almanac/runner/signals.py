"""Signals that end a run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from almanac.runner.notebooks.job import Terminated

ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def raise_terminated() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into Terminated during this block."""
    try:
        before = {number: signal.signal(number, _raise) for number in ENDING}
    except ValueError:
        # Only the main thread may handle signals.
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(f"stopped by {signal.Signals(number).name}")
