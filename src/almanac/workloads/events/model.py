"""The models that predict how long a batch takes, and the policy that follows from one of them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.workloads.events.estimators import HIGH, RelativeLine, SecondsAndBound
from almanac.workloads.events.features import FEATURES
from almanac.workloads.events.policy import table

BASELINE = "constant"
# From the simplest to the least simple: where two are as good, the first is taken.
CANDIDATES = ["count", "linear", "gradient_boosting", "random_forest"]
LINEAR = ["count", "kb", "kinds"]

# What a saved model may contain beyond plain arrays and scikit-learn's estimators; reviewed, and kept short.
TRUSTED_TYPES = [
    "almanac.workloads.events.estimators.RelativeLine",
    "almanac.workloads.events.estimators.SecondsAndBound",
    "sklearn._loss._loss.CyPinballLoss",
    "sklearn._loss.loss.PinballLoss",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


def candidates(*, seed: int) -> dict[str, Pipeline]:
    """Return every model by name, the baseline first and then the simplest, not yet fitted."""
    return {name: make(name, seed=seed) for name in [BASELINE, *CANDIDATES]}


def make(name: str = "linear", *, seed: int) -> Pipeline:
    """Return one pipeline from a features frame to seconds and their 90th percentile."""
    if name not in [BASELINE, *CANDIDATES]:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join([BASELINE, *CANDIDATES])}.")
    match name:
        case "constant":
            return _pipeline(["count"], SecondsAndBound(DummyRegressor(strategy="median")))
        case "count":
            return _pipeline(["count"], SecondsAndBound(RelativeLine()))
        case "linear":
            return _pipeline(LINEAR, SecondsAndBound(RelativeLine()))
        case "gradient_boosting":
            return _pipeline(FEATURES, SecondsAndBound(_boosting(0.5, seed), _boosting(HIGH, seed)))
    return _pipeline(
        FEATURES, SecondsAndBound(RandomForestRegressor(100, min_samples_leaf=5, random_state=seed))
    )


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that kept parameters describe: `candidate` and `seed`; numbers may be text."""
    return make(str(recipe["candidate"]), seed=int(recipe.get("seed", 0)))


def _pipeline(names: list[str], regressor: SecondsAndBound) -> Pipeline:
    chosen = ColumnTransformer(
        [("chosen", "passthrough", names)], verbose_feature_names_out=False
    ).set_output(transform="pandas")
    return Pipeline([("columns", chosen), ("seconds", regressor)])


def _boosting(quantile: float, seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        learning_rate=0.08,
        max_iter=150,
        max_leaf_nodes=12,
        min_samples_leaf=20,
        random_state=seed,
    )


def fit(pipeline: Pipeline, batches: pd.DataFrame) -> Pipeline:
    """Fit a copy of the pipeline on batches with their `seconds`; the result does not depend on how many processors there are."""
    # On one thread, since a forest adds up its trees in the order in which threads end.
    with threadpool_limits(limits=1):
        return clone(pipeline).fit(batches[FEATURES], batches["seconds"])


def predict(pipeline: Pipeline, states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per state with the columns of the contract's predictions; `states` as of `policy.states`."""
    return table.table(states.reset_index(drop=True), pipeline.predict(states[FEATURES]))
