"""How good forecasts are on matches later than the training, beside intervals and baselines."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from almanac.errors import UsageError
from almanac.judging import scores
from almanac.judging.scores import Floats, Interval, Labels
from almanac.workloads.football.model import OUTCOMES
from almanac.workloads.football.offers import picks
from almanac.workloads.football.strength.timeline import days_of

LOSSES = {
    "rps": scores.ranked_probability_scores,
    "log_loss": scores.log_losses,
    "brier": scores.brier_scores,
    "accuracy": scores.hits,
}
LEAST_MATCHES = 1000
TOO_FEW = (
    "{train} matches are left to learn from, {least} are needed: of {played} played matches after the first "
    "season, which only begins the ratings, the newest serve as validation and test. "
    "Name a later cut-off (--data-as-of), or wait for further results."
)
BAND_EDGES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


class Split(NamedTuple):
    """Played matches in three parts, each later than the one before."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def split_by_season(frame: pd.DataFrame, *, validation: str, test: str) -> Split:
    """Split played matches at the beginning of two seasons.

    The first season only warms the ratings up and is left out.
    """
    played = _usable(frame)
    season = played["season"]
    train = played[season < validation]
    return Split(train, played[season == validation], played[season == test])


def split_by_days(frame: pd.DataFrame, *, as_of: date, test_days: int, validation_days: int) -> Split:
    """Split played matches before `as_of` without the first season.

    The last `test_days` are the test part, the `validation_days` before them the validation part. They count
    back from the cut-off, or from the newest result where that is older, as it is between seasons.
    """
    played = _usable(frame)
    end = min(pd.Timestamp(as_of), played["date"].max() + pd.Timedelta(days=1))
    test_from = end - pd.Timedelta(days=test_days)
    validation_from = test_from - pd.Timedelta(days=validation_days)
    is_test = played["date"] >= test_from
    is_train = played["date"] < validation_from
    is_validation = ~is_train & ~is_test
    return Split(played[is_train], played[is_validation], played[is_test])


def refuse_too_few(parts: Split) -> None:
    """Raise UsageError where the parts have too few matches to learn from."""
    played = len(pd.concat(parts))
    if len(parts.train) < LEAST_MATCHES:
        raise UsageError(TOO_FEW.format(train=len(parts.train), least=LEAST_MATCHES, played=played))


def periods(parts: Split) -> pd.DataFrame:
    """Return the number of matches, the first and the last day of each part."""
    rows = {name: _period(part) for name, part in parts._asdict().items() if len(part)}
    return pd.DataFrame(rows, index=["matches", "first", "last"])


def _period(part: pd.DataFrame) -> list[object]:
    days = part["date"].dt.date
    return [len(part), days.min(), days.max()]


def before(frame: pd.DataFrame, day: date | pd.Timestamp) -> pd.DataFrame:
    """Return the played matches before a day, without the first season."""
    played = _usable(frame)
    return played[played["date"] < pd.Timestamp(day)]


def after(frame: pd.DataFrame, day: date | pd.Timestamp) -> pd.DataFrame:
    """Return the played matches from a day on."""
    is_later = frame["date"] >= pd.Timestamp(day)
    rows: pd.DataFrame = frame[is_later & frame["outcome"].notna()]
    return rows


def _usable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the played matches without the first season."""
    season = frame["season"]
    rows: pd.DataFrame = frame[frame["outcome"].notna() & (season > season.min())]
    return rows


def labels(outcomes: pd.Series) -> Labels:
    """Return the outcomes as column numbers of the chances.

    >>> labels(pd.Series(["home", "draw", "away"])).tolist()
    [2, 1, 0]
    """
    return np.array([OUTCOMES.index(outcome) for outcome in outcomes], dtype=np.int64)


def score(outcomes: pd.Series, chances: Floats) -> dict[str, float]:
    """Return rps, log_loss, brier, accuracy, calibration_error and n of forecasts of OUTCOMES."""
    numbers = labels(outcomes)
    means = {name: float(losses.mean()) for name, losses in _losses(numbers, chances)}
    error = scores.calibration_error(numbers, chances)
    return {**means, "calibration_error": error, "n": len(numbers)}


def calibration_noise(chances: Floats, *, seed: int, draws: int = 20) -> float:
    """Return the mean calibration error of outcomes that are drawn from the chances themselves."""
    random = np.random.default_rng(seed)
    steps = chances.cumsum(axis=1)[:, np.newaxis, :-1]
    drawn = (random.random((len(chances), draws, 1)) > steps).sum(axis=2)
    return float(np.mean([scores.calibration_error(each, chances) for each in drawn.T]))


def _losses(numbers: Labels, chances: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the name and the losses per match of each score."""
    for name, loss in LOSSES.items():
        yield name, loss(numbers, chances)


