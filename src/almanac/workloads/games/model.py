"""The recommenders by name, how they are fitted, and the lists they make."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.workloads.games import lists, reasons
from almanac.workloads.games.blend import Blend, TwoLists
from almanac.workloads.games.content import Content, Popularity
from almanac.workloads.games.contract import LISTED, POOL, PREDICTIONS
from almanac.workloads.games.features import LISTS, Known
from almanac.workloads.games.lists import Neighbours
from almanac.workloads.games.played import Ease, ItemItem, Trending

BASELINE = "popularity"
WITHOUT_PLAYS = ["popularity", "content"]
CANDIDATES = [*WITHOUT_PLAYS, "item_item", "ease", "blend"]
MEMBERS = ["content", "popularity", "item_item", "ease", "trending"]
# Found on generated players; each run weighs the members again on plays that none of them has seen.
BLEND = {"content": 0.3, "popularity": 0.2, "item_item": 0.4, "ease": 1.0, "trending": 0.2, "new": 0.5}
# Two BLAS threads: more would only wait for each other, and rounding should not depend on their number.
THREADS = 2
LEAST_PLAYERS = 5
DECIMALS = 4

# What a saved model may contain beyond plain arrays and scikit-learn's estimators; reviewed, and kept short.
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


def candidates(known: Known) -> list[str]:
    """Return the names of the models that can be fitted, the baseline first; without plays only two can."""
    return CANDIDATES if len(known.plays) else WITHOUT_PLAYS


def single(name: str, *, weights: Mapping[str, float] = BLEND) -> Any:
    """Return one recommender, not yet fitted; raises UsageError for an unknown name."""
    made = {"popularity": Popularity, "content": Content, "item_item": ItemItem, "ease": Ease, "trending": Trending}
    if name == "blend":
        return Blend([(member, made[member]()) for member in MEMBERS], weights=dict(weights))
    if name not in made:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join(CANDIDATES)}.")
    return made[name]()


def make(name: str = "blend", *, weights: Mapping[str, float] = BLEND) -> Pipeline:
    """Return the pipeline that makes both lists: similar by content, recommended by the model of this name."""
    return make_pipeline(TwoLists(single("content"), single(name, weights=weights)))


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that kept parameters describe: `candidate` and, for a blend, `weight_<member>`; numbers may be text."""
    weights = {key.removeprefix("weight_"): float(share) for key, share in recipe.items() if key.startswith("weight_")}
    return make(str(recipe["candidate"]), weights=weights or BLEND)


def fit(model: Any, known: Known) -> Any:
    """Fit a copy of a recommender or pipeline on what is known."""
    with threadpool_limits(limits=THREADS):
        return clone(model).fit(known.catalogue, known.plays)


def training(known: Known) -> pd.DataFrame:
    """Return catalogue and plays as one frame, which is what a model was trained on."""
    return pd.concat([known.catalogue.assign(kind="game"), known.plays.assign(kind="play")], ignore_index=True)


def predict(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per game with the columns of the contract's predictions; `frame` is the catalogue of `features.build`."""
    catalogue = frame.reset_index(drop=True)
    two = pipeline[-1]
    facts = reasons.facts(catalogue, two.similar_.encoder_.rarity_)
    with threadpool_limits(limits=THREADS):
        similar = lists.neighbours(catalogue, two.similar_.on(catalogue))
        same = type(two.recommended_) is type(two.similar_)
        recommended = similar if same else lists.neighbours(catalogue, two.recommended_.on(catalogue))
    told: dict[str, Any] = {
        "similar": _shown(catalogue, similar, facts, played=False),
        "recommended": None if same else _shown(catalogue, recommended, facts, played=bool(catalogue["players"].any())),
        "recommended_titles": _titles(catalogue, recommended),
        "pool": _pools(catalogue, recommended),
    }
    return _described(catalogue).assign(**told)[PREDICTIONS.column_names]


def _described(catalogue: pd.DataFrame) -> pd.DataFrame:
    named = catalogue.rename(columns={"key": "title_key"})
    texts = {name: catalogue[name].str.split(";").map(lambda parts: [part for part in parts if part]) for name in LISTS}
    first = texts["genres"].map(lambda genres: genres[0].lower() if genres else "")
    return named.assign(**texts, main_genre=first)


def _shown(catalogue: pd.DataFrame, found: list[Neighbours], facts: reasons.Facts, *, played: bool) -> list[list[dict[str, object]]]:
    ids, titles, players = (catalogue[name].tolist() for name in ("game_id", "title", "players"))
    known = [played and count >= LEAST_PLAYERS for count in players]

    def entry(game: int, other: int, score: float) -> dict[str, object]:
        why = facts.why(game, other)
        why = reasons.with_plays(why) if known[game] and known[other] else why
        # Few reasons are told again and again; each is kept once.
        return {"game_id": ids[other], "title": titles[other], "score": score, "why": sys.intern(why or "well known and well liked")}

    return [[entry(game, other, score) for other, score in _pairs(each, LISTED)] for game, each in enumerate(found)]


def _pairs(found: Neighbours, count: int) -> list[tuple[int, float]]:
    scores = found.scores[:count].astype(np.float64).round(DECIMALS).tolist()
    return list(zip(found.places[:count].tolist(), scores, strict=True))


def _titles(catalogue: pd.DataFrame, found: list[Neighbours]) -> list[str]:
    titles = catalogue["title"].tolist()
    return [" · ".join(titles[place] for place in each.places[:LISTED].tolist()) for each in found]


def _pools(catalogue: pd.DataFrame, found: list[Neighbours]) -> list[list[tuple[str, float]]]:
    ids = catalogue["game_id"].tolist()
    return [[(ids[place], score) for place, score in _pairs(each, POOL)] for each in found]
