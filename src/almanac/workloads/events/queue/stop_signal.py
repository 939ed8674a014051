"""A request to end that may be made by the handler of a signal."""

import time

LOOK_SECONDS = 0.1


class Ending:
    """Like `threading.Event`, but without a lock: a handler runs in the middle of whatever it interrupts, and that may be holding the lock."""

    def __init__(self) -> None:
        self._is_asked = False

    def ask(self) -> None:
        """Ask for the end; who waits is awake within LOOK_SECONDS."""
        self._is_asked = True

    def is_asked(self) -> bool:
        """Whether the end was asked for."""
        return self._is_asked

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds, or until the end is asked for; return whether it was."""
        until = time.monotonic() + seconds
        while not self._is_asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
        return self._is_asked
