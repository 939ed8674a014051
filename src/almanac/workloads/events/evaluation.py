"""The error of predicted seconds on later batches, and bootstrap intervals over neighbours."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from almanac.judging.scores import Interval
from almanac.workloads.events import model
from almanac.workloads.events.features import FEATURES
from almanac.workloads.events.policy.costs import Floats, Integers

TRAIN_SHARE = 0.6
# Of the training batches: candidates are compared on the last part.
VALIDATION_SHARE = 0.25
FIRST_SHARE = 0.2
FOLDS = 5
P90 = 0.9
NO_SECONDS: Floats = np.empty((0, 2))


class Predictions(NamedTuple):
    """Batches, and two columns that were predicted for them: seconds and their 90th percentile."""

    batches: pd.DataFrame
    seconds: Floats


def split(
    frame: pd.DataFrame, *, share: float = TRAIN_SHARE, by: str = "started_at"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the first `share` of the time that the frame spans, and those of the rest."""
    is_early = frame[by] <= edge_of(frame[by], share)
    return frame[is_early].reset_index(drop=True), frame[~is_early].reset_index(drop=True)


def edge_of(instants: pd.Series, share: float = TRAIN_SHARE) -> pd.Timestamp:
    """Return the instant at which `share` of the spanned time is over."""
    edge: pd.Timestamp = instants.min() + (instants.max() - instants.min()) * share
    return edge


def rolling(pipeline: Pipeline, frame: pd.DataFrame, *, since: str = "") -> Predictions:
    """Return each batch with the prediction of a copy of the pipeline, fitted on earlier batches only.

    The first FIRST_SHARE of the batches, and those up to the instant `since`, are only for training. FOLDS
    parts follow, each predicted by a fit on everything before it.
    """
    first = round(len(frame) * FIRST_SHARE)
    if since:
        first = max(first, int((frame["started_at"] <= pd.Timestamp(since)).sum()))
    parts = np.array_split(np.arange(first, len(frame)), FOLDS)
    seconds = [_predict_part(pipeline, frame, part) for part in parts if len(part)]
    return Predictions(frame.iloc[first:], np.concatenate([NO_SECONDS, *seconds]))


def _predict_part(pipeline: Pipeline, frame: pd.DataFrame, part: Integers) -> Floats:
    """Return the predictions for a part of the batches by a fit on all batches before it."""
    fitted = model.fit(pipeline, frame.iloc[: part[0]])
    seconds: Floats = fitted.predict(frame.iloc[part][FEATURES])
    return seconds


def losses(batches: pd.DataFrame, predicted: Floats) -> Floats:
    """Return the loss of each batch: absolute error of the seconds plus twice the pinball loss of p90.

    Both are in units of the mean seconds of these batches, so that figures of quick and of slow work
    compare.
    """
    actual = batches["seconds"].to_numpy(dtype=np.float64)
    errors = np.abs(actual - predicted[:, 0])
    above = actual - predicted[:, 1]
    pinball = np.maximum(P90 * above, (P90 - 1) * above)
    loss: Floats = (errors + 2 * pinball) / actual.mean()
    return loss


def score(batches: pd.DataFrame, predicted: Floats) -> dict[str, float]:
    """Return seconds_loss, mae_seconds, r2, above_p90, calibration_error and n of predictions."""
    actual = batches["seconds"].to_numpy(dtype=np.float64)
    above = float((actual > predicted[:, 1]).mean())
    return {
        "seconds_loss": float(losses(batches, predicted).mean()),
        "mae_seconds": float(np.abs(actual - predicted[:, 0]).mean()),
        "r2": _r2(actual, predicted[:, 0]),
        "above_p90": above,
        "calibration_error": abs(above - (1 - P90)),
        "n": len(batches),
    }


def _r2(actual: Floats, predicted: Floats) -> float:
    """Return the share of the variation that is explained."""
    unexplained = ((actual - predicted) ** 2).sum()
    variation = ((actual - actual.mean()) ** 2).sum()
    return 1 - float(unexplained / max(variation, 1e-12))


def table(batches: pd.DataFrame, predicted: Mapping[str, Floats]) -> pd.DataFrame:
    """Return the scores of several models on the same batches, one row per model, the least loss first."""
    rows = {name: score(batches, seconds) for name, seconds in predicted.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").sort_values("seconds_loss")


def simplest_good(batches: pd.DataFrame, predicted: Mapping[str, Floats], *, seed: int) -> str:
    """Return the first model, simplest first, whose loss is not worse beyond noise than that of the best."""
    loss = {name: losses(batches, seconds) for name, seconds in predicted.items()}
    best = min(loss, key=lambda name: loss[name].mean())

    def is_good(name: str) -> bool:
        return name == best or interval(loss[name] - loss[best], seed=seed).low <= 0

    return next(filter(is_good, predicted))


def interval(values: Floats, *, seed: int, block: int = 20, repeats: int = 1000) -> Interval:
    """Return the mean with its bootstrap interval over blocks of neighbours.

    What slows one batch slows the next.
    """
    blocks = np.arange(len(values)) // block
    return ratio_interval(values, np.ones_like(values), blocks, seed=seed, repeats=repeats)


def ratio_interval(
    above: Floats, below: Floats, groups: Integers, *, seed: int, repeats: int = 1000
) -> Interval:
    """Return sum over sum with its percentile bootstrap interval; values of one group are drawn together."""
    places = np.unique(groups, return_inverse=True)[1]
    tops = np.bincount(places, above)
    bottoms = np.bincount(places, below)
    counts = _bootstrap_counts(len(tops), repeats, seed)
    ratios = (counts @ tops) / np.maximum(counts @ bottoms, 1e-12)
    low, high = np.quantile(ratios, [0.025, 0.975]).tolist()
    return Interval(float(tops.sum() / bottoms.sum()), low, high)


def _bootstrap_counts(groups: int, repeats: int, seed: int) -> Integers:
    """Return how often each group is drawn, shape (repeats, groups)."""
    chances = np.full(groups, 1 / groups)
    return np.random.default_rng(seed).multinomial(groups, chances, size=repeats)
