"""Lists by what players took to, filled up with similar games where plays say too little."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.contract import LISTED, MOST_AGAINST, POOL
from almanac.workloads.games.encoding import Array, Flags, FromPlayers, Learned
from almanac.workloads.games.lists.nearest import ShortRows
from almanac.workloads.games.lists.neighbours import (
    NO_RANKING,
    Groups,
    Neighbours,
    Ranking,
    rankings,
)
from almanac.workloads.games.played import WeightsScorer

NOTHING = Neighbours(NO_RANKING.rows, NO_RANKING.scores)


@dataclass(frozen=True, slots=True)
class Filled:
    """The neighbours of one game, best first, and whether plays have brought each and a list may have it.

    Entries that no list may have are other editions and further games of a series; several liked games are
    combined better with them, and with the games `against` which plays speak, of scores below zero.
    """

    rows: ShortRows
    scores: Array
    by_players: Flags
    is_listed: Flags
    against: Neighbours = NOTHING

    @property
    def listed(self) -> "Filled":
        """The entries of the published list."""
        places = np.flatnonzero(self.is_listed)[:LISTED]
        return self.at(places)

    def at(self, places: npt.NDArray[Any]) -> "Filled":
        """Return the entries at these places, or those that flags select."""
        by_players, is_listed = self.by_players[places], self.is_listed[places]
        return Filled(self.rows[places], self.scores[places], by_players, is_listed)

    def followed_by(self, other: "Filled") -> "Filled":
        """Return these entries and those of another behind them."""
        return Filled(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.by_players, other.by_players]),
            np.concatenate([self.is_listed, other.is_listed]),
        )


def by_content(similar: list[Neighbours]) -> list[Filled]:
    """Return neighbours by content as filled lists."""
    return [_of_content(each.rows, each.scores) for each in similar]


def _of_content(rows: ShortRows, scores: Array) -> Filled:
    nothing = np.zeros(len(rows), dtype=bool)
    return Filled(rows, scores, nothing, ~nothing)


def filled(catalogue: pd.DataFrame, model: Learned, similar: list[Neighbours]) -> list[Filled]:
    """Return the filled lists of each game of a catalogue; `similar` are its neighbours by content."""
    groups, from_players = Groups.of(catalogue), model.from_players(catalogue)
    scorer = model.scorer(catalogue)
    ranked = rankings(catalogue, scorer, groups)
    level, lists = _level(ranked), list[Filled]()
    for game, ranking in enumerate(ranked):
        learned = _learned(game, ranking, from_players)
        lists.append(_with_content(game, learned, similar[game], groups, level))
    return _with_against(lists, scorer) if isinstance(scorer, WeightsScorer) else lists


def _with_against(lists: list[Filled], scorer: WeightsScorer) -> list[Filled]:
    with_against = list(lists)
    for game, rows, weights in scorer.against(MOST_AGAINST):
        against = Neighbours(rows.astype(np.int32), weights)
        with_against[game] = replace(lists[game], against=against)
    return with_against


def _level(ranked: list[Ranking]) -> float:
    """Return the median score at the end of lists: what content alone is worth beside plays."""
    ends = [ranking.scores[ranking.places[:LISTED][-1]] for ranking in ranked if ranking.places]
    return float(np.median(ends)) if ends else 1.0


def _learned(game: int, ranking: Ranking, from_players: FromPlayers) -> Filled:
    """Return the best entries of a ranking: POOL, and whatever a list needs."""
    is_listed = np.zeros(len(ranking.rows), dtype=bool)
    is_listed[ranking.places] = True
    by_players = from_players(game, ranking.rows)
    is_useful = is_listed | by_players
    is_best = np.cumsum(is_useful) <= POOL
    is_needed = is_listed & (np.cumsum(is_listed) <= LISTED)
    every = Filled(ranking.rows, ranking.scores, by_players, is_listed)
    return every.at((is_useful & is_best) | is_needed)


def _with_content(game: int, learned: Filled, similar: Neighbours, groups: Groups, level: float) -> Filled:
    count, of_players = len(learned.rows), int(learned.is_listed.sum())
    missing = max(POOL - count, LISTED - of_players)
    if missing <= 0:
        return learned
    rows = [*learned.rows[learned.is_listed].tolist(), *similar.rows.tolist()]
    places = [place - of_players for place in groups.thinned(game, rows) if place >= of_players]
    fill = similar.rows[places][:missing], similar.scores[places][:missing]
    least = min(float(learned.scores[-1]), level) if count else level
    return learned.followed_by(_of_content(fill[0], _scaled(fill[1], least)))


def _scaled(scores: Array, best: float) -> Array:
    """Return scores of which the first is `best`."""
    factor = best / scores[0] if len(scores) and scores[0] > 0 else 0.0
    return np.asarray(scores * factor, dtype=np.float32)
