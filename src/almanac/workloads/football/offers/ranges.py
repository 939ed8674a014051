"""Ranges of goals that hold as often as they promise: split conformal prediction of counts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging import scores
from almanac.workloads.football.contract import CHANCE_COLUMNS
from almanac.workloads.football.offers import markets
from almanac.workloads.football.strength.timeline import GOALS, Floats, goals_of

# Eight of ten clubs score within their range. The chances alone promise more than a count needs: its range
# can only grow by whole goals.
LEVEL = 0.8
THRESHOLD = "goals_threshold"
COLUMNS = ["home_goals_low", "home_goals_high", "away_goals_low", "away_goals_high"]


class Sides(NamedTuple):
    """One array for the home clubs and one for the away clubs: a row per match, a column per number."""

    home: Floats
    away: Floats


def goal_chances(features: pd.DataFrame, outcomes: pd.DataFrame) -> Sides:
    """Return the chance of each number of goals, as served."""
    chances = outcomes[list(CHANCE_COLUMNS.values())].to_numpy()
    table = markets.reconcile(markets.expected_scores(features), chances)
    return Sides(table.sum(axis=2), table.sum(axis=1))


def mass_needed(chances: Floats) -> Floats:
    """Return for each number of goals the chance of all numbers that are at least as likely.

    >>> mass_needed(np.array([[0.3, 0.5, 0.2]])).round(2).tolist()
    [[0.8, 0.5, 1.0]]
    """
    order = np.argsort(-chances, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(chances, order, axis=1), axis=1)
    needed = np.empty_like(sums)
    np.put_along_axis(needed, order, sums, axis=1)
    return needed


def with_goals(rows: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the goals of these matches, in the same order."""
    return rows.join(matches.set_index("match_id")[GOALS], on="match_id")


def needed_by_results(played: pd.DataFrame, outcomes: pd.DataFrame) -> Floats:
    """Return the mass that a range needs to hold the goals that came: home and away club of each match."""
    sides = zip(goal_chances(played, outcomes), goals_of(played), strict=True)
    return np.stack([_at(mass_needed(chances), goals) for chances, goals in sides], axis=1)


def _at(needed: Floats, goals: Floats) -> Floats:
    places = np.minimum(goals.astype(np.int64), needed.shape[1] - 1)
    mass: Floats = needed[np.arange(len(needed)), places]
    return mass


def threshold_of(needed: Floats, *, level: float = LEVEL) -> float:
    """Return the mass of a range that holds at least `level` of later counts, if they are like these.

    It is the (n + 1) · level-th smallest of the n masses; 1 where there are too few.

    >>> threshold_of(np.array([0.5, 0.9, 0.7, 0.8]))
    0.9
    """
    ordered = np.sort(needed, axis=None)
    place = int(np.ceil((len(ordered) + 1) * level))
    return float(ordered[place - 1]) if place <= len(ordered) else 1.0


def attach(coming: pd.DataFrame, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the matches with the threshold that the model's evaluation found; NaN where it found none."""
    return coming.assign(**{THRESHOLD: float(metrics.get(THRESHOLD) or np.nan)})


def derive(features: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the range of goals of both clubs, null for matches without the column of `attach`."""
    if THRESHOLD not in features:
        return pd.DataFrame(dict.fromkeys(COLUMNS, pd.NA), index=outcomes.index, dtype="Int64")
    thresholds = features[THRESHOLD].to_numpy(dtype=np.float64)
    ends = [end for side in goal_chances(features, outcomes) for end in _ends(side, thresholds)]
    is_unmeasured = np.isnan(thresholds)
    columns = [pd.arrays.IntegerArray(end, is_unmeasured.copy()) for end in ends]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=outcomes.index)


def _ends(chances: Floats, thresholds: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the least and the greatest number of each range, which has at least the most likely number."""
    needed = mass_needed(chances)
    least = needed.min(axis=1)
    is_inside = needed <= np.maximum(thresholds, least)[:, np.newaxis]
    last = is_inside.shape[1] - 1
    return is_inside.argmax(axis=1), last - is_inside[:, ::-1].argmax(axis=1)


def coverage(needed: Floats, threshold: float) -> scores.Interval:
    """Return the share of counts that their ranges hold, with Wilson's 95 % interval."""
    return scores.wilson(int((needed <= threshold).sum()), needed.size)
