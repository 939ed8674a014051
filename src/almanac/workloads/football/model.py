"""The models that forecast away win, draw or home win from what is known before a match."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.judging import scores
from almanac.workloads.football.contract import PREDICTIONS
from almanac.workloads.football.estimators import LeagueRates, LogPool, contrasts, log_odds, pooled
from almanac.workloads.football.features import FEATURES
from almanac.workloads.football.offers import markets, picks, value
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength.timeline import Floats

# Alphabetical, as scikit-learn sorts them, and also the natural order that ranked scores need.
OUTCOMES = ["away", "draw", "home"]
BASELINES = ["base_rates", "always_home", "elo_logit"]
CANDIDATES = ["dixon_coles", "logit", "random_forest", "gradient_boosting", "blend"]
# Found on the seasons 2021-22 to 2023-24. Adding up to more than 1 makes the average as bold as its members were.
BLEND = {"logit": 0.5, "gradient_boosting": 0.15, "random_forest": 0.4}

COLUMNS = [feature.__name__ for feature in FEATURES]
FITTED = ["fitted_home_goals", "fitted_away_goals", "fitted_dependence"]
STRENGTHS = [
    "rated_home_goals",
    "rated_away_goals",
    "recent_home_goals",
    "recent_away_goals",
    "fitted_home_goals",
    "fitted_away_goals",
]
OTHERS = [name for name in COLUMNS if name not in STRENGTHS]

# What a saved model may contain beyond plain arrays and scikit-learn's estimators; reviewed, and kept short.
TRUSTED_TYPES = [
    "almanac.workloads.football.estimators.LeagueRates",
    "almanac.workloads.football.estimators.LogPool",
    "almanac.workloads.football.estimators.contrasts",
    "almanac.workloads.football.estimators.log_odds",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


def candidates(*, seed: int) -> dict[str, Pipeline]:
    """Return every model by name, baselines first, not yet fitted."""
    return {name: make(name, seed=seed) for name in [*BASELINES, *CANDIDATES]}


def make(name: str = "blend", *, seed: int, weights: Mapping[str, float] = BLEND) -> Pipeline:
    """Return one pipeline from a features frame to the chances of OUTCOMES; `weights` are the blend's members and shares."""
    if name not in [*BASELINES, *CANDIDATES]:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join([*BASELINES, *CANDIDATES])}.")
    if name == "blend":
        members = [(member, make(member, seed=seed)) for member in weights]
        return Pipeline([("pool", LogPool(members, weights=list(weights.values())))])
    return _single(name, seed)


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that kept parameters describe: `candidate`, `seed` and, for a blend, `weight_<member>`; numbers may be text."""
    weights = {
        key.removeprefix("weight_"): float(share)
        for key, share in recipe.items()
        if key.startswith("weight_")
    }
    return make(str(recipe["candidate"]), seed=int(recipe.get("seed", 0)), weights=weights or BLEND)


def _single(name: str, seed: int) -> Pipeline:
    match name:
        case "base_rates":
            return make_pipeline(LeagueRates())
        case "always_home":
            return make_pipeline(DummyClassifier(strategy="constant", constant="home"))
        case "elo_logit":
            return make_pipeline(_chosen(["elo_difference"], StandardScaler()), LogisticRegression())
        case "dixon_coles":
            return make_pipeline(_chosen(FITTED, FunctionTransformer(log_odds)), LogisticRegression())
        case "logit":
            return make_pipeline(
                _strengths_and_others(), StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
            )
        case "random_forest":
            return make_pipeline(_chosen(COLUMNS, "passthrough"), _forest(seed))
    return make_pipeline(_chosen(COLUMNS, "passthrough"), _boosting(seed))


def _chosen(names: list[str], transformer: object) -> ColumnTransformer:
    return ColumnTransformer([("chosen", transformer, names)])


def _strengths_and_others() -> ColumnTransformer:
    return ColumnTransformer(
        [("strengths", FunctionTransformer(contrasts), STRENGTHS), ("others", "passthrough", OTHERS)]
    )


def _forest(seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(
        200, min_samples_leaf=100, max_features=6, max_samples=0.2, random_state=seed
    )


def _boosting(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=150,
        max_leaf_nodes=4,
        min_samples_leaf=300,
        l2_regularization=20.0,
        max_features=0.3,
        random_state=seed,
    )


def fit(pipeline: Pipeline, played: pd.DataFrame) -> Pipeline:
    """Fit a copy of the pipeline on played matches; the result does not depend on how many processors there are."""
    # The forest grows on two threads. Sums stay on one: there threads only wait for each other, and rounding would depend on their number.
    with threadpool_limits(limits=1), parallel_config("threading", n_jobs=2):
        return clone(pipeline).fit(played, played["outcome"])


def weigh(told: Mapping[str, Floats], outcomes: pd.Series) -> dict[str, float]:
    """Return the weights of a log-linear pool with the least log-loss on these matches; meant for a validation season."""
    numbers, given = outcomes.map(OUTCOMES.index).to_numpy(), list(told.values())
    start = np.full(len(given), 1 / len(given))
    found = minimize(
        lambda weights: scores.log_losses(numbers, pooled(given, weights)).mean(),
        start,
        bounds=[(0, 1.5)] * len(given),
    )
    return dict(zip(told, found.x.round(2).tolist(), strict=True))


def chances(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return home_win, draw and away_win of each match, with the index of `frame`."""
    named = pd.DataFrame(pipeline.predict_proba(frame), columns=list(pipeline.classes_), index=frame.index)
    return named[["home", "draw", "away"]].set_axis(["home_win", "draw", "away_win"], axis=1)


def predict(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per match with the columns of the contract's predictions; `odds` is filled where `value.attach` found some."""
    rows = frame.reset_index(drop=True)
    outcomes = chances(pipeline, rows)
    names = rows["league"].map({code: league.name for code, league in LEAGUES.items()})
    filled = pd.concat(
        [rows.assign(league_name=names), outcomes, markets.of(rows, outcomes), picks.choose(outcomes)], axis=1
    )
    reasons = [picks.reason(match) for match in filled.to_dict("records")]
    return filled.assign(reason=reasons, odds=value.told(filled))[PREDICTIONS.column_names]
