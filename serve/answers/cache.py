"""Answers in memory: the least recently used go when the bound is reached."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import Request

from almanac.contract import Contract
from serve.reading.choice import Choice

# What the key and the objects of an entry take beside the bytes of the answer.
OVERHEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes of an answer and the address of the next page, if there is one."""

    content: bytes
    next: str | None = None


class Cache:
    """Answers by key within a bound of memory; one answer may take at most an eighth of it."""

    def __init__(self, limit_bytes: float) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[str, Payload] = OrderedDict()
        self.used_bytes = 0

    def get(self, key: str) -> Payload | None:
        """Return the answer under `key` and count it as used."""
        payload = self._entries.get(key)
        if payload is not None:
            self._entries.move_to_end(key)
        return payload

    def put(self, key: str, payload: Payload) -> None:
        """Store an answer under `key`, unless it is too large to be worth the room."""
        size = _size(payload)
        if key in self._entries or size > self._limit / 8:
            return
        self._entries[key] = payload
        self.used_bytes += size
        while self.used_bytes > self._limit:
            _, dropped = self._entries.popitem(last=False)
            self.used_bytes -= _size(dropped)


class Answered(NamedTuple):
    """What an address was answered with."""

    contract: Contract
    choice: Choice
    tag: str


class Addresses:
    """The tags of addresses that were answered from memory; when there are too many, all are dropped."""

    def __init__(self, most: int = 2_000) -> None:
        self._most = most
        self._answered: dict[tuple[str, bytes], Answered] = {}

    def get(self, request: Request) -> Answered | None:
        """Return what this address was answered with."""
        return self._answered.get(_address(request))

    def put(self, request: Request, answered: Answered) -> None:
        """Remember what this address is answered with."""
        if len(self._answered) >= self._most:
            self._answered.clear()
        self._answered[_address(request)] = answered


def _address(request: Request) -> tuple[str, bytes]:
    return request.scope["path"], request.scope["query_string"]


def _size(payload: Payload) -> int:
    return len(payload.content) + len(payload.next or "") + OVERHEAD_BYTES
