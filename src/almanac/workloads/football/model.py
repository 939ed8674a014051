"""The models that forecast away win, draw or home win from the features of a match."""

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
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.judging import scores
from almanac.workloads.football.contract import CHANCE_COLUMNS, PREDICTIONS
from almanac.workloads.football.estimators import LeagueRates, LogPool, contrasts, log_odds, pooled
from almanac.workloads.football.features import FEATURES
from almanac.workloads.football.offers import markets, picks, ranges, value
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength.timeline import Floats

# Alphabetical, as scikit-learn sorts them, and also the natural order that ranked scores need.
OUTCOMES = ["away", "draw", "home"]
BASELINES = ["base_rates", "always_home", "elo_logit"]
CANDIDATES = ["dixon_coles", "lasting_goals", "logit", "random_forest", "gradient_boosting", "blend"]
# A member with a fixed share of the blend: chosen out of time on the seasons 2019-20 to 2023-24.
FIXED_SHARES = {"lasting_goals": 0.3}
# Fitted on the seasons 2021-22 to 2023-24. A total above 1 makes the average as bold as its members.
BLEND = {"logit": 0.35, "gradient_boosting": 0.105, "random_forest": 0.28, "lasting_goals": 0.3}
MOST_WEIGHT = 1.5
WEIGHT_PREFIX = "weight_"

LASTING = ["lasting_home_goals", "lasting_away_goals"]
INPUTS = ["league", *(feature.__name__ for feature in FEATURES)]
COLUMNS = [feature.__name__ for feature in FEATURES if feature.__name__ not in LASTING]
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

LEAGUE_NAMES = {code: league.name for code, league in LEAGUES.items()}

# Every type beyond plain arrays and scikit-learn's estimators that a saved model may contain; review before
# adding one.
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
    """Return an unfitted pipeline from a features frame to the chances of OUTCOMES.

    `weights` are the members and weights of the blend. Raises UsageError for an unknown name.
    """
    names = [*BASELINES, *CANDIDATES]
    if name not in names:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join(names)}.")
    if name == "blend":
        members = [(member, make(member, seed=seed)) for member in weights]
        return Pipeline([("pool", LogPool(members, weights=list(weights.values())))])
    return make_pipeline(*_steps(name, seed))


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the unfitted pipeline that stored parameters describe.

    `recipe` has `candidate`, `seed` and, for a blend, `weight_<member>`. Numbers may be text.
    """
    keys = [key for key in recipe if key.startswith(WEIGHT_PREFIX)]
    weights = {key.removeprefix(WEIGHT_PREFIX): float(recipe[key]) for key in keys}
    seed = int(recipe.get("seed", 0))
    return make(str(recipe["candidate"]), seed=seed, weights=weights or BLEND)


def recipe(name: str, *, seed: int, weights: Mapping[str, float]) -> dict[str, Any]:
    """Return the parameters from which `from_recipe` makes a model; only a blend has weights."""
    members = weights if name == "blend" else {}
    shares = {f"{WEIGHT_PREFIX}{member}": weight for member, weight in members.items()}
    return {"candidate": name, "seed": seed, **shares}


def _steps(name: str, seed: int) -> list[Any]:
    """Return the steps of a single model's pipeline."""
    match name:
        case "base_rates":
            return [LeagueRates()]
        case "always_home":
            return [DummyClassifier(strategy="constant", constant="home")]
        case "elo_logit":
            return [_elo_and_league(), LogisticRegression(max_iter=1000)]
        case "dixon_coles":
            return [_of_columns(FITTED, FunctionTransformer(log_odds)), LogisticRegression()]
        case "lasting_goals":
            return [_lasting_and_league(), LogisticRegression(max_iter=1000)]
        case "logit":
            return [_with_contrasts(), StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)]
        case "random_forest":
            return [_of_columns(COLUMNS, "passthrough"), _forest(seed)]
    return [_of_columns(COLUMNS, "passthrough"), _boosting(seed)]


