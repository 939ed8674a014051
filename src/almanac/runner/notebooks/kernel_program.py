"""The program of a notebook's kernel: ipykernel, but it loses no output however often a cell flushes.

Each flush of ipykernel sends a message of its own. A reader that is slower than the cell loses messages
beyond a bound, and nobody says so. Here frequent flushes are merged, and the bound is far off.

ipykernel also reads through a pipe what C libraries and child processes write to stderr. A process that dies
takes what is still in the pipe with it. Here stderr stays the file that the runner gave, and is followed.
"""

import os
import stat
import sys
import threading
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
# Between two looks at what was written to stderr.
FOLLOW_SECONDS = 0.05
BLOCK = 1 << 16
STDERR = 2


class MergingStream(OutStream):
    """A stream that merges flushes where a cell flushes often; those of ipykernel itself it obeys."""

    flushed = 0.0
    file: "StderrFile | None" = None

    def flush(self) -> None:
        """Send what was written, or leave it to the next flush where the last one was just now."""
        caller = sys._getframe(1).f_globals.get("__name__", "")
        now = time.monotonic()
        if caller.startswith("ipykernel") or now - self.flushed >= FLUSH_SECONDS:
            self.flushed = now
            # A forked process has the lock and the place as they were.
            if self.file and self._is_master_process():  # type: ignore[no-untyped-call]
                self.file.copy()
            super().flush()  # type: ignore[no-untyped-call]  # ipykernel has types for few functions

    def _setup_stream_redirects(self, name: str) -> None:
        """Follow the file of stderr; ipykernel's pipe serves every other stream."""
        if name == "stderr" and stat.S_ISREG(os.fstat(STDERR).st_mode):
            self._should_watch = False
            self.file = StderrFile(self)
            threading.Thread(target=self.file.follow, daemon=True).start()
        else:
            super()._setup_stream_redirects(name)  # type: ignore[no-untyped-call]


class StderrFile:
    """What C libraries and child processes write to stderr, copied to a stream of the notebook."""

    def __init__(self, stream: OutStream) -> None:
        """Begin behind what was written before the kernel started."""
        self.stream = stream
        self.place = os.fstat(STDERR).st_size
        self.lock = threading.Lock()

    def copy(self) -> None:
        """Copy what was written since the last copy."""
        with self.lock:
            while block := os.pread(STDERR, BLOCK, self.place):
                self.place += len(block)
                self.stream.write(block.decode(errors="replace"))

    def follow(self) -> None:
        """Copy as long as the kernel runs."""
        while True:
            time.sleep(FOLLOW_SECONDS)
            self.copy()


class KernelApp(IPKernelApp):
    """A kernel with room for messages."""

    def init_iopub(self, context: Any) -> None:
        """Make the socket of outputs."""
        context.setsockopt(zmq.SNDHWM, MOST_WAITING)
        super().init_iopub(context)  # type: ignore[no-untyped-call]  # ipykernel has types for few functions


if __name__ == "__main__":
    KernelApp.launch_instance(outstream_class=f"{__name__}.MergingStream")
