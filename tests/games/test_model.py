"""The models: weights worked out by hand, the same for the same data, saved without pickle."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator

from almanac.errors import UsageError
from almanac.workloads.games import model
from almanac.workloads.games.blend import Blend, weighted_sum
from almanac.workloads.games.content import same_for_all
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.encoding import Scorer
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.played import Ease, ItemItem, Trending, single_histories
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, play, predicted, sample, titles

PLAYS = [play("ann", "A"), play("ann", "B"), play("bob", "A"), play("bob", "B"), play("cid", "A")]


def weights(estimator: ItemItem | Ease) -> np.ndarray:
    """Return the weights between two games, A and B."""
    frame = catalogue(game("A"), game("B")).sort_values("title", ignore_index=True)
    scorer = estimator.fit(frame, plays_csv.frame(PLAYS)).scorer(frame)
    return scorer(single_histories(range(2), 2))


def test_item_item_is_the_shrunk_cosine_of_players():
    assert weights(ItemItem(shrink=1.0))[0, 1] == pytest.approx(2 / (np.sqrt(3 * 2) + 1))


def test_ease_is_the_ridge_regression_of_a_game_on_the_other():
    # Of one other game alone the regression is together / (players of the other + penalty).
    ease = weights(Ease(penalty=1.0))
    assert ease[0, 1] == pytest.approx(2 / (3 + 1))
    assert ease[1, 0] == pytest.approx(2 / (2 + 1))
    assert ease[0, 0] == 0


def test_a_recent_play_counts_more_than_an_old_one():
    frame = catalogue(game("A"), game("B")).sort_values("title", ignore_index=True)
    plays = plays_csv.frame([play("ann", "A", "2025-01-01"), play("bob", "B", "2025-03-02")])
    scorer = Trending(half_life_days=60).fit(frame, plays).scorer(frame)
    scores = scorer(single_histories(range(1), 2))
    assert scores[0].tolist() == pytest.approx([np.log(1.5), np.log(2.0)])


def test_the_blend_is_a_weighted_sum():
    content, ease = np.array([[[1.0, 0.0]], [[0.5, 1.0]]], dtype=np.float32)
    total = weighted_sum({"content": content, "ease": ease}, {"content": 0.2, "ease": 1.0})
    assert total.tolist() == [[pytest.approx(0.7), 1.0]]


class FixedScores(BaseEstimator):
    """A member with the same scores for every history."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "FixedScores":
        return self

    def scorer(self, catalogue: pd.DataFrame) -> Scorer:
        return same_for_all(np.array(self.scores, dtype=np.float32))


def test_learned_scores_count_for_less_where_few_have_played_a_game():
    members = [("content", FixedScores([1.0, 0.5])), ("ease", FixedScores([2.0, 4.0]))]
    blend = Blend(members, weights={}, trusted=20.0).fit(pd.DataFrame(), pd.DataFrame())
    score_parts = blend.part_scorer(pd.DataFrame({"players": [20, 0]}))
    parts = score_parts(single_histories(range(2), 2))
    # The first game is half known, the second not at all; the scores of EASE are scaled to their best.
    assert parts["content"].tolist() == [[1.0, 0.5], [1.0, 0.5]]
    assert parts["ease"].tolist() == [[0.25, 0.5], [0.0, 0.0]]
    assert parts["new"].tolist() == [[0.75, 0.5], [1.0, 0.5]]


def test_without_plays_both_lists_are_one_and_two_models_can_be_fitted():
    data = Dataset(catalogue(*[game(f"Game {number}") for number in range(5)]), plays_csv.frame([]))
    assert model.candidates(data) == ["popularity", "content"]
    predictions = model.predict(model.fit(model.make("content"), data), data.catalogue)
    assert predictions["recommended"].isna().all()


def test_with_plays_every_model_makes_lists_that_fit_the_contract():
    assert model.candidates(sample()) == model.CANDIDATES
    predictions = predicted("blend")
    assert list(predictions.columns) == CONTRACT.predictions.column_names
    assert predictions["rank"].tolist() == list(range(1, 401))
    first = predictions.iloc[0]
    assert first["recommended_titles"] == " · ".join(titles(first["recommended"]))


def test_popularity_recommends_the_same_to_everybody():
    data = sample()
    predictions = model.predict(model.fit(model.make("popularity"), data), data.catalogue)
    firsts = {entries[0]["game_id"] for entries in predictions["recommended"]}
    assert firsts <= set(data.catalogue["game_id"].head(3))


def test_a_game_that_the_model_has_never_seen_gets_lists_too():
    data = sample()
    pipeline = model.fit(model.make("blend"), data)
    facts = {"game_id": "steam:1", "title": "Fresh", "work": "fresh", "themes": "Unheard Of", "rank": 443}
    fresh = data.catalogue.iloc[[0]].assign(**facts, series="", players=0)
    predictions = model.predict(pipeline, pd.concat([data.catalogue, fresh], ignore_index=True))
    last = predictions.iloc[-1]
    assert len(last["similar"]) == len(last["recommended"]) == 10


def test_a_saved_model_holds_only_trusted_types_and_recommends_the_same():
    data = sample()
    pipeline = model.fit(model.make("blend"), data)
    saved = skops.io.dumps(pipeline)
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(model.TRUSTED_TYPES)
    loaded = skops.io.loads(saved, trusted=model.TRUSTED_TYPES)
    before, after = (model.predict(each, data.catalogue) for each in (pipeline, loaded))
    pd.testing.assert_frame_equal(after, before)


def test_a_recipe_with_numbers_as_text_makes_the_same_model():
    recipe = {"candidate": "blend", "seed": "1", "weight_ease": "0.5", "weight_content": "0.25"}
    assert model.from_recipe(recipe)[-1].recommended.weights == {"ease": 0.5, "content": 0.25}


def test_the_error_for_an_unknown_model_lists_the_known_ones():
    names = "popularity, content, item_item, ease, blend"
    with pytest.raises(UsageError, match=rf"Unknown model 'magic'\. Known models: {names}\."):
        model.make("magic")
