"""How good the forecasts are on later matches than they were made from, and how sure that is."""

from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Interval, Labels
from almanac.workloads.football.model import OUTCOMES
from almanac.workloads.football.offers import picks
from almanac.workloads.football.strength.timeline import days_of

LOSSES = {
    "rps": metrics.ranked_probability_scores,
    "log_loss": metrics.log_losses,
    "brier": metrics.brier_scores,
    "accuracy": metrics.hits,
}
BAND_EDGES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


class Split(NamedTuple):
    """Played matches in three parts, each later than the one before."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def split_by_season(frame: pd.DataFrame, *, validation: str, test: str) -> Split:
    """Split played matches at the beginning of two seasons; the first season only warms the ratings up and is left out."""
    played = frame[frame["outcome"].notna()]
    season = played["season"]
    train = played[(season > season.min()) & (season < validation)]
    return Split(train, played[season == validation], played[season == test])


def split_by_days(frame: pd.DataFrame, *, as_of: date, test_days: int, validation_days: int) -> Split:
    """Split played matches before `as_of`: the newest `test_days` to test on, the `validation_days` before them to choose on."""
    played = frame[frame["outcome"].notna() & (frame["season"] > frame["season"].min())]
    test_from = pd.Timestamp(as_of - timedelta(days=test_days))
    validation_from = test_from - pd.Timedelta(days=validation_days)
    before = played["date"] < test_from
    early = played["date"] < validation_from
    return Split(played[early], played[before & ~early], played[~before])


def before(frame: pd.DataFrame, day: date | pd.Timestamp) -> pd.DataFrame:
    """Return the played matches before a day, the first season left out."""
    earlier: pd.DataFrame = frame[
        frame["outcome"].notna()
        & (frame["season"] > frame["season"].min())
        & (frame["date"] < pd.Timestamp(day))
    ]
    return earlier


def after(frame: pd.DataFrame, day: date | pd.Timestamp) -> pd.DataFrame:
    """Return the played matches from a day on."""
    later: pd.DataFrame = frame[frame["outcome"].notna() & (frame["date"] >= pd.Timestamp(day))]
    return later


def labels(outcomes: pd.Series) -> Labels:
    """Return the outcomes as column numbers of the chances.

    >>> labels(pd.Series(["home", "draw", "away"])).tolist()
    [2, 1, 0]
    """
    return np.array([OUTCOMES.index(outcome) for outcome in outcomes], dtype=np.int64)


def score(outcomes: pd.Series, chances: Floats) -> dict[str, float]:
    """Return rps, log_loss, brier, accuracy, calibration_error and n of forecasts of OUTCOMES."""
    numbers = labels(outcomes)
    scores = {name: float(loss(numbers, chances).mean()) for name, loss in LOSSES.items()}
    return {**scores, "calibration_error": metrics.calibration_error(numbers, chances), "n": len(numbers)}


def intervals(test: pd.DataFrame, chances: Floats, *, seed: int) -> dict[str, Interval]:
    """Return each mean score with its 95 % bootstrap interval; matches of one day are drawn together."""
    days = days_of(test["date"])
    return {
        name: metrics.bootstrap_interval(loss(labels(test["outcome"]), chances), clusters=days, seed=seed)
        for name, loss in LOSSES.items()
    }


def compare(test: pd.DataFrame, ours: Floats, theirs: Floats, *, seed: int) -> dict[str, Interval]:
    """Return each score of ours minus theirs on the same matches with its 95 % paired bootstrap interval by match day."""
    numbers, days = labels(test["outcome"]), days_of(test["date"])
    return {
        name: metrics.paired_bootstrap(loss(numbers, ours), loss(numbers, theirs), clusters=days, seed=seed)
        for name, loss in LOSSES.items()
    }


def table(test: pd.DataFrame, chances: dict[str, Floats]) -> pd.DataFrame:
    """Return the scores of several models on the same matches, best RPS first, one row per model."""
    rows = {name: score(test["outcome"], each) for name, each in chances.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").sort_values("rps")


def by_league(test: pd.DataFrame, chances: Floats) -> pd.DataFrame:
    """Return the scores of each league, one row per league, best RPS first."""
    places = pd.Series(np.arange(len(test))).groupby(test["league"].to_numpy())
    rows = {league: score(test["outcome"].iloc[at], chances[at]) for league, at in places.indices.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("league").sort_values("rps")


def reliability(outcomes: pd.Series, chances: Floats, *, bins: int = 10) -> pd.DataFrame:
    """Return promised chance and frequency with Wilson's interval in `bins` of equally many matches for each outcome."""
    numbers = labels(outcomes)
    rows = [
        _bin(name, chances[part, column], numbers[part] == column)
        for column, name in enumerate(OUTCOMES)
        for part in np.array_split(np.argsort(chances[:, column], kind="stable"), bins)
        if len(part)
    ]
    return pd.DataFrame(rows)


def _bin(outcome: str, promised: Floats, happened: Labels) -> dict[str, object]:
    share = metrics.wilson(int(happened.sum()), len(happened))
    return {
        "outcome": outcome,
        "promised": promised.mean(),
        "happened": share.estimate,
        "low": share.low,
        "high": share.high,
        "n": len(happened),
    }


def bands(outcomes: pd.Series, chances: pd.DataFrame) -> pd.DataFrame:
    """Return how often picks came true beside what they promised, per band of confidence (the contract's `bands`).

    `chances` has the columns home_win, draw and away_win, with the index of `outcomes`.
    """
    chosen = picks.choose(chances)
    came_true = picks.hit(chosen["pick"], outcomes)
    place = np.clip(np.digitize(chosen["confidence"], BAND_EDGES) - 1, 0, len(BAND_EDGES) - 2)
    rows = [
        _band(low, high, chosen["confidence"][place == at], came_true[place == at])
        for at, (low, high) in enumerate(pairwise(BAND_EDGES))
    ]
    return pd.DataFrame(rows)


def _band(low: float, high: float, confidence: pd.Series, came_true: pd.Series) -> dict[str, object]:
    share = metrics.wilson(int(came_true.sum()), len(came_true))
    return {
        "band": f"{low:.2f}-{high:.2f}",
        "low": low,
        "high": high,
        "picks": len(came_true),
        "hits": int(came_true.sum()),
        "promised": float(confidence.mean()),
        "hit_rate": share.estimate,
        "hit_rate_low": share.low,
        "hit_rate_high": share.high,
    }
