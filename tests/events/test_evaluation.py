"""How predicted seconds are judged on later batches."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import evaluation, features, model
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.sources import generator, replayed_trace

TRACE = generator.generate(400.0, seed=7)
BATCHES = features.build(replayed_trace.history(TRACE, Prices(), objective_seconds=2.0, seed=1))


def batches(*seconds: float) -> pd.DataFrame:
    """Return batches that began a second apart."""
    started = pd.date_range("2026-01-01", periods=len(seconds), freq="s", tz="UTC")
    return pd.DataFrame({"seconds": seconds, "started_at": started})


def with_noise(seconds: Floats, seed: int) -> Floats:
    """Return predictions that are nearly right, with a bound 0.2 s above the actual seconds."""
    noise = np.random.default_rng(seed).normal(0, 0.1, len(seconds))
    return np.column_stack([seconds + noise, seconds + 0.2])


def test_a_loss_is_the_error_and_twice_the_pinball_loss_in_units_of_the_mean_seconds() -> None:
    losses = evaluation.losses(batches(1.0, 3.0), np.array([[1.0, 2.0], [2.0, 2.5]]))
    # Errors 0 and 1; pinball 0.1 * 1 below the bound and 0.9 * 0.5 above it; the mean is 2.
    assert losses.tolist() == pytest.approx([(0 + 0.2) / 2, (1 + 0.9) / 2])


def test_the_score_of_a_perfect_prediction() -> None:
    score = evaluation.score(batches(1.0, 3.0), np.array([[1.0, 1.0], [3.0, 3.0]]))
    assert (score["seconds_loss"], score["r2"], score["above_p90"], score["n"]) == (0.0, 1.0, 0.0, 2)


def test_later_batches_are_those_of_the_last_part_of_the_time() -> None:
    early, later = evaluation.split(batches(*range(1, 12)))
    assert (len(early), len(later)) == (7, 4)


def test_of_models_that_are_as_good_the_simplest_is_chosen() -> None:
    actual = batches(*np.random.default_rng(1).uniform(1, 2, 200))
    seconds = actual["seconds"].to_numpy()
    wide = np.column_stack([seconds + 1.0, seconds + 2.0])
    models = {"wide": wide, "nearly": with_noise(seconds, 2), "same": with_noise(seconds, 3)}
    assert evaluation.simplest_good(actual, models, seed=1) == "nearly"


def test_each_batch_is_predicted_by_a_model_of_earlier_ones() -> None:
    later_seconds = np.where(BATCHES.index > 100, 9.0, BATCHES["seconds"])
    predictions, changed = (
        evaluation.rolling(model.make("linear", seed=1), frame)
        for frame in (BATCHES, BATCHES.assign(seconds=later_seconds))
    )
    first = len(BATCHES) - len(predictions.batches)
    assert first == round(len(BATCHES) * 0.2)
    assert predictions.seconds[: 100 - first].tolist() == changed.seconds[: 100 - first].tolist()


def test_batches_that_another_model_has_seen_are_only_for_training() -> None:
    until = BATCHES["started_at"].iloc[150]
    predictions = evaluation.rolling(model.make("linear", seed=1), BATCHES, since=until.isoformat())
    assert (predictions.batches["started_at"] > until).all()
    assert len(predictions.batches) == len(BATCHES) - 151


def test_without_later_batches_nothing_is_predicted() -> None:
    until = BATCHES["started_at"].iloc[-1]
    predictions = evaluation.rolling(model.make("linear", seed=1), BATCHES, since=until.isoformat())
    assert (len(predictions.batches), predictions.seconds.shape) == (0, (0, 2))
