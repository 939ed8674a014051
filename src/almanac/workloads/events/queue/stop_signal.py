"""A request to stop that the handler of a signal may make."""

import time

CHECK_SECONDS = 0.1


class OutOfTime(KeyboardInterrupt):
    """The work did not end in time after the request to stop.

    Like Ctrl-C, it makes psycopg cancel a query that is under way.
    """


class StopSignal:
    """Like `threading.Event`, but without a lock: a handler may interrupt code that holds the lock."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Request the stop; a waiting thread returns within CHECK_SECONDS."""
        self._is_set = True

    def is_set(self) -> bool:
        """Return whether the stop was requested."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds, or until the stop is requested; return whether it was."""
        until = time.monotonic() + seconds
        while not self._is_set and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_SECONDS))
        return self._is_set
