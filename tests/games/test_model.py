"""The models: hand-worked weights, the same for the same data, saved without pickle."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator

from almanac.errors import UsageError
from almanac.workloads.games import model
from almanac.workloads.games.blend import Blend, combined
from almanac.workloads.games.content import Scorer
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.features import Known
from almanac.workloads.games.played import Ease, ItemItem, Trending, own_histories
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, play, predicted, sample, titles

PLAYS = [play("ann", "A"), play("ann", "B"), play("bob", "A"), play("bob", "B"), play("cid", "A")]


def weights(estimator: ItemItem | Ease) -> np.ndarray:
    """Return what two games, A and B, give to each other."""
    frame = catalogue(game("A"), game("B")).sort_values("title", ignore_index=True)
    return estimator.fit(frame, plays_csv.frame(PLAYS)).on(frame)(own_histories([0, 1], 2))


def test_item_item_is_the_shrunk_cosine_of_players():
    assert weights(ItemItem(shrink=1.0))[0, 1] == pytest.approx(2 / (np.sqrt(3 * 2) + 1))


def test_ease_is_the_ridge_regression_of_a_game_on_the_other():
    # Of one other game alone the regression is together / (players of the other + penalty).
    found = weights(Ease(penalty=1.0))
    assert found[0, 1] == pytest.approx(2 / (3 + 1))
    assert found[1, 0] == pytest.approx(2 / (2 + 1))
    assert found[0, 0] == 0


def test_a_recent_play_counts_more_than_an_old_one():
    frame = catalogue(game("A"), game("B")).sort_values("title", ignore_index=True)
    plays = plays_csv.frame([play("ann", "A", "2025-01-01"), play("bob", "B", "2025-03-02")])
    found = Trending(half_life_days=60).fit(frame, plays).on(frame)(own_histories([0], 2))
    assert found[0].tolist() == pytest.approx([np.log(1.5), np.log(2.0)])


def test_the_blend_is_a_weighted_sum():
    told = {
        "content": np.array([[1.0, 0.0]], dtype=np.float32),
        "ease": np.array([[0.5, 1.0]], dtype=np.float32),
    }
    assert combined(told, {"content": 0.2, "ease": 1.0}).tolist() == [[pytest.approx(0.7), 1.0]]


class Says(BaseEstimator):
    """A member that says the same of everybody."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "Says":
        return self

    def on(self, catalogue: pd.DataFrame) -> Scorer:
        return lambda histories: np.tile(np.array(self.scores, dtype=np.float32), (histories.shape[0], 1))


def test_the_fewer_players_know_a_game_the_less_counts_what_was_learned_from_them():
    blend = Blend([("content", Says([1.0, 0.5])), ("ease", Says([2.0, 4.0]))], weights={}, trusted=20.0).fit(
        pd.DataFrame(), pd.DataFrame()
    )
    told = blend.teller(pd.DataFrame({"players": [20, 0]}))(own_histories([0, 1], 2))
    # The first game is half known, the second not at all; what EASE says is scaled to its best.
    assert told["content"].tolist() == [[1.0, 0.5], [1.0, 0.5]]
    assert told["ease"].tolist() == [[0.25, 0.5], [0.0, 0.0]]
    assert told["new"].tolist() == [[0.75, 0.5], [1.0, 0.5]]


def test_without_plays_both_lists_are_one_and_two_models_can_be_fitted():
    known = Known(catalogue(*[game(f"Game {number}") for number in range(5)]), plays_csv.frame([]))
    assert model.candidates(known) == ["popularity", "content"]
    found = model.predict(model.fit(model.make("content"), known), known.catalogue)
    assert found["recommended"].isna().all()


def test_with_plays_every_model_makes_lists_that_fit_the_contract():
    assert model.candidates(sample()) == model.CANDIDATES
    found = predicted("blend")
    assert list(found.columns) == CONTRACT.predictions.column_names
    assert found["rank"].tolist() == list(range(1, 401))
    assert found["recommended_titles"].iloc[0] == " · ".join(titles(found["recommended"].iloc[0]))


def test_popularity_recommends_the_same_to_everybody():
    known = sample()
    found = model.predict(model.fit(model.make("popularity"), known), known.catalogue)
    firsts = {entries[0]["game_id"] for entries in found["recommended"]}
    assert firsts <= set(known.catalogue["game_id"].head(3))


def test_a_game_that_the_model_has_never_seen_gets_lists_too():
    known = sample()
    pipeline = model.fit(model.make("blend"), known)
    fresh = known.catalogue.iloc[[0]].assign(
        game_id="steam:1", title="Fresh", work="fresh", series="", players=0, themes="Unheard Of", rank=443
    )
    found = model.predict(pipeline, pd.concat([known.catalogue, fresh], ignore_index=True))
    assert len(found["similar"].iloc[-1]) == len(found["recommended"].iloc[-1]) == 10


def test_a_saved_model_holds_only_trusted_types_and_recommends_the_same():
    known = sample()
    pipeline = model.fit(model.make("blend"), known)
    saved = skops.io.dumps(pipeline)
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(model.TRUSTED_TYPES)
    loaded = skops.io.loads(saved, trusted=model.TRUSTED_TYPES)
    pd.testing.assert_frame_equal(
        model.predict(loaded, known.catalogue), model.predict(pipeline, known.catalogue)
    )


def test_a_recipe_kept_as_text_makes_the_same_model():
    recipe = {"candidate": "blend", "seed": "1", "weight_ease": "0.5", "weight_content": "0.25"}
    assert model.from_recipe(recipe)[-1].recommended.weights == {"ease": 0.5, "content": 0.25}


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(
        UsageError,
        match=r"Unknown model 'magic'\. Known models: popularity, content, item_item, ease, blend\.",
    ):
        model.make("magic")
