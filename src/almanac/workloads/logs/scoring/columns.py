"""Entries as columns of numbers: sources, sessions and texts by their place in lists of distinct ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """All entries to score. `session` is -1 where there is none; sessions are pairs of a source's place and the session's name."""

    entry_id: Numbers
    event_time: Numbers
    source: Numbers
    session: Numbers
    text: Numbers
    sources: list[str]
    sessions: list[tuple[int, str]]
    texts: list[str]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.entry_id)


class _Places:
    """Gives each distinct value a place, in the order in which they come."""

    def __init__(self) -> None:
        self.known: dict[object, int] = {}

    def of(self, values: Iterable[object]) -> Numbers:
        return np.array([self.known.setdefault(value, len(self.known)) for value in values], dtype=np.int64)


def gather(entries: Iterable[pa.Table], *, asked: Sequence[str] = ()) -> Columns:
    """Read batches of entries with entry_id, source, session, event_time and text; microseconds since 1970 stand for event times.

    `asked` are masked texts that no entry needs to have.
    """
    sources, sessions, texts = _Places(), _Places(), _Places()
    parts: dict[str, list[Numbers]] = {
        name: [] for name in ("entry_id", "event_time", "source", "session", "text")
    }
    for batch in entries:
        codes, forms = features.masked(batch["text"])
        parts["text"].append(texts.of(forms)[codes])
        source, names = _coded(batch["source"])
        parts["source"].append(sources.of(names)[source])
        parts["session"].append(_session_places(batch["session"], parts["source"][-1], sessions))
        parts["entry_id"].append(batch["entry_id"].to_numpy().astype(np.int64))
        parts["event_time"].append(
            batch["event_time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        )
    texts.of(asked)
    joined = {
        name: np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)
        for name, arrays in parts.items()
    }
    return Columns(
        **joined,
        sources=[str(name) for name in sources.known],
        sessions=[pair for pair in sessions.known if isinstance(pair, tuple)],
        texts=[str(text) for text in texts.known],
    )


def words(names: Sequence[str], places: Numbers) -> pd.Series:
    """Return a column of words by their places, as Arrow text; place -1 is a gap."""
    known = pa.array(names, pa.large_string())
    chosen = known.take(pa.array(places, pa.int64(), mask=places < 0))
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([chosen])))


def instants(microseconds: Numbers) -> pd.Series:
    """Return microseconds since 1970 as UTC instants."""
    return pd.Series(pd.to_datetime(microseconds, unit="us", utc=True)).dt.as_unit("us")


def _coded(values: pa.ChunkedArray) -> tuple[Numbers, list[str]]:
    coded = values.combine_chunks().dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()


def _session_places(values: pa.ChunkedArray, source: Numbers, sessions: _Places) -> Numbers:
    coded = values.combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    places = np.full(len(values), -1, dtype=np.int64)
    has = coded.is_valid().to_numpy(zero_copy_only=False)
    if not has.any():
        return places
    pairs = source[has] * len(names) + coded.indices.drop_null().to_numpy().astype(np.int64)
    distinct, inverse = np.unique(pairs, return_inverse=True)
    places[has] = sessions.of((int(pair) // len(names), names[int(pair) % len(names)]) for pair in distinct)[
        inverse
    ]
    return places
