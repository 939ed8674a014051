"""The program of a notebook's kernel: ipykernel, but it loses no output however often a cell flushes.

Each flush of ipykernel sends a message of its own. A reader that is slower than the cell loses messages
beyond a bound, and nobody says so. Here frequent flushes are merged, and the bound is far off.
"""

import sys
import time
from pathlib import Path
from typing import Any

# A module of the working folder must not hide another one, as in ipykernel's own launcher.
if __name__ == "__main__" and Path(sys.path[0]) == Path.cwd():
    del sys.path[0]

import zmq
from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

# Messages that may wait for the reader; memory is used only when they do.
MOST_WAITING = 1_000_000
# Between two flushes by a cell; ipykernel itself sends what waits longer.
FLUSH_SECONDS = 0.05


class MergingStream(OutStream):
    """A stream that merges flushes where a cell flushes often; those of ipykernel itself it obeys."""

    flushed = 0.0

    def flush(self) -> None:
        """Send what was written, or leave it to the next flush where the last one was just now."""
        caller = sys._getframe(1).f_globals.get("__name__", "")
        now = time.monotonic()
        if caller.startswith("ipykernel") or now - self.flushed >= FLUSH_SECONDS:
            self.flushed = now
            super().flush()  # type: ignore[no-untyped-call]  # ipykernel has types for few functions


class KernelApp(IPKernelApp):
    """A kernel with room for messages."""

    def init_iopub(self, context: Any) -> None:
        """Make the socket of outputs."""
        context.setsockopt(zmq.SNDHWM, MOST_WAITING)
        super().init_iopub(context)  # type: ignore[no-untyped-call]  # ipykernel has types for few functions


if __name__ == "__main__":
    KernelApp.launch_instance(outstream_class=f"{__name__}.MergingStream")
