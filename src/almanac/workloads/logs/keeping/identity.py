"""Ids of entries that come from no file: by the client's id, or by what an entry says."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

ID_BYTES: Final = 16
FILE, CLIENT, GAP, NOTHING = (pa.scalar(text, pa.large_string()) for text in ("file ", "client ", "\0", ""))


def entry_ids(entries: pa.Table) -> bytes:
    """Return a hash of ID_BYTES bytes for each entry that comes from no file, one after the other.

    It is of the client's id where there is one, else of source, place, time and text.
    """
    identities = _file_identities(entries)
    if entries["client_id"].null_count < len(entries):
        identities = pc.coalesce(_client_identities(entries), identities)
    return _hashes(identities)


def file_ids(entries: pa.Table) -> bytes:
    """Return hashes of source, place, time and text."""
    return _hashes(_file_identities(entries))


def raw_ids(source: str, lines: Iterable[str], first: int) -> bytes:
    """Return hashes of source, place and text of lines without a time; `first` is the place of the first."""
    names = (f"file {source}\0{place}\0\0{line}" for place, line in enumerate(lines, start=first))
    return b"".join([sha256(name.encode()).digest()[:ID_BYTES] for name in names])


def client_ids(entries: pa.Table) -> bytes:
    """Return hashes of the ids that clients gave; of no id the hash means nothing."""
    return _hashes(pc.fill_null(_client_identities(entries), NOTHING))


def as_uuids(ids: bytes) -> pa.Array:
    """Return ids as an Arrow column of fixed width."""
    buffers = [None, pa.py_buffer(ids)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(ID_BYTES), len(ids) // ID_BYTES, buffers)


def ascending(ids: bytes) -> npt.NDArray[np.int64]:
    """Return the places of ids in ascending order."""
    halves = np.frombuffer(ids, dtype=[("high", ">u8"), ("low", ">u8")])
    return np.lexsort((halves["low"], halves["high"]))


def _file_identities(entries: pa.Table) -> pa.ChunkedArray:
    place = _numbers(entries["place"])
    time = pc.fill_null(_numbers(entries["event_time"]), NOTHING)
    return pc.binary_join_element_wise(
        FILE, entries["source"], GAP, place, GAP, time, GAP, entries["text"], NOTHING
    )


def _client_identities(entries: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(CLIENT, entries["client_id"], NOTHING)


def _hashes(identities: pa.ChunkedArray) -> bytes:
    texts = identities.cast(pa.large_binary()).to_pylist()
    return b"".join([sha256(text).digest()[:ID_BYTES] for text in texts])


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers, or times in microseconds since 1970, as text."""
    return column.cast(pa.int64()).cast(pa.large_string())
