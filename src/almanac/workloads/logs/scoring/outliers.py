"""Outlier lines of a source: templates that are rare there, and templates that burst."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import anomaly
from almanac.workloads.logs.contract import KINDS
from almanac.workloads.logs.scoring.columns import Columns, Numbers
from almanac.workloads.logs.scoring.texts import TextPredictions

COUNTS = ["entries", "buckets"]

# The score of each burst, by pair and bucket.
Bursts = dict[tuple[int, int], float]


@dataclass(frozen=True)
class LineScores:
    """Score and kind (its place in KINDS) of each entry."""

    scores: Floats
    kinds: Numbers


@dataclass(frozen=True)
class _Pairs:
    """The distinct pairs of source and template in these entries, and the place of the pair of each entry."""

    source: Numbers
    template: Numbers
    of_entry: Numbers

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class _Usage:
    """Counts of each pair, and of its source, in these entries and in the past together."""

    entries: Floats
    buckets: Floats
    of_source: Floats


@dataclass(frozen=True)
class _Slots:
    """Five minutes in which a pair has entries: place of the pair, number of the five minutes, entries."""

    pair: Numbers
    bucket: Numbers
    entries: Floats


def score_lines(columns: Columns, texts: TextPredictions, usage: pd.DataFrame) -> LineScores:
    """Score every entry by the rarity of its template in its source, and each burst on its first entry.

    `usage` is the table of that name which the version has published before.
    """
    if not len(columns):
        return LineScores(np.zeros(0), np.zeros(0, dtype=np.int64))
    pairs = _pairs(columns, texts)
    slots = _slots(pairs, columns.bucket)
    counts = _with_past(columns, pairs, slots, _placed(columns, texts, usage))
    rare = anomaly.rarity(counts.entries, counts.of_source)[pairs.of_entry]
    burst = _first_of_bursts(columns, pairs.of_entry, _bursts(slots, counts))
    return _combined(rare, burst)


def _combined(rare: Floats, burst: Floats) -> LineScores:
    kinds = np.where(burst >= rare, KINDS.index("burst"), KINDS.index("rare"))
    return LineScores(np.maximum(rare, burst), kinds)


def _pairs(columns: Columns, texts: TextPredictions) -> _Pairs:
    size = len(texts.template_ids)
    codes = columns.source * size + texts.template[columns.text]
    distinct, of_entry = np.unique(codes, return_inverse=True)
    return _Pairs(distinct // size, distinct % size, of_entry)


def _slots(pairs: _Pairs, bucket: Numbers) -> _Slots:
    frame = pd.DataFrame({"pair": pairs.of_entry, "bucket": bucket})
    sizes = frame.groupby(["pair", "bucket"], sort=True).size().reset_index(name="entries")
    pair, slot, entries = (sizes[name].to_numpy(dtype=np.int64) for name in ("pair", "bucket", "entries"))
    return _Slots(pair, slot, entries.astype(np.float64))


def _placed(columns: Columns, texts: TextPredictions, usage: pd.DataFrame) -> pd.DataFrame:
    """Return the past by places of sources and templates; -1 stands for those that these entries lack."""
    sources = pd.Index(columns.sources).get_indexer(pd.Index(usage["source"]))
    templates = pd.Index(texts.template_ids).get_indexer(pd.Index(usage["template_id"]))
    counts = usage[COUNTS].astype("float64")
    return counts.assign(source=sources, template=templates)


def _with_past(columns: Columns, pairs: _Pairs, slots: _Slots, past: pd.DataFrame) -> _Usage:
    earlier_entries, earlier_buckets = _counts_of(pairs, past)
    entries = np.bincount(pairs.of_entry, minlength=len(pairs)) + earlier_entries
    buckets = np.bincount(slots.pair, minlength=len(pairs)) + earlier_buckets
    of_source = _source_sizes(columns, past)[pairs.source]
    return _Usage(entries, buckets, of_source)


def _counts_of(pairs: _Pairs, past: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the entries and buckets of each pair in the past."""
    keys = pd.MultiIndex.from_arrays([pairs.source, pairs.template])
    counts = past.groupby(["source", "template"])[COUNTS].sum().reindex(keys, fill_value=0.0)
    return counts["entries"].to_numpy(), counts["buckets"].to_numpy()


def _source_sizes(columns: Columns, past: pd.DataFrame) -> Floats:
    """Return the entries of each source, those of the past included."""
    size = len(columns.sources)
    shared = past[past["source"] >= 0]
    earlier = np.bincount(shared["source"], shared["entries"], minlength=size)
    now = np.bincount(columns.source, minlength=size)
    return np.asarray(now + earlier, dtype=np.float64)


def _bursts(slots: _Slots, counts: _Usage) -> Bursts:
    """Return the score of each slot (pair and bucket) that is a burst."""
    other_buckets = counts.buckets[slots.pair] - 1
    other_entries = counts.entries[slots.pair] - slots.entries
    usual = other_entries / np.maximum(other_buckets, 1.0)
    strength = anomaly.burst(slots.entries, usual, other_buckets)
    is_burst = strength >= 0.5
    keys = zip(slots.pair[is_burst].tolist(), slots.bucket[is_burst].tolist(), strict=True)
    return dict(zip(keys, strength[is_burst].tolist(), strict=True))


def _first_of_bursts(columns: Columns, pair: Numbers, bursts: Bursts) -> Floats:
    """Give the score of each burst to its first entry by event time; other entries get 0."""
    scores = np.zeros(len(columns))
    if not bursts:
        return scores
    bucket, waiting = columns.bucket, dict(bursts)
    for row in _in_order(columns, np.isin(pair, [pair_of_burst for pair_of_burst, _ in bursts])):
        slot = (int(pair[row]), int(bucket[row]))
        scores[row] = waiting.pop(slot, 0.0)
    return scores


def _in_order(columns: Columns, is_chosen: npt.NDArray[np.bool_]) -> Numbers:
    """Return the rows of the chosen entries in the order of event time and number."""
    rows = np.flatnonzero(is_chosen)
    order = np.lexsort((columns.entry_id[rows], columns.event_time[rows]))
    return rows[order]
