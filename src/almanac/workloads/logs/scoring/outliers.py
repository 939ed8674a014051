"""Which lines stand out in their source: templates that are rare there, and templates that burst."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import anomaly
from almanac.workloads.logs.contract import BUCKET, KINDS
from almanac.workloads.logs.scoring.columns import Columns, Numbers

BUCKET_MICROSECONDS = int(BUCKET.total_seconds() * 1e6)


@dataclass(frozen=True)
class Lines:
    """Score and kind (its place in KINDS) of each entry."""

    scores: Floats
    kinds: Numbers


@dataclass(frozen=True)
class _Used:
    """Pairs of source and template in these entries: the pair of each entry, and counts of these entries with the past's added."""

    pair: Numbers
    entries: Floats
    buckets: Floats
    of_source: Floats


def lines(columns: Columns, template: Numbers, usage: pd.DataFrame, template_ids: list[str]) -> Lines:
    """Score every entry by the rarity of its template in its source, and the first entry of a burst by its size.

    `template` is by text; `usage` is what the version has published before.
    """
    if not len(columns):
        return Lines(np.zeros(0), np.zeros(0, dtype=np.int64))
    pairs, inverse = np.unique(
        columns.source * len(template_ids) + template[columns.text], return_inverse=True
    )
    bucket = columns.event_time // BUCKET_MICROSECONDS
    slots = pd.DataFrame({"pair": inverse, "bucket": bucket}).groupby(["pair", "bucket"], sort=True).size()
    used = _used(
        columns,
        np.stack([pairs // len(template_ids), pairs % len(template_ids)]),
        inverse,
        slots,
        _past(columns, usage, template_ids),
    )
    rare = anomaly.rarity(used.entries, used.of_source)[inverse]
    burst = _bursts(columns, used, slots)
    return Lines(np.maximum(rare, burst), np.where(burst >= rare, KINDS.index("burst"), KINDS.index("rare")))


def _past(columns: Columns, usage: pd.DataFrame, template_ids: list[str]) -> pd.DataFrame:
    """Return the past by the places of sources and templates; those that these entries lack have place -1."""
    sources = pd.Index(columns.sources).get_indexer(pd.Index(usage["source"]))
    templates = pd.Index(template_ids).get_indexer(pd.Index(usage["template_id"]))
    counts = usage[["entries", "buckets"]].astype("float64")
    return counts.assign(source=sources, template=templates)


def _used(
    columns: Columns, pairs: Numbers, inverse: Numbers, slots: "pd.Series[int]", past: pd.DataFrame
) -> _Used:
    earlier = past.set_index(["source", "template"])[["entries", "buckets"]]
    earlier = (
        earlier.groupby(level=[0, 1])
        .sum()
        .reindex(pd.MultiIndex.from_arrays([pairs[0], pairs[1]]), fill_value=0.0)
    )
    entries = np.bincount(inverse, minlength=pairs.shape[1]) + earlier["entries"].to_numpy()
    buckets = (
        np.bincount(slots.index.get_level_values(0), minlength=pairs.shape[1]) + earlier["buckets"].to_numpy()
    )
    known = past[past["source"] >= 0]
    before = np.bincount(known["source"], known["entries"], minlength=len(columns.sources))
    of_source = np.bincount(columns.source, minlength=len(columns.sources)) + before
    return _Used(inverse, entries, buckets, of_source[pairs[0]])


def _bursts(columns: Columns, used: _Used, slots: "pd.Series[int]") -> Floats:
    """Return the score of each entry that is the first of a burst; others have 0."""
    pair = slots.index.get_level_values(0).to_numpy()
    size = np.array(slots, dtype=np.float64)
    others = used.buckets[pair] - 1
    usual = (used.entries[pair] - size) / np.maximum(others, 1.0)
    strong = anomaly.burst(size, usual, np.asarray(others, dtype=np.float64))
    scores = np.zeros(len(columns))
    is_strong = strong >= 0.5
    bursting = {
        (int(at), int(slot)): float(score)
        for (at, slot), score in zip(slots.index[is_strong], strong[is_strong], strict=True)
    }
    if bursting:
        _mark_first(columns, used.pair, bursting, scores)
    return scores


def _mark_first(
    columns: Columns, pair: Numbers, bursting: dict[tuple[int, int], float], scores: Floats
) -> None:
    candidates = np.flatnonzero(np.isin(pair, [at for at, _ in bursting]))
    ordered = candidates[np.lexsort((columns.entry_id[candidates], columns.event_time[candidates]))]
    waiting = dict(bursting)
    for row in ordered:
        slot = (int(pair[row]), int(columns.event_time[row] // BUCKET_MICROSECONDS))
        scores[row] = max(scores[row], waiting.pop(slot, 0.0))