def intervals(test: pd.DataFrame, chances: Floats, *, seed: int) -> dict[str, Interval]:
    """Return each mean score with its 95 % bootstrap interval; matches of one day are drawn together."""
    numbers = labels(test["outcome"])
    days = days_of(test["date"])
    return {
        name: scores.bootstrap_interval(losses, clusters=days, seed=seed)
        for name, losses in _losses(numbers, chances)
    }


def compare(test: pd.DataFrame, ours: Floats, theirs: Floats, *, seed: int) -> dict[str, Interval]:
    """Return each score of ours minus theirs on the same matches, with its 95 % paired bootstrap interval.

    Matches of one day are drawn together.
    """
    numbers = labels(test["outcome"])
    days = days_of(test["date"])
    baseline = dict(_losses(numbers, theirs))
    return {
        name: scores.paired_bootstrap(losses, baseline[name], clusters=days, seed=seed)
        for name, losses in _losses(numbers, ours)
    }


def against_champion(
    later: pd.DataFrame, challenger: Pipeline, champion: Pipeline, *, seed: int
) -> tuple[Interval, float]:
    """Return the difference in log-loss on these matches, and the champion's calibration error.

    The difference is the challenger's loss minus the champion's. Both must be fitted on earlier matches only.
    """
    ours, theirs = challenger.predict_proba(later), champion.predict_proba(later)
    difference = compare(later, ours, theirs, seed=seed)["log_loss"]
    return difference, score(later["outcome"], theirs)["calibration_error"]


def table(test: pd.DataFrame, chances: dict[str, Floats]) -> pd.DataFrame:
    """Return the scores of several models on the same matches, best RPS first, one row per model."""
    rows = {name: score(test["outcome"], forecast) for name, forecast in chances.items()}
    return _best_first(rows, "model")


def by_league(test: pd.DataFrame, chances: Floats) -> pd.DataFrame:
    """Return the scores of each league, one row per league, best RPS first."""
    outcomes = test["outcome"]
    places = test.groupby("league").indices
    rows = {league: score(outcomes.iloc[at], chances[at]) for league, at in places.items()}
    return _best_first(rows, "league")


def _best_first(rows: dict[Any, dict[str, float]], name: str) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(name).sort_values("rps")


def reliability(outcomes: pd.Series, chances: Floats, *, bins: int = 10) -> pd.DataFrame:
    """Return mean chance and frequency of each outcome in `bins` of equally many matches.

    The frequency has Wilson's interval. The columns are outcome, promised, happened, low, high, n.
    """
    numbers = labels(outcomes)
    curves = [
        _reliability(name, chances[:, column], numbers == column, bins)
        for column, name in enumerate(OUTCOMES)
    ]
    return pd.concat(curves, ignore_index=True)


def _reliability(outcome: str, promised: Floats, happened: Labels, bins: int) -> pd.DataFrame:
    order = np.argsort(promised, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame([_bin(outcome, promised[part], happened[part]) for part in parts])


def _bin(outcome: str, promised: Floats, happened: Labels) -> dict[str, object]:
    share = scores.wilson(int(happened.sum()), len(happened))
    return {
        "outcome": outcome,
        "promised": promised.mean(),
        "happened": share.estimate,
        "low": share.low,
        "high": share.high,
        "n": len(happened),
    }


def bands(outcomes: pd.Series, chances: pd.DataFrame) -> pd.DataFrame:
    """Return the hit rate of picks beside their mean confidence, per band of confidence.

    The columns are those of the contract's `bands`. `chances` has the columns home_win, draw and away_win,
    with the index of `outcomes`.
    """
    chosen = picks.choose(chances)
    hits = picks.hit(chosen["pick"], outcomes)
    confidence = chosen["confidence"]
    # Only inner edges separate: a confidence of 1 belongs to the last band.
    bands = np.digitize(confidence, BAND_EDGES[1:-1])
    rows = [
        _band(edges, confidence[bands == number], hits[bands == number])
        for number, edges in enumerate(pairwise(BAND_EDGES))
    ]
    return pd.DataFrame(rows)


def _band(edges: tuple[float, float], confidence: pd.Series, hits: pd.Series) -> dict[str, object]:
    low, high = edges
    rate = scores.wilson(int(hits.sum()), len(hits))
    return {
        "band": f"{low:.2f}-{high:.2f}",
        "low": low,
        "high": high,
        "picks": len(hits),
        "hits": int(hits.sum()),
        "promised": float(confidence.mean()),
        "hit_rate": rate.estimate,
        "hit_rate_low": rate.low,
        "hit_rate_high": rate.high,
    }
