"""From scores to lists: the best neighbours of each game, without itself, its other editions, or too much of one series."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.content import Scorer
from almanac.workloads.games.contract import POOL
from almanac.workloads.games.encoding import Array
from almanac.workloads.games.played import own_histories

CHUNK = 512
# Looked at for each game, so that enough are left when editions and series have been thinned out.
LOOKED_AT = 3 * POOL
MOST_OF_A_SERIES = 3

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of one game, best first: their rows in the catalogue and their scores."""

    places: list[int]
    scores: list[float]


def neighbours(catalogue: pd.DataFrame, scorer: Scorer) -> Iterator[Neighbours]:
    """Yield the neighbours of each game of a catalogue, at most POOL, in the order of the catalogue."""
    adult = catalogue["adult"].to_numpy(dtype=bool)
    works, series = pd.factorize(catalogue["work"])[0], _series(catalogue["series"])
    for start in range(0, len(catalogue), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(catalogue)))
        scores = scorer(own_histories(rows, len(catalogue)))
        scores[np.arange(len(rows)), rows] = -np.inf
        scores[np.ix_(~adult[rows], adult)] = -np.inf
        for row, (places, best) in zip(rows, _best(scores), strict=True):
            yield _thinned(places, best, works, series, int(row))


def _best(scores: Array) -> Iterator[tuple[Places, Array]]:
    """Yield places and scores of the best of each row; among equals the more popular, which stands first, wins."""
    count = min(LOOKED_AT, scores.shape[1])
    chosen = np.argpartition(scores, scores.shape[1] - count, axis=1)[:, -count:]
    for places, row in zip(chosen, scores, strict=True):
        ordered = places[np.lexsort((places, -row[places]))]
        yield ordered, row[ordered]


def _thinned(places: Places, scores: Array, works: Places, series: Places, own: int) -> Neighbours:
    seen, counts, kept = {works[own]}, dict[Any, int](), list[int]()
    for at, place in enumerate(places):
        work, name = works[place], series[place]
        if work in seen or scores[at] <= 0 or counts.get(name, 0) >= MOST_OF_A_SERIES:
            continue
        seen.add(work)
        if name >= 0:
            counts[name] = counts.get(name, 0) + 1
        kept.append(at)
        if len(kept) == POOL:
            break
    return Neighbours(places[kept].tolist(), [round(float(score), 4) for score in scores[kept]])


def _series(names: pd.Series) -> Places:
    """Return a number for each series, -1 where a game belongs to none that can be told."""
    numbers: Places = pd.factorize(names.where(names != ""))[0]
    return numbers
