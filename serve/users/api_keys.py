"""API keys: `alm_`, 8 visible characters, 32 secret ones and a checksum; only their hash is stored."""

import re
import secrets
import string
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

from serve.users.principal import ADMIN, INGEST, METRICS, OPERATE, READ

PREFIX = "alm_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
VISIBLE, SECRET, CHECKSUM = 8, 32, 6
KEY = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{VISIBLE + SECRET + CHECKSUM}}}")
DEFAULT_DAYS, MOST_DAYS = 90, 3_650
PLAIN_SCOPES = (READ, INGEST, OPERATE, ADMIN, METRICS)


class NewKey(NamedTuple):
    """A key as it is shown once, and what is stored of it."""

    text: str
    id: str
    hash: bytes


def make() -> NewKey:
    """Return a new key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(VISIBLE + SECRET))
    return NewKey(
        f"{PREFIX}{body}{_checksum(body)}", body[:VISIBLE], hash_of(f"{PREFIX}{body}{_checksum(body)}")
    )


def is_key(text: str) -> bool:
    """Tell whether a text is a key that was copied whole; the database is asked about no other."""
    if not KEY.fullmatch(text):
        return False
    body = text[len(PREFIX) :]
    return body[-CHECKSUM:] == _checksum(body[:-CHECKSUM])


def hash_of(text: str) -> bytes:
    """Return what is stored of a key. It is long and random, so a fast hash is enough."""
    return sha256(text.encode()).digest()


def unknown_scopes(scopes: Iterable[str], workloads: Collection[str]) -> list[str]:
    """Return the scopes that there are not; `read` and `ingest` may name a workload."""
    return [scope for scope in scopes if not _is_scope(scope, workloads)]


def _is_scope(scope: str, workloads: Collection[str]) -> bool:
    kind, colon, workload = scope.partition(":")
    if not colon:
        return scope in PLAIN_SCOPES
    return kind in (READ, INGEST) and workload in workloads


def _checksum(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
