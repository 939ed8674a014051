"""Every market of a match, from one table of score chances that agrees with those of home, draw, away."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from almanac.workloads.football.contract import CHANCE_COLUMNS
from almanac.workloads.football.strength.timeline import Floats

MOST_GOALS = 12
LIKELY_SCORES = 5
GOALS = np.arange(MOST_GOALS + 1)


def score_chances(home_goals: Floats, away_goals: Floats, dependence: Floats) -> Floats:
    """Return the chance of every score by Dixon and Coles: match, home goals, away goals (0 to 12 each).

    >>> score_chances(np.array([1.0]), np.array([1.0]), np.array([0.0]))[0, 0, 0].round(4)
    np.float64(0.1353)
    """
    home, away = _poisson(home_goals), _poisson(away_goals)
    chances = home[:, :, np.newaxis] * away[:, np.newaxis, :]
    chances[:, 0, 0] *= 1 - home_goals * away_goals * dependence
    chances[:, 0, 1] *= 1 + home_goals * dependence
    chances[:, 1, 0] *= 1 + away_goals * dependence
    chances[:, 1, 1] *= 1 - dependence
    chances = np.maximum(chances, 0.0)
    normalised: Floats = chances / chances.sum(axis=(1, 2), keepdims=True)
    return normalised


def _poisson(mean: Floats) -> Floats:
    column = mean[:, np.newaxis]
    chances: Floats = np.exp(GOALS * np.log(column) - column - gammaln(GOALS + 1))
    return chances


def _regions() -> npt.NDArray[np.float64]:
    """Return 1 for the scores that mean home, draw and away: outcome, home goals, away goals."""
    margin = GOALS[:, np.newaxis] - GOALS
    regions = np.stack([margin > 0, margin == 0, margin < 0])
    return regions.astype(np.float64)


def outcome_chances(scores: Floats) -> Floats:
    """Return the chances of home, draw and away, one row per match."""
    chances: Floats = np.einsum("mha,oha->mo", scores, _regions())
    return chances


def reconcile(scores: Floats, outcomes: Floats) -> Floats:
    """Scale the scores of home wins, draws and away wins so that each adds up to its chance in `outcomes`.

    Within a region the scores keep their proportions. Of all tables with these outcomes the result is the
    nearest to `scores` in relative entropy.
    """
    factors = outcomes / outcome_chances(scores)
    scaled: Floats = scores * np.einsum("mo,oha->mha", factors, _regions())
    return scaled


def derive(features: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return all markets of matches with these features and chances home_win, draw, away_win."""
    home, draw, away = (outcomes[name] for name in CHANCE_COLUMNS.values())
    scores = reconcile(expected_scores(features), np.stack([home, draw, away], axis=1))
    doubles = {"home_or_draw": home + draw, "home_or_away": home + away, "draw_or_away": draw + away}
    columns = {**doubles, **totals(scores), "likely_scores": likely_scores(scores)}
    return pd.DataFrame(columns, index=outcomes.index)


def expected_scores(features: pd.DataFrame) -> Floats:
    """Return the score chances for the geometric mean of rated goals and those by Dixon and Coles."""
    home, away = _mean_goals(features, "home"), _mean_goals(features, "away")
    return score_chances(home, away, _column(features, "fitted_dependence"))


def _mean_goals(features: pd.DataFrame, side: str) -> Floats:
    rated = _column(features, f"rated_{side}_goals")
    fitted = _column(features, f"fitted_{side}_goals")
    mean: Floats = np.sqrt(rated * fitted)
    return mean


def _column(features: pd.DataFrame, name: str) -> Floats:
    return features[name].to_numpy(dtype=np.float64)


def totals(scores: Floats) -> dict[str, Floats]:
    """Return the goal markets that the score chances add up to, one entry per match."""
    sums = GOALS[:, np.newaxis] + GOALS
    return {
        "over_1_5": scores[:, sums > 1].sum(axis=1),
        "over_2_5": scores[:, sums > 2].sum(axis=1),
        "over_3_5": scores[:, sums > 3].sum(axis=1),
        "both_score": scores[:, 1:, 1:].sum(axis=(1, 2)),
        "expected_home_goals": scores.sum(axis=2) @ GOALS,
        "expected_away_goals": scores.sum(axis=1) @ GOALS,
    }


def likely_scores(scores: Floats) -> list[list[dict[str, object]]]:
    """Return the five most likely scores of each match, most likely first."""
    flat = scores.reshape(len(scores), -1)
    best = np.argsort(-flat, axis=1, kind="stable")[:, :LIKELY_SCORES]
    chances = np.take_along_axis(flat, best, axis=1)
    return list(map(_with_chances, best.tolist(), chances.tolist()))


def _with_chances(places: list[int], chances: list[float]) -> list[dict[str, object]]:
    return [_score(place, chance) for place, chance in zip(places, chances, strict=True)]


def _score(place: int, chance: float) -> dict[str, object]:
    home, away = divmod(place, MOST_GOALS + 1)
    return {"score": f"{home}-{away}", "chance": round(chance, 4)}
