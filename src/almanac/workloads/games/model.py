"""The recommenders by name, how they are fitted, and the lists they make."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from almanac.errors import UsageError
from almanac.workloads.games.blend import Blend, TwoLists
from almanac.workloads.games.content import BROAD, Content, Popularity
from almanac.workloads.games.contract import LISTED, POOL, PREDICTIONS
from almanac.workloads.games.features import LISTS, Known
from almanac.workloads.games.lists import neighbours, reasons
from almanac.workloads.games.lists.neighbours import Neighbours
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
SHOWN = [name for name in LISTS if name in PREDICTIONS.column_names]
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
    made = {
        "popularity": Popularity,
        "content": Content,
        "item_item": ItemItem,
        "ease": Ease,
        "trending": Trending,
    }
    if name == "blend":
        members = [
            (member, Content(weights=BROAD) if member == "content" else made[member]()) for member in MEMBERS
        ]
        return Blend(members, weights=dict(weights))
    if name not in made:
        raise UsageError(f"Unknown model '{name}'. Known models: {', '.join(CANDIDATES)}.")
    return made[name]()


def make(name: str = "blend", *, weights: Mapping[str, float] = BLEND) -> Pipeline:
    """Return the pipeline that makes both lists: similar by content, recommended by the model of this name."""
    return make_pipeline(TwoLists(single("content"), single(name, weights=weights)))


def from_recipe(recipe: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that kept parameters describe: `candidate` and, for a blend, `weight_<member>`; numbers may be text."""
    weights = {
        key.removeprefix("weight_"): float(share)
        for key, share in recipe.items()
        if key.startswith("weight_")
    }
    return make(str(recipe["candidate"]), weights=weights or BLEND)


def fit(model: Any, known: Known) -> Any:
    """Fit a copy of a recommender or pipeline on what is known."""
    with threadpool_limits(limits=THREADS):
        return clone(model).fit(known.catalogue, known.plays)


def training(known: Known) -> pd.DataFrame:
    """Return catalogue and plays as one frame, which is what a model was trained on."""
    return pd.concat(
        [known.catalogue.assign(kind="game"), known.plays.assign(kind="play")], ignore_index=True
    )


def predict(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per game with the columns of the contract's predictions; `frame` is the catalogue of `features.build`."""
    catalogue = frame.reset_index(drop=True)
    with threadpool_limits(limits=THREADS):
        told = _lists(catalogue, pipeline[-1])
    return _described(catalogue).assign(**told)[PREDICTIONS.column_names]


def _lists(catalogue: pd.DataFrame, two: TwoLists) -> dict[str, Any]:
    similar = neighbours.neighbours(catalogue, two.similar_.on(catalogue))
    same = type(two.recommended_) is type(two.similar_)
    recommended = similar if same else neighbours.neighbours(catalogue, two.recommended_.on(catalogue))
    facts = reasons.facts(catalogue, two.similar_.encoder_.rarity_)
    return {
        "similar": _shown(catalogue, similar, facts, played=False),
        "recommended": None
        if same
        else _shown(catalogue, recommended, facts, played=bool(catalogue["players"].any())),
        "recommended_titles": _titles(catalogue, recommended),
        "pool": _pools(catalogue, recommended),
    }


def _described(catalogue: pd.DataFrame) -> pd.DataFrame:
    named = catalogue.rename(columns={"key": "title_key"})
    # The same few words stand in thousands of lists; each is kept once.
    texts: dict[str, Any] = {
        name: [[sys.intern(part) for part in text.split(";") if part] for text in catalogue[name]]
        for name in SHOWN
    }
    return named.assign(
        **texts, main_genre=[genres[0].lower() if genres else "" for genres in texts["genres"]]
    )


def _shown(
    catalogue: pd.DataFrame, found: list[Neighbours], facts: reasons.Facts, *, played: bool
) -> list[list[dict[str, object]]]:
    ids, titles, players = (catalogue[name].tolist() for name in ("game_id", "title", "players"))
    known = [played and count >= LEAST_PLAYERS for count in players]

    def entry(game: int, other: int, score: float) -> dict[str, object]:
        why = facts.why(game, other)
        why = reasons.with_plays(why) if known[game] and known[other] else why
        return {
            "game_id": ids[other],
            "title": titles[other],
            "score": score,
            "why": sys.intern(why or "well known and well liked"),
        }

    return [
        [entry(game, other, score) for other, score in pairs]
        for game, pairs in enumerate(_pairs(found, LISTED))
    ]


def _pairs(found: list[Neighbours], count: int) -> Iterator[list[tuple[int, float]]]:
    # There are millions of scores, but few different ones; each is kept once.
    kept = dict[float, float]()
    for each in found:
        scores = each.scores[:count].astype(np.float64).round(DECIMALS).tolist()
        yield [
            (place, kept.setdefault(score, score))
            for place, score in zip(each.places[:count].tolist(), scores, strict=True)
        ]


def _titles(catalogue: pd.DataFrame, found: list[Neighbours]) -> list[str]:
    titles = catalogue["title"].tolist()
    return [" · ".join(titles[place] for place in each.places[:LISTED].tolist()) for each in found]


def _pools(catalogue: pd.DataFrame, found: list[Neighbours]) -> list[list[tuple[str, float]]]:
    ids = catalogue["game_id"].tolist()
    return [[(ids[place], score) for place, score in pairs] for pairs in _pairs(found, POOL)]
