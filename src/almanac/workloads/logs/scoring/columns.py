"""Entries as columns of numbers: sources, sessions and texts by their place in lists of distinct values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features
from almanac.workloads.logs.contract import BUCKET
from almanac.workloads.logs.terms import arrays, levels

Numbers = npt.NDArray[np.int64]

INSTANT = pa.timestamp("us", "UTC")
BUCKET_MICROSECONDS = int(BUCKET.total_seconds() * 1e6)
HOUR_MICROSECONDS = 3_600_000_000
NUMBER_COLUMNS = ("entry_id", "event_time", "source", "session", "text", "written")


@dataclass(frozen=True)
class Columns:
    """All entries to score; event times are microseconds since 1970.

    `session` is -1 without a session, and `written`, a place in LEVELS, is -1 without a level of the author.
    `sessions` are pairs of a source's place and the session's name.
    """

    entry_id: Numbers
    event_time: Numbers
    source: Numbers
    session: Numbers
    text: Numbers
    written: Numbers
    sources: list[str]
    sessions: list[tuple[int, str]]
    texts: list[str]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.entry_id)

    @property
    def has_session(self) -> npt.NDArray[np.bool_]:
        """Whether each entry has a session."""
        return self.session >= 0

    @property
    def bucket(self) -> Numbers:
        """The number of the five minutes of each event time."""
        return self.event_time // BUCKET_MICROSECONDS

    @property
    def hour(self) -> Numbers:
        """The number of the hour of each event time."""
        return self.event_time // HOUR_MICROSECONDS


class _Places:
    """Gives each distinct value a place, in the order in which they come."""

    def __init__(self) -> None:
        self.of_value: dict[Any, int] = {}

    def add(self, values: Iterable[Any]) -> Numbers:
        """Return the place of each value; a new value gets the next place."""
        places = [self.of_value.setdefault(value, len(self.of_value)) for value in values]
        return np.array(places, dtype=np.int64)

    def values(self) -> list[Any]:
        """Return the distinct values in the order of their places."""
        return list(self.of_value)


class _Gatherer:
    """Collects batches of entries as numbers, so that each batch can be forgotten."""

    def __init__(self) -> None:
        self.sources, self.sessions, self.texts = _Places(), _Places(), _Places()
        self.batches: list[tuple[Numbers, ...]] = []

    def add(self, batch: pa.Table) -> None:
        """Add a batch with entry_id, source, session, event_time, level and text."""
        source = self._source_places(batch["source"])
        session = self._session_places(batch["session"], source)
        text = self._text_places(batch["text"])
        entry_id = batch["entry_id"].to_numpy().astype(np.int64)
        event_time = batch["event_time"].cast(INSTANT).cast(pa.int64()).to_numpy()
        written = levels.places(batch["level"])
        self.batches.append((entry_id, event_time, source, session, text, written))

    def columns(self) -> Columns:
        """Return all batches as one."""
        batches = self.batches or [(np.zeros(0, dtype=np.int64),) * len(NUMBER_COLUMNS)]
        arrays = map(np.concatenate, zip(*batches, strict=True))
        numbers: dict[str, Any] = dict(zip(NUMBER_COLUMNS, arrays, strict=True))
        sources, sessions, texts = (places.values() for places in (self.sources, self.sessions, self.texts))
        return Columns(**numbers, sources=sources, sessions=sessions, texts=texts)

    def _text_places(self, values: pa.ChunkedArray) -> Numbers:
        codes, forms = features.mask_all(values)
        places: Numbers = self.texts.add(forms)[codes]
        return places

    def _source_places(self, values: pa.ChunkedArray) -> Numbers:
        encoded = values.combine_chunks().dictionary_encode()
        codes: Numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        places: Numbers = self.sources.add(encoded.dictionary.to_pylist())[codes]
        return places

    def _session_places(self, values: pa.ChunkedArray, source: Numbers) -> Numbers:
        """Return the place of each pair of source and session name, -1 without a name."""
        encoded = values.combine_chunks().dictionary_encode()
        has_name = encoded.is_valid().to_numpy(zero_copy_only=False)
        places = np.full(len(values), -1, dtype=np.int64)
        if has_name.any():
            places[has_name] = self._pair_places(encoded, source[has_name])
        return places

    def _pair_places(self, encoded: pa.DictionaryArray, source: Numbers) -> Numbers:
        """Return the place of each pair; `source` has the sources of the encoded names that are not null."""
        names = encoded.dictionary.to_pylist()
        codes = encoded.indices.drop_null().to_numpy().astype(np.int64)
        numbers, inverse = np.unique(source * len(names) + codes, return_inverse=True)
        pairs = (divmod(number, len(names)) for number in numbers.tolist())
        places: Numbers = self.sessions.add((place, names[code]) for place, code in pairs)
        return places[inverse]


def gather(entries: Iterable[pa.Table], *, extra_texts: Sequence[str] = ()) -> Columns:
    """Read batches of entries with entry_id, source, session, event_time, level and text.

    `extra_texts` are masked texts that no entry needs to have.
    """
    gatherer = _Gatherer()
    for batch in entries:
        gatherer.add(batch)
    gatherer.texts.add(extra_texts)
    return gatherer.columns()


def words(names: Sequence[str], places: Numbers) -> pd.Series:
    """Return a column of words by their places, as Arrow text; place -1 is null."""
    indices = pa.array(places, pa.int64(), mask=places < 0)
    column = pa.chunked_array([arrays.texts(names).take(indices)])
    return pd.Series(pd.arrays.ArrowExtensionArray(column))


def instants(microseconds: Numbers) -> pd.Series:
    """Return microseconds since 1970 as UTC instants."""
    times = pd.to_datetime(microseconds, unit="us", utc=True)
    return pd.Series(times).dt.as_unit("us")
