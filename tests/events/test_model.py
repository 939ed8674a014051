"""The models of processing seconds."""

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.events import evaluation, features, model
from almanac.workloads.events.estimators import RelativeLine, SecondsAndBound
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays import load
from almanac.workloads.events.replays.load import HEAVY
from almanac.workloads.events.sources import generator, replayed

BATCHES = features.build(
    replayed.history(generator.generate(400.0, seed=5), Prices(), objective_seconds=2.0, seed=1)
)
EARLY, LATER = evaluation.split(BATCHES)


def test_a_relative_line_finds_constant_and_parts_where_there_is_no_noise() -> None:
    frame = pd.DataFrame({"count": [1.0, 5.0, 9.0, 2.0], "kb": [3.0, 1.0, 4.0, 9.0]})
    line = RelativeLine().fit(frame, (0.5 + 0.1 * frame["count"] + 0.2 * frame["kb"]).to_numpy())
    assert [line.intercept_, *line.coef_] == pytest.approx([0.5, 0.1, 0.2])


def test_a_relative_line_never_falls() -> None:
    frame = pd.DataFrame({"count": [1.0, 2.0, 3.0]})
    assert RelativeLine().fit(frame, np.array([3.0, 2.0, 1.0])).coef_.tolist() == [0.0]


def test_the_bound_is_what_nine_of_ten_later_batches_did_not_exceed() -> None:
    frame = pd.DataFrame({"count": np.ones(400)})
    seconds = np.concatenate([np.ones(300), np.linspace(1.0, 2.0, 100)])
    told = SecondsAndBound(RelativeLine()).fit(frame, seconds).predict(frame)
    assert told[0, 1] / told[0, 0] == pytest.approx(1.9, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "random_forest"])
def test_a_model_explains_later_batches_better_than_their_count_alone(name: str) -> None:
    told = {
        each: model.fit(model.make(each, seed=1), EARLY).predict(LATER[features.FEATURES])
        for each in (name, "count", "constant")
    }
    scores = evaluation.table(LATER, told)
    assert scores.index.tolist() == [name, "count", "constant"]
    assert scores.loc[name, "r2"] > 0.9
    assert scores.loc[name, "above_p90"] == pytest.approx(0.1, abs=0.08)


@pytest.mark.slow
def test_the_bound_is_never_below_the_seconds() -> None:
    told = model.fit(model.make("gradient_boosting", seed=1), EARLY).predict(LATER[features.FEATURES])
    assert (told[:, 1] >= told[:, 0]).all()
    assert (told > 0).all()


@pytest.mark.slow
def test_the_same_seed_brings_the_same_model() -> None:
    first, again = (
        model.fit(model.make("random_forest", seed=3), EARLY.head(60)).predict(LATER[features.FEATURES])
        for _ in range(2)
    )
    assert first.tolist() == again.tolist()


def test_a_recipe_is_read_back_from_text() -> None:
    recipe = {"candidate": "count", "seed": "3", "until": "2000-01-01"}
    assert (
        model.from_recipe(recipe).get_params(deep=False).keys()
        == model.make("count", seed=3).get_params(deep=False).keys()
    )


def test_an_unknown_model_is_named_beside_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"Unknown model 'oracle'. Known models: constant, count, linear"):
        model.make("oracle", seed=1)


def test_measured_processing_is_the_one_that_made_the_batches() -> None:
    found = load.measured(BATCHES)
    assert found.seconds([10], [50.0])[0] == pytest.approx(HEAVY.seconds([10], [50.0])[0], rel=0.03)
    assert found.spread == pytest.approx(0.10, abs=0.02)
