"""From scores to lists: the best neighbours of each game, no editions of it, and few of one series."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.contract import POOL
from almanac.workloads.games.encoding import Array, Rows, Scorer
from almanac.workloads.games.lists.nearest import Best, Exclude, ShortRows, SimilarityScorer
from almanac.workloads.games.played import single_histories

CHUNK = 512
# The most scores in memory where every pair is compared; a large catalogue takes fewer rows at a time.
MOST_CELLS = 2**24
# Candidates for each game, enough to fill a list after editions and series have been thinned out.
CANDIDATES = 3 * POOL
MOST_OF_A_SERIES = 3


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of one game, best first: their rows in the catalogue and their scores."""

    rows: ShortRows
    scores: Array


def neighbours(catalogue: pd.DataFrame, scorer: Scorer) -> list[Neighbours]:
    """Return the neighbours of each game of a catalogue, at most POOL, in the order of the catalogue."""
    groups = _Groups.of(catalogue)
    lists: list[Any] = [None] * len(catalogue)
    for best in _batches(catalogue, scorer):
        for game, rows, scores in _sorted(best):
            places = groups.thinned(game, rows.tolist(), scores.tolist())
            lists[game] = Neighbours(rows[places], scores[places])
    return lists


def _batches(catalogue: pd.DataFrame, scorer: Scorer) -> Iterator[Best]:
    exclude = _exclusion(catalogue["adult"].to_numpy(dtype=bool))
    if isinstance(scorer, SimilarityScorer):
        return scorer.best(CANDIDATES, exclude)
    return _best_of_all(scorer, len(catalogue), exclude)


def _exclusion(adult: npt.NDArray[np.bool_]) -> Exclude:
    """Return a function that excludes every game from its own list, and adult ones from lists of others."""

    def exclude(scores: Array, games: Rows, rows: Rows) -> None:
        own = pd.Index(rows).get_indexer(pd.Index(games))
        is_inside = own >= 0
        scores[is_inside, own[is_inside]] = -np.inf
        adult_for_others = np.ix_(~adult[games], adult[rows])
        scores[adult_for_others] = -np.inf

    return exclude


def _best_of_all(scorer: Scorer, size: int, exclude: Exclude) -> Iterator[Best]:
    everything = np.arange(size)
    chunk = min(CHUNK, max(MOST_CELLS // size, 1))
    for start in range(0, size, chunk):
        games = everything[start : start + chunk]
        scores = scorer(single_histories(games, size))
        exclude(scores, games, everything)
        yield _best(games, scores)


def _best(games: Rows, scores: Array) -> Best:
    dropped = max(scores.shape[1] - CANDIDATES, 0)
    rows = np.argpartition(scores, dropped, axis=1)[:, dropped:]
    return Best(games, rows.astype(np.int32), np.take_along_axis(scores, rows, axis=1))


def _sorted(best: Best) -> Iterator[tuple[int, ShortRows, Array]]:
    """Yield each game with its neighbours, best first; among equal scores the more popular comes first."""
    order = np.lexsort((best.neighbours, -best.scores), axis=1)
    rows = np.take_along_axis(best.neighbours, order, axis=1)
    scores = np.take_along_axis(best.scores, order, axis=1)
    return zip(best.rows.tolist(), rows, scores, strict=True)


@dataclass(frozen=True)
class _Groups:
    """The numbers of the work and the series of each game; the series is -1 where there is none."""

    works: list[int]
    series: list[int]

    @classmethod
    def of(cls, catalogue: pd.DataFrame) -> "_Groups":
        series = catalogue["series"].where(catalogue["series"] != "")
        works, numbers = pd.factorize(catalogue["work"])[0], pd.factorize(series)[0]
        return cls(works.tolist(), numbers.tolist())

    def thinned(self, game: int, rows: list[int], scores: list[float]) -> list[int]:
        """Return the places of the neighbours to list: one of each other work, few of one series."""
        works, counts = {self.works[game]}, Counter[int]()
        places = list[int]()
        for place, (row, score) in enumerate(zip(rows, scores, strict=True)):
            if score <= 0 or len(places) == POOL:
                break
            work, series = self.works[row], self.series[row]
            if work in works or counts[series] >= MOST_OF_A_SERIES:
                continue
            works.add(work)
            counts[series] += series >= 0
            places.append(place)
        return places
