"""Credentials that were verified a moment ago, by their hash."""

from time import monotonic
from typing import NamedTuple

from serve.users.principal import Principal

MOST_ENTRIES = 10_000
# After so long the database is asked again, which also notes when a key or session was used last.
REMEMBERED_SECONDS = 60.0


class Entry(NamedTuple):
    """Whose a credential is, at which epoch that was so, and until when on the monotonic clock."""

    principal: Principal
    epoch: int
    ends_at: float


class Verified:
    """What was verified; when there is too much, all is dropped."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._most = most
        self._entries: dict[bytes, Entry] = {}

    def get(self, digest: bytes, epoch: int) -> Principal | None:
        """Return whose a credential is, unless something has changed since."""
        entry = self._entries.get(digest)
        if entry is None or entry.epoch < epoch or entry.ends_at <= monotonic():
            return None
        return entry.principal

    def put(self, digest: bytes, principal: Principal, *, epoch: int, seconds: float) -> None:
        """Remember a credential that is valid for so many seconds from now."""
        if len(self._entries) >= self._most:
            self._entries.clear()
        self._entries[digest] = Entry(principal, epoch, monotonic() + min(seconds, REMEMBERED_SECONDS))
