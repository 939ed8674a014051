"""Cursors: the edition that a list is read from and the key of the last row, in one opaque word."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from almanac.fields import Reader, integer
from serve.http.problems import refused

READ_RELEASE = integer(1, 2**63 - 1)
UNREADABLE = "is not a cursor of this list; take the address in `next` of the page before"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: `pin` names the edition, `key` is that of the last row of the page before."""

    pin: str
    key: tuple[Any, ...]


def write(pin: str, key: Sequence[Any]) -> str:
    """Return the cursor as text that needs no escaping in an address."""
    text = json.dumps([pin, *key], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str, readers: Sequence[Reader]) -> Cursor:
    """Return the cursor in `text`, its key checked by `readers`; raises Problem 422."""
    padding = "=" * (-len(text) % 4)
    try:
        pin, *parts = json.loads(urlsafe_b64decode(text + padding))
        if not isinstance(pin, str):
            raise ValueError(UNREADABLE)
        key = [reader(_text(part)) for reader, part in zip(readers, parts, strict=True)]
    except (ValueError, TypeError, RecursionError):
        raise refused({"in": "query", "name": "cursor", "reason": UNREADABLE}) from None
    return Cursor(pin, tuple(key))


def _text(part: Any) -> str:
    """Return a key part as it would stand in an address, so that the same reader can check it."""
    return part if isinstance(part, str) else json.dumps(part)