def _of_columns(names: list[str], transformer: object) -> ColumnTransformer:
    return ColumnTransformer([("chosen", transformer, names)])


def _elo_and_league() -> ColumnTransformer:
    """Return a transformer to the Elo difference, its square, and the league.

    Without the square and the league the baseline is too easy to beat: uneven matches have fewer draws, and
    leagues differ in draws and home wins.
    """
    curve = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False))
    return _with_league("elo", curve, ["elo_difference"])


def _lasting_and_league() -> ColumnTransformer:
    """Return a transformer to the contrasts of lasting expected goals, and the league."""
    strengths = make_pipeline(FunctionTransformer(contrasts), StandardScaler())
    return _with_league("strengths", strengths, LASTING)


def _with_league(name: str, transformer: Pipeline, columns: list[str]) -> ColumnTransformer:
    leagues = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer([(name, transformer, columns), ("league", leagues, ["league"])])


def _with_contrasts() -> ColumnTransformer:
    """Return a transformer that replaces pairs of expected goals by their contrasts."""
    strengths = ("strengths", FunctionTransformer(contrasts), STRENGTHS)
    return ColumnTransformer([strengths, ("others", "passthrough", OTHERS)])


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
    """Fit a copy of the pipeline on played matches, with the same result on any number of processors."""
    # The forest grows on two threads. Linear algebra stays on one: more threads would only wait for each
    # other, and rounding would depend on their number.
    with threadpool_limits(limits=1), parallel_config("threading", n_jobs=2):
        return clone(pipeline).fit(played, played["outcome"])


def weigh(chances: Mapping[str, Floats], outcomes: pd.Series) -> dict[str, float]:
    """Return the weights with which a pool has the least log-loss on these matches, a validation season.

    The members of FIXED_SHARES get their share, whatever these matches say: one season tells too little.
    """
    shares = {name: share for name, share in FIXED_SHARES.items() if name in chances}
    others = {name: forecast for name, forecast in chances.items() if name not in shares}
    rest = 1 - sum(shares.values())
    fitted = {name: round(rest * weight, 3) for name, weight in _least_loss(others, outcomes).items()}
    return fitted | shares


def _least_loss(chances: Mapping[str, Floats], outcomes: pd.Series) -> dict[str, float]:
    labels = outcomes.map(OUTCOMES.index).to_numpy()
    forecasts = list(chances.values())

    def loss(weights: Floats) -> float:
        pool = pooled(forecasts, weights.tolist())
        return float(scores.log_losses(labels, pool).mean())

    count = len(forecasts)
    start = np.full(count, 1 / count)
    optimum = minimize(loss, start, bounds=[(0, MOST_WEIGHT)] * count)
    weights = optimum.x.round(2).tolist()
    return dict(zip(chances, weights, strict=True))


def chances(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return home_win, draw and away_win of each match, with the index of `frame`."""
    return chance_frame(pipeline.predict_proba(frame), frame.index)


def chance_frame(chances: Floats, index: pd.Index) -> pd.DataFrame:
    """Return chances of OUTCOMES as the columns home_win, draw and away_win."""
    frame = pd.DataFrame(chances, columns=OUTCOMES, index=index)
    return frame[list(CHANCE_COLUMNS)].rename(columns=CHANCE_COLUMNS)


def predict(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per match with the columns of the contract's predictions.

    `odds` is null unless `value.attach` added odds to the frame, the ranges of goals unless `ranges.attach`
    added their threshold.
    """
    rows = frame.reset_index(drop=True)
    outcomes = chances(pipeline, rows)
    rows = rows.assign(league_name=rows["league"].map(LEAGUE_NAMES))
    offers = [markets.derive(rows, outcomes), ranges.derive(rows, outcomes), picks.choose(outcomes)]
    predictions = pd.concat([rows, outcomes, *offers], axis=1)
    reasons = [picks.reason(match) for match in predictions.to_dict("records")]
    predictions = predictions.assign(reason=reasons, odds=value.summaries(predictions))
    return predictions[PREDICTIONS.column_names]
