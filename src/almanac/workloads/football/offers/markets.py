"""Every market of a match from one table of score chances, made to agree with the chances of home, draw and away."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from almanac.workloads.football.strength.timeline import Floats

MOST_GOALS = 12
LIKELY_SCORES = 5


def score_chances(home_goals: Floats, away_goals: Floats, dependence: Floats) -> Floats:
    """Return the chance of every score by Dixon and Coles: match, home goals, away goals (0 to 12 each).

    >>> score_chances(np.array([1.0]), np.array([1.0]), np.array([0.0]))[0, 0, 0].round(4)
    np.float64(0.1353)
    """
    chances = _poisson(home_goals)[:, :, np.newaxis] * _poisson(away_goals)[:, np.newaxis, :]
    chances[:, 0, 0] *= 1 - home_goals * away_goals * dependence
    chances[:, 0, 1] *= 1 + home_goals * dependence
    chances[:, 1, 0] *= 1 + away_goals * dependence
    chances[:, 1, 1] *= 1 - dependence
    chances = np.maximum(chances, 0.0)
    whole: Floats = chances / chances.sum(axis=(1, 2), keepdims=True)
    return whole


def _poisson(mean: Floats) -> Floats:
    goals = np.arange(MOST_GOALS + 1)
    chances: Floats = np.exp(goals * np.log(mean)[:, np.newaxis] - mean[:, np.newaxis] - gammaln(goals + 1))
    return chances


def _regions() -> npt.NDArray[np.bool_]:
    """Return which scores mean home, draw and away."""
    goals = np.arange(MOST_GOALS + 1)
    margin = goals[:, np.newaxis] - goals[np.newaxis, :]
    return np.stack([margin > 0, margin == 0, margin < 0])


def outcome_chances(scores: Floats) -> Floats:
    """Return the chances of home, draw and away, one row per match."""
    chances: Floats = np.einsum("mha,oha->mo", scores, _regions().astype(np.float64))
    return chances


def reconcile(scores: Floats, outcomes: Floats) -> Floats:
    """Scale the scores of home wins, of draws and of away wins so that each adds up to its chance in `outcomes`.

    Within a region the scores keep their proportions, so of all tables with these outcomes this one is nearest (in relative
    entropy) to the one given.
    """
    factors = outcomes / outcome_chances(scores)
    scaled: Floats = scores * np.einsum("mo,oha->mha", factors, _regions().astype(np.float64))
    return scaled


def of(known: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of all markets for matches with features `known` and chances home_win, draw, away_win."""
    scores = reconcile(expected_scores(known), outcomes[["home_win", "draw", "away_win"]].to_numpy())
    doubles = {
        "home_or_draw": outcomes["home_win"] + outcomes["draw"],
        "home_or_away": outcomes["home_win"] + outcomes["away_win"],
        "draw_or_away": outcomes["draw"] + outcomes["away_win"],
    }
    return pd.DataFrame({**doubles, **totals(scores), "likely_scores": likely(scores)}, index=outcomes.index)


def expected_scores(known: pd.DataFrame) -> Floats:
    """Return the score chances halfway between the ratings and the fit of Dixon and Coles (the geometric mean of their goals)."""
    goals = known[
        ["rated_home_goals", "fitted_home_goals", "rated_away_goals", "fitted_away_goals"]
    ].to_numpy(dtype=np.float64)
    home, away = np.sqrt(goals[:, 0] * goals[:, 1]), np.sqrt(goals[:, 2] * goals[:, 3])
    return score_chances(home, away, known["fitted_dependence"].to_numpy(dtype=np.float64))


def totals(scores: Floats) -> dict[str, Floats]:
    """Return the goal markets that the score chances add up to, one entry per match."""
    goals = np.arange(MOST_GOALS + 1)
    sums = goals[:, np.newaxis] + goals[np.newaxis, :]
    return {
        "over_1_5": scores[:, sums > 1].sum(axis=1),
        "over_2_5": scores[:, sums > 2].sum(axis=1),
        "over_3_5": scores[:, sums > 3].sum(axis=1),
        "both_score": scores[:, 1:, 1:].sum(axis=(1, 2)),
        "expected_home_goals": scores.sum(axis=2) @ goals,
        "expected_away_goals": scores.sum(axis=1) @ goals,
    }


def likely(scores: Floats) -> list[list[dict[str, object]]]:
    """Return the five most likely scores of each match, most likely first."""
    flat = scores.reshape(len(scores), -1)
    best = np.argsort(-flat, axis=1, kind="stable")[:, :LIKELY_SCORES]
    return [
        [_score(int(place), float(chances[place])) for place in places]
        for chances, places in zip(flat, best, strict=True)
    ]


def _score(place: int, chance: float) -> dict[str, object]:
    home, away = divmod(place, MOST_GOALS + 1)
    return {"score": f"{home}-{away}", "chance": round(chance, 4)}
