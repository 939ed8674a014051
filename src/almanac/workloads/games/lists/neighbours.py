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
from almanac.workloads.games.nearest import Alike, Found, Hide, Places, Short
from almanac.workloads.games.played import own_histories

CHUNK = 512
# Scores kept at once where every pair is compared: of a large catalogue fewer rows.
CELLS = 2**24
# Looked at for each game, so that enough are left when editions and series have been thinned out.
LOOKED_AT = 3 * POOL
MOST_OF_A_SERIES = 3


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of one game, best first: their rows in the catalogue and their scores."""

    places: Short
    scores: Array


def neighbours(catalogue: pd.DataFrame, scorer: Scorer) -> list[Neighbours]:
    """Return the neighbours of each game of a catalogue, at most POOL, in the order of the catalogue."""
    works, series = pd.factorize(catalogue["work"])[0].tolist(), _series(catalogue["series"])
    hide = _hiding(catalogue["adult"].to_numpy(dtype=bool))
    found: list[Any] = [None] * len(catalogue)
    for rows, places, scores in (
        scorer.best(LOOKED_AT, hide)
        if isinstance(scorer, Alike)
        else _best_of_all(scorer, len(catalogue), hide)
    ):
        # Among equals the more popular, which stands first, wins.
        order = np.lexsort((places, -scores), axis=1)
        ordered = np.take_along_axis(places, order, axis=1), np.take_along_axis(scores, order, axis=1)
        for row, best, values in zip(rows.tolist(), *ordered, strict=True):
            found[row] = _thinned(best, values, works, series, row)
    return found


def _hiding(adult: npt.NDArray[np.bool_]) -> Hide:
    """Return what keeps every game out of its own list, and adult ones out of the lists of others."""

    def hide(scores: Array, rows: Places, places: Places) -> None:
        own = pd.Index(places).get_indexer(pd.Index(rows))
        scores[own >= 0, own[own >= 0]] = -np.inf
        scores[np.ix_(~adult[rows], adult[places])] = -np.inf

    return hide


def _best_of_all(scorer: Scorer, size: int, hide: Hide) -> Iterator[Found]:
    everything, count, chunk = np.arange(size), min(LOOKED_AT, size), min(CHUNK, max(CELLS // size, 1))
    for start in range(0, size, chunk):
        rows = everything[start : start + chunk]
        scores = scorer(own_histories(rows, size))
        hide(scores, rows, everything)
        chosen = np.argpartition(scores, size - count, axis=1)[:, -count:]
        yield rows, chosen.astype(np.int32), np.take_along_axis(scores, chosen, axis=1)


def _thinned(places: Short, scores: Array, works: list[int], series: list[int], own: int) -> Neighbours:
    seen, counts, kept = {works[own]}, dict[int, int](), list[int]()
    for at, (place, score) in enumerate(zip(places.tolist(), scores.tolist(), strict=True)):
        work, name = works[place], series[place]
        if score <= 0 or len(kept) == POOL:
            break
        if work in seen or counts.get(name, 0) >= MOST_OF_A_SERIES:
            continue
        seen.add(work)
        if name >= 0:
            counts[name] = counts.get(name, 0) + 1
        kept.append(at)
    return Neighbours(places[kept], scores[kept])


def _series(names: pd.Series) -> list[int]:
    """Return a number for each series, -1 where a game belongs to none that can be told."""
    numbers: list[int] = pd.factorize(names.where(names != ""))[0].tolist()
    return numbers
