"""Cursors: the edition a list is read from and the key of the last row seen, in one opaque word."""

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
    """A place in a list: `pin` names the edition, `key` the sort values of the last row of the page before."""

    pin: str
    key: tuple[Any, ...]


def write(pin: str, key: Sequence[Any]) -> str:
    """Return the cursor as text that needs no escaping in an address."""
    return urlsafe_b64encode(json.dumps([pin, *key], separators=(",", ":")).encode()).decode().rstrip("=")


def read(text: str, readers: Sequence[Reader]) -> Cursor:
    """Return the cursor in `text`, its key checked by `readers`; raises Problem 422."""
    try:
        content = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        pin, *key = content
        if not isinstance(pin, str):
            raise ValueError(UNREADABLE)
        return Cursor(pin, tuple(reader(_text(part)) for reader, part in zip(readers, key, strict=True)))
    except (ValueError, TypeError, RecursionError):
        raise refused({"in": "query", "name": "cursor", "reason": UNREADABLE}) from None


def _text(part: Any) -> str:
    """Return a key part as it would stand in an address, so that the same reader can check it."""
    return part if isinstance(part, str) else json.dumps(part)
