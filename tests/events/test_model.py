"""The models of processing seconds."""

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.events import evaluation, features, model
from almanac.workloads.events.estimators import RelativeLine, SecondsAndBound
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.replays import load
from almanac.workloads.events.replays.load import HEAVY
from almanac.workloads.events.sources import generator, replayed_trace

TRACE = generator.generate(400.0, seed=5)
BATCHES = features.build(replayed_trace.history(TRACE, Prices(), objective_seconds=2.0, seed=1))
EARLY, LATER = evaluation.split(BATCHES)


def predicted(name: str, *, seed: int = 1, early: pd.DataFrame = EARLY) -> Floats:
    """Return what a model of the early batches predicts for the later ones."""
    return np.asarray(model.fit(model.make(name, seed=seed), early).predict(LATER[features.FEATURES]))


def test_a_relative_line_has_the_true_constant_and_parts_where_there_is_no_noise() -> None:
    frame = pd.DataFrame({"count": [1.0, 5.0, 9.0, 2.0], "kb": [3.0, 1.0, 4.0, 9.0]})
    line = RelativeLine().fit(frame, (0.5 + 0.1 * frame["count"] + 0.2 * frame["kb"]).to_numpy())
    assert [line.intercept_, *line.coef_] == pytest.approx([0.5, 0.1, 0.2])


def test_a_relative_line_never_falls() -> None:
    frame = pd.DataFrame({"count": [1.0, 2.0, 3.0]})
    assert RelativeLine().fit(frame, np.array([3.0, 2.0, 1.0])).coef_.tolist() == [0.0]


def test_the_bound_is_the_90th_percentile_of_later_batches() -> None:
    frame = pd.DataFrame({"count": np.ones(400)})
    seconds = np.concatenate([np.ones(300), np.linspace(1.0, 2.0, 100)])
    columns = SecondsAndBound(RelativeLine()).fit(frame, seconds).predict(frame)
    assert columns[0, 1] / columns[0, 0] == pytest.approx(1.9, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "random_forest"])
def test_a_model_explains_later_batches_better_than_their_count_alone(name: str) -> None:
    scores = evaluation.table(LATER, {each: predicted(each) for each in (name, "count", "constant")})
    assert scores.index.tolist() == [name, "count", "constant"]
    assert scores.loc[name, "r2"] > 0.9
    assert scores.loc[name, "above_p90"] == pytest.approx(0.1, abs=0.08)


@pytest.mark.slow
def test_the_bound_is_never_below_the_seconds() -> None:
    columns = predicted("gradient_boosting")
    assert (columns[:, 1] >= columns[:, 0]).all()
    assert (columns > 0).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model() -> None:
    first, again = (predicted("random_forest", seed=3, early=EARLY.head(60)) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_a_recipe_is_read_back_from_text() -> None:
    pipeline = model.from_recipe({"candidate": "count", "seed": "3", "until": "2000-01-01"})
    same = model.make("count", seed=3)
    assert pipeline.get_params(deep=False).keys() == same.get_params(deep=False).keys()


def test_an_unknown_model_is_named_beside_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"Unknown model 'oracle'. Known models: constant, count, linear"):
        model.make("oracle", seed=1)


def test_fitted_processing_is_the_one_that_made_the_batches() -> None:
    fitted = load.fit_processing(BATCHES)
    assert fitted.seconds([10], [50.0])[0] == pytest.approx(HEAVY.seconds([10], [50.0])[0], rel=0.03)
    assert fitted.spread == pytest.approx(0.10, abs=0.02)
