"""The recommenders by name, how they are fitted, and the lists they make."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.workloads.games.blend import Blend, TwoLists
from almanac.workloads.games.content import BROAD, BROAD_FAME, BROAD_PRAISE, Content, Popularity
from almanac.workloads.games.contract import PREDICTIONS
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import columns, filling, neighbours, reasons
from almanac.workloads.games.played import Ease, ItemItem, Trending

BASELINE = "popularity"
WITHOUT_PLAYS = ["popularity", "content"]
CANDIDATES = [*WITHOUT_PLAYS, "item_item", "ease", "blend"]
RECOMMENDERS = {
    "popularity": Popularity,
    "content": Content,
    "item_item": ItemItem,
    "ease": Ease,
    "trending": Trending,
}
MEMBERS = ["content", "popularity", "item_item", "ease", "trending"]
# Tuned on simulated players; each training tunes the weights again on plays that no member has seen.
BLEND = {"content": 0.3, "popularity": 0.2, "item_item": 0.4, "ease": 1.0, "trending": 0.2, "new": 0.5}
# EASE as older versions have it; each training chooses its parameters on plays that it has not seen.
EASE = {"penalty": 200.0, "most_games": 3000, "least_games": 1}
# Rounding must not depend on the number of BLAS threads; more than two only wait for each other.
THREADS = 2

# The classes that a saved model may contain beyond plain arrays and scikit-learn's estimators; each is
# reviewed.
TRUSTED_TYPES = [
    "almanac.workloads.games.blend.Blend",
    "almanac.workloads.games.blend.TwoLists",
    "almanac.workloads.games.content.Content",
    "almanac.workloads.games.content.Popularity",
    "almanac.workloads.games.encoding.FieldEncoder",
    "almanac.workloads.games.played.Ease",
    "almanac.workloads.games.played.ItemItem",
    "almanac.workloads.games.played.Trending",
]


def candidates(data: Dataset) -> list[str]:
    """Return the names of the models that can be fitted, the baseline first; without plays only two can."""
    return CANDIDATES if len(data.plays) else WITHOUT_PLAYS


def single(name: str, *, weights: Mapping[str, float] = BLEND, ease: Mapping[str, float] = EASE) -> Any:
    """Return one recommender, not yet fitted; raises UsageError for an unknown name.

    `weights` are those of a blend, `ease` the parameters of EASE.
    """
    if name == "blend":
        return Blend([(member, _member(member, ease)) for member in MEMBERS], weights=dict(weights))
    if name not in RECOMMENDERS:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join(CANDIDATES)}.")
    return _ease(ease) if name == "ease" else RECOMMENDERS[name]()


def _member(name: str, ease: Mapping[str, float]) -> Any:
    if name == "content":
        return Content(weights=BROAD, fame=BROAD_FAME, praise=BROAD_PRAISE, is_focused=False)
    return _ease(ease) if name == "ease" else RECOMMENDERS[name]()


def _ease(parameters: Mapping[str, float]) -> Ease:
    counts = {name: int(parameters[name]) for name in ("most_games", "least_games") if name in parameters}
    return Ease(penalty=float(parameters.get("penalty", EASE["penalty"])), **counts)


def make(
    name: str = "blend", *, weights: Mapping[str, float] = BLEND, ease: Mapping[str, float] = EASE
) -> Pipeline:
    """Return the pipeline of both lists: similar by content, recommended by the model of this name."""
    return make_pipeline(TwoLists(single("content"), single(name, weights=weights, ease=ease)))


def recipe(name: str, *, weights: Mapping[str, float], ease: Mapping[str, float]) -> dict[str, Any]:
    """Return the parameters to store with a version, from which `from_recipe` makes the model again."""
    has_ease = name == "ease" or (name == "blend" and bool(weights.get("ease")))
    of_blend = {f"weight_{member}": weight for member, weight in weights.items()} if name == "blend" else {}
    of_ease = {f"ease_{parameter}": value for parameter, value in ease.items()} if has_ease else {}
    return {"candidate": name, **of_blend, **of_ease}


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline of stored parameters: `candidate`, `weight_<member>` and `ease_<parameter>`.

    Numbers may be texts. Versions from before EASE was tuned have no `ease_<parameter>`.
    """
    weights, ease = _numbers(recipe, "weight_"), _numbers(recipe, "ease_")
    return make(str(recipe["candidate"]), weights=weights or BLEND, ease=ease or EASE)


def _numbers(recipe: Mapping[str, Any], prefix: str) -> dict[str, float]:
    return {key.removeprefix(prefix): float(recipe[key]) for key in recipe if key.startswith(prefix)}


def fit(model: Any, data: Dataset) -> Any:
    """Fit a copy of a recommender or pipeline on a catalogue and its plays."""
    with threadpool_limits(limits=THREADS):
        return clone(model).fit(data.catalogue, data.plays)


def training(data: Dataset) -> pd.DataFrame:
    """Return catalogue and plays as one frame, the training data of a model."""
    parts = [data.catalogue.assign(kind="game"), data.plays.assign(kind="play")]
    return pd.concat(parts, ignore_index=True)


def predict(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per game with the columns of the contract's predictions.

    `frame` is the catalogue of `features.build`.
    """
    catalogue = frame.reset_index(drop=True)
    with threadpool_limits(limits=THREADS):
        lists = _list_columns(catalogue, pipeline[-1])
    return columns.describe(catalogue).assign(**lists)[PREDICTIONS.column_names]


def _list_columns(catalogue: pd.DataFrame, two: TwoLists) -> dict[str, Any]:
    facts = reasons.facts(catalogue, two.similar_.encoder_.rarity_)
    similar = neighbours.neighbours(catalogue, two.similar_.scorer(catalogue))
    recommended, entries = filling.by_content(similar), None
    similar_entries = columns.entries(catalogue, recommended, facts.why)
    if type(two.recommended_) is not type(two.similar_):
        recommended = filling.filled(catalogue, two.recommended_, similar)
        why = reasons.why_played(facts, catalogue["players"].tolist())
        entries = columns.entries(catalogue, recommended, why)
    return {"similar": similar_entries, "recommended": entries} | columns.of_pool(catalogue, recommended)
