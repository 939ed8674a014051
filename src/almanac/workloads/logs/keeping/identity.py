"""Ids of entries: by what an entry says, so that a file that is read again stores nothing twice."""

from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

ID_BYTES: Final = 16
FILE, CLIENT, GAP, NOTHING = (pa.scalar(text, pa.large_string()) for text in ("file ", "client ", "\0", ""))


def entry_ids(entries: pa.Table) -> bytes:
    """Return a hash of ID_BYTES bytes for each entry, one after the other.

    It is of the client's id where there is one, else of source, place, time and text.
    """
    identities = _file_identities(entries)
    client_ids = entries["client_id"]
    if client_ids.null_count < len(entries):
        of_clients = pc.binary_join_element_wise(CLIENT, client_ids, NOTHING)
        identities = pc.coalesce(of_clients, identities)
    texts = identities.cast(pa.large_binary()).to_pylist()
    return b"".join([sha256(text).digest()[:ID_BYTES] for text in texts])


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


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers, or times in microseconds since 1970, as text."""
    return column.cast(pa.int64()).cast(pa.large_string())
