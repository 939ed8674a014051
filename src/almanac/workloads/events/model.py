"""The models of processing seconds, and the policy that follows from one of them."""

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
# From the simplest on: of two that are as good, the first is chosen.
CANDIDATES = ["count", "linear", "gradient_boosting", "random_forest"]
LINEAR = ["count", "kb", "kinds"]

# The types that a saved model may contain beyond plain arrays and scikit-learn's estimators. Review each
# addition.
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
    match name:
        case "constant":
            return _pipeline(["count"], SecondsAndBound(DummyRegressor(strategy="median")))
        case "count":
            return _pipeline(["count"], SecondsAndBound(RelativeLine()))
        case "linear":
            return _pipeline(LINEAR, SecondsAndBound(RelativeLine()))
        case "gradient_boosting":
            return _pipeline(FEATURES, SecondsAndBound(_boosting(0.5, seed), _boosting(HIGH, seed)))
        case "random_forest":
            return _pipeline(FEATURES, SecondsAndBound(_forest(seed)))
    raise UsageError(f"Unknown model '{name}'. Known models: {', '.join([BASELINE, *CANDIDATES])}.")


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that stored parameters describe: `candidate` and `seed`; numbers may be text."""
    return make(str(recipe["candidate"]), seed=int(recipe.get("seed", 0)))


def _pipeline(names: list[str], regressor: SecondsAndBound) -> Pipeline:
    columns = ColumnTransformer([("chosen", "passthrough", names)], verbose_feature_names_out=False)
    return Pipeline([("columns", columns.set_output(transform="pandas")), ("seconds", regressor)])


def _forest(seed: int) -> RandomForestRegressor:
    return RandomForestRegressor(100, min_samples_leaf=5, random_state=seed)


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
    """Fit a copy of the pipeline on batches with their `seconds`.

    The result does not depend on the number of processors.
    """
    # A forest adds up its trees in the order in which threads end, so it is fitted on one thread.
    with threadpool_limits(limits=1):
        return clone(pipeline).fit(batches[FEATURES], batches["seconds"])


def predict(pipeline: Pipeline, states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per state with the columns of the contract's predictions.

    `states` are those of `table.states`.
    """
    return table.predictions(states.reset_index(drop=True), pipeline.predict(states[FEATURES]))
