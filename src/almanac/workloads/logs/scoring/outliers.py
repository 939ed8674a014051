"""Outlier lines of a source: templates that are rare there, and templates that burst."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import anomaly
from almanac.workloads.logs.contract import KINDS
from almanac.workloads.logs.scoring.columns import Columns, Numbers
from almanac.workloads.logs.scoring.texts import TextPredictions

COUNTS = ["entries", "buckets"]


@dataclass(frozen=True)
class LineScores:
    """Score and kind (its place in KINDS) of each entry."""

    scores: Floats
    kinds: Numbers


@dataclass(frozen=True)
class _Pairs:
    """The distinct pairs of source and template in these entries, and the pair of each entry."""

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
    """Five minutes in which a pair has entries: the pair, the number of the five minutes, how many entries."""

    pair: Numbers
    bucket: Numbers
    entries: Floats


def score_lines(columns: Columns, texts: TextPredictions, usage: pd.DataFrame) -> LineScores:
    """Score every entry by the rarity of its template in its source, and the first entry of a burst by its size.

    `usage` is what the version has published before.
    """
    if not len(columns):
        return LineScores(np.zeros(0), np.zeros(0, dtype=np.int64))
    pairs = _pairs(columns, texts)
    slots = _slots(pairs, columns.bucket)
    counts = _with_past(columns, pairs, slots, _placed(columns, texts, usage))
    rare = anomaly.rarity(counts.entries, counts.of_source)[pairs.of_entry]
    burst = _burst_scores(columns, pairs, slots, counts)
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
    pair, buckets = (sizes[name].to_numpy(dtype=np.int64) for name in ("pair", "bucket"))
    return _Slots(pair, buckets, sizes["entries"].to_numpy(dtype=np.float64))


def _placed(columns: Columns, texts: TextPredictions, usage: pd.DataFrame) -> pd.DataFrame:
    """Return the past by places of sources and templates; -1 stands for those that these entries lack."""
    sources = pd.Index(columns.sources).get_indexer(pd.Index(usage["source"]))
    templates = pd.Index(texts.template_ids).get_indexer(pd.Index(usage["template_id"]))
    counts = usage[COUNTS].astype("float64")
    return counts.assign(source=sources, template=templates)


def _with_past(columns: Columns, pairs: _Pairs, slots: _Slots, past: pd.DataFrame) -> _Usage:
    earlier = past.groupby(["source", "template"])[COUNTS].sum()
    keys = pd.MultiIndex.from_arrays([pairs.source, pairs.template])
    earlier = earlier.reindex(keys, fill_value=0.0)
    entries = np.bincount(pairs.of_entry, minlength=len(pairs)) + earlier["entries"].to_numpy()
    buckets = np.bincount(slots.pair, minlength=len(pairs)) + earlier["buckets"].to_numpy()
    return _Usage(entries, buckets, _source_sizes(columns, past)[pairs.source])


def _source_sizes(columns: Columns, past: pd.DataFrame) -> Floats:
    """Return the entries of each source, those of the past included."""
    size = len(columns.sources)
    shared = past[past["source"] >= 0]
    earlier = np.bincount(shared["source"], shared["entries"], minlength=size)
    now = np.bincount(columns.source, minlength=size)
    return np.asarray(now + earlier, dtype=np.float64)


def _burst_scores(columns: Columns, pairs: _Pairs, slots: _Slots, counts: _Usage) -> Floats:
    """Return the score of each entry that is the first of a burst; others have 0."""
    other_buckets = counts.buckets[slots.pair] - 1
    other_entries = counts.entries[slots.pair] - slots.entries
    usual = other_entries / np.maximum(other_buckets, 1.0)
    strength = anomaly.burst(slots.entries, usual, other_buckets)
    bursts = {
        (int(slots.pair[place]), int(slots.bucket[place])): float(strength[place])
        for place in np.flatnonzero(strength >= 0.5)
    }
    return _first_of_bursts(columns, pairs.of_entry, bursts)


def _first_of_bursts(columns: Columns, pair: Numbers, bursts: dict[tuple[int, int], float]) -> Floats:
    """Give the score of each burst (pair and bucket) to its first entry by event time."""
    scores = np.zeros(len(columns))
    if not bursts:
        return scores
    rows = np.flatnonzero(np.isin(pair, [pair_of_burst for pair_of_burst, _ in bursts]))
    order = np.lexsort((columns.entry_id[rows], columns.event_time[rows]))
    bucket, waiting = columns.bucket, dict(bursts)
    for row in rows[order]:
        scores[row] = waiting.pop((int(pair[row]), int(bucket[row])), 0.0)
    return scores
