"""From scores to lists: the best neighbours of each game, no editions of it, and few of one series."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.contract import LISTED, POOL
from almanac.workloads.games.encoding import Array, Rows, Scorer
from almanac.workloads.games.lists.nearest import Best, Exclude, ShortRows, SimilarityScorer, greatest
from almanac.workloads.games.played import WeightsScorer, single_histories

CHUNK = 512
# The most scores in memory where every pair is compared; a large catalogue takes fewer rows at a time.
MOST_CELLS = 2**24
# Candidates for each game, enough to fill a list after editions and series have been thinned out.
CANDIDATES = 3 * POOL
MOST_OF_A_SERIES = 3


# Games that everybody knows, enough to fill a list whatever is thinned out.
MOST_WELL_KNOWN = 200


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of one game, best first: their rows in the catalogue and their scores."""

    rows: ShortRows
    scores: Array


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best candidates of one game, best first, and the places of those that a list may have."""

    rows: ShortRows
    scores: Array
    places: list[int]


NO_RANKING = Ranking(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32), [])


def neighbours(catalogue: pd.DataFrame, scorer: Scorer) -> list[Neighbours]:
    """Return the neighbours of each game of a catalogue, at most POOL, in the order of the catalogue.

    A game that has too little in common with others gets the best known games, with a score of 0.
    """
    groups, well_known = Groups.of(catalogue), _well_known(catalogue)
    lists = []
    for game, ranking in enumerate(rankings(catalogue, scorer, groups)):
        listed = Neighbours(ranking.rows[ranking.places], ranking.scores[ranking.places])
        if len(listed.rows) < LISTED:
            listed = _with_well_known(game, listed, well_known, groups)
        lists.append(listed)
    return lists


def rankings(catalogue: pd.DataFrame, scorer: Scorer, groups: "Groups") -> list[Ranking]:
    """Return the ranking of each game of a catalogue; without a better game than a score of 0 it is empty."""
    ranked = [NO_RANKING] * len(catalogue)
    for best in _batches(catalogue, scorer):
        for game, rows, scores in _sorted(best):
            positive = int((scores > 0).sum())
            places = groups.thinned(game, rows[:positive].tolist())
            ranked[game] = Ranking(rows[:positive], scores[:positive], places)
    return ranked


def _well_known(catalogue: pd.DataFrame) -> ShortRows:
    everybodys = ~catalogue["adult"].to_numpy(dtype=bool)
    return np.flatnonzero(everybodys)[:MOST_WELL_KNOWN].astype(np.int32)


def _with_well_known(game: int, listed: Neighbours, well_known: ShortRows, groups: "Groups") -> Neighbours:
    rows = np.concatenate([listed.rows, well_known])
    scores = np.concatenate([listed.scores, np.zeros(len(well_known), dtype=np.float32)])
    places = groups.thinned(game, rows.tolist(), most=LISTED)
    return Neighbours(rows[places], scores[places])


def _batches(catalogue: pd.DataFrame, scorer: Scorer) -> Iterator[Best]:
    exclude = _exclusion(catalogue["adult"].to_numpy(dtype=bool))
    if isinstance(scorer, SimilarityScorer | WeightsScorer):
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
        yield greatest(CANDIDATES, games, scores, everything)


def _sorted(best: Best) -> Iterator[tuple[int, ShortRows, Array]]:
    """Yield each game with its neighbours, best first; among equal scores the more popular comes first."""
    order = np.lexsort((best.neighbours, -best.scores), axis=1)
    rows = np.take_along_axis(best.neighbours, order, axis=1)
    scores = np.take_along_axis(best.scores, order, axis=1)
    return zip(best.rows.tolist(), rows, scores, strict=True)


@dataclass(frozen=True)
class Groups:
    """The numbers of the work and the series of each game; the series is -1 where there is none."""

    works: list[int]
    series: list[int]

    @classmethod
    def of(cls, catalogue: pd.DataFrame) -> "Groups":
        """Return the groups of a catalogue."""
        series = catalogue["series"].where(catalogue["series"] != "")
        works, numbers = pd.factorize(catalogue["work"])[0], pd.factorize(series)[0]
        return cls(works.tolist(), numbers.tolist())

    def thinned(self, game: int, rows: list[int], *, most: int = POOL) -> list[int]:
        """Return the places of the neighbours to list: one of each other work, few of one series."""
        works, counts = {self.works[game]}, Counter[int]()
        places = list[int]()
        for place, row in enumerate(rows):
            work, series = self.works[row], self.series[row]
            if work in works or counts[series] >= MOST_OF_A_SERIES:
                continue
            works.add(work)
            counts[series] += series >= 0
            places.append(place)
            if len(places) == most:
                break
        return places
