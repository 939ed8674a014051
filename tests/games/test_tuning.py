"""What training chooses on plays that no model has seen, and what it does where plays are few."""

from functools import cache

import numpy as np
import pytest

from almanac.judging import promotion
from almanac.workloads.games import evaluation, features, model
from almanac.workloads.games.evaluation import PlayerScores, Split
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.measuring import measurement, served, tuning
from almanac.workloads.games.played import Ease, player_matrix
from almanac.workloads.games.sources import plays_csv, simulated
from tests.games_samples import CUT, catalogue, game, play, sample

PLAYERS_NEEDED = promotion.KINDS["plays"].minimum_cases


@cache
def parts() -> Split:
    """Return a split of made-up plays: 400 games and 1,000 players; do not change it."""
    games = simulated.catalogue(400, seed=5)
    plays = simulated.world(games, users=1000, seed=5).plays
    return evaluation.split(features.build(games, plays, as_of=CUT), seed=1)


def ndcg(parameters: dict[str, float], validation: Split) -> float:
    fitted = model.fit(model.single("ease", ease=parameters), validation.train)
    return float(evaluation.rank(validation, fitted.scorer(validation.train.catalogue)).ndcg.mean())


def test_the_parameters_of_ease_are_the_best_ones_on_plays_held_out_of_the_training_part(monkeypatch):
    monkeypatch.setattr(tuning, "EASE_STEPS", {"penalty": (25.0, 800.0), "least_games": (1, 4)})
    chosen = tuning.ease_parameters(parts().train, seed=3)
    validation = evaluation.split(parts().train, seed=3, most_users=tuning.MOST_USERS)
    best = ndcg(chosen, validation)
    penalties = tuning.EASE_STEPS["penalty"]
    assert best >= max(ndcg(model.EASE | {"penalty": penalty}, validation) for penalty in penalties)
    assert chosen.keys() == model.EASE.keys()


def test_the_parameters_of_ease_are_part_of_the_recipe_and_of_the_blend():
    ease = {"penalty": 50.0, "most_games": 1000, "least_games": 2}
    for name in ("ease", "blend"):
        recipe = model.recipe(name, weights=model.BLEND, ease=ease)
        recommended = model.from_recipe({key: str(value) for key, value in recipe.items()})[-1].recommended
        fitted = recommended if name == "ease" else dict(recommended.members)["ease"]
        parameters = (fitted.penalty, fitted.most_games, fitted.least_games)
        assert parameters == (50.0, 1000, 2)
    assert model.recipe("content", weights=model.BLEND, ease=ease) == {"candidate": "content"}


def test_a_recipe_of_an_older_version_makes_ease_as_it_was():
    ease = model.from_recipe({"candidate": "ease"})[-1].recommended
    assert (ease.penalty, ease.most_games, ease.least_games) == (200.0, 3000, 1)


def test_a_model_that_was_saved_before_players_were_chosen_uses_all_players():
    older = Ease.__new__(Ease)
    older.__dict__.update(penalty=1.0, most_games=10, kept=10)
    assert older.least_games == 1


def test_players_with_few_games_are_left_out():
    plays = plays_csv.frame([play("ann", "A"), play("ann", "B"), play("bob", "A"), play("cid", "C")])
    matrix, games = player_matrix(plays, most_games=10, least_games=2)
    assert (matrix.toarray().tolist(), games) == ([[1.0, 1.0]], ["steam:a", "steam:b"])


def scores_of(ndcg: float, players: int) -> PlayerScores:
    values = np.random.default_rng(1).normal(ndcg, 0.05, players)
    return PlayerScores(values, values, np.zeros((players, 10), dtype=np.int64))


@pytest.mark.parametrize(
    ("players", "popularity", "chosen"),
    [
        (PLAYERS_NEEDED, 0.1, "ease"),
        (PLAYERS_NEEDED - 1, 0.1, "content"),
        (PLAYERS_NEEDED, 0.3, "content"),
        (PLAYERS_NEEDED, 0.4, "content"),
    ],
)
def test_content_is_the_candidate_unless_plays_show_a_better_one(players, popularity, chosen):
    models = {"popularity": popularity, "content": 0.05, "item_item": 0.25, "ease": 0.3}
    scores = {name: scores_of(value, players) for name, value in models.items()}
    assert tuning.candidate(scores, seed=1) == chosen
    assert tuning.candidate({}, seed=1) == "content"


def measured(*names: str, of: Split) -> measurement.Measurement:
    """Return the measurement of models that are fitted on the training part of a split."""
    fitted = {name: model.fit(model.make(name), of.train)[-1] for name in names}
    return measurement.measure(fitted, of, of.train.catalogue, seed=1)


def test_plays_judge_models_that_learn_from_them_and_the_proxy_judges_content():
    assert measured("ease", "popularity", of=parts()).kind == "plays"
    # The built-in games have series, which the proxy needs.
    real = evaluation.split(sample(), seed=1)
    assert measured("content", "popularity", of=real).kind == "proxy"
    few = Split(real.train, real.held_out, real.users[: PLAYERS_NEEDED - 1])
    assert measured("ease", "popularity", of=few).kind == "proxy"


def test_figures_of_a_version_have_the_ends_of_their_interval():
    figures = measured("ease", "popularity", of=parts()).figures("ease")
    assert figures["ndcg_at_10_low"] < figures["ndcg_at_10"] < figures["ndcg_at_10_high"]
    assert figures["popularity_ndcg_at_10"] > 0


@pytest.mark.parametrize(
    "rows",
    [
        [("u1", "A")],
        [(f"u{number}", "ABC"[number % 3]) for number in range(30)],
        [("u1", title) for title in "ABCDEF"],
        [(f"u{number}", title) for number in range(120) for title in "ABCDE"],
    ],
    ids=["one play", "one game for each player", "one player", "all play the same"],
)
def test_unusual_plays_are_trained_on_and_every_game_gets_a_list(rows):
    frame = catalogue(*[game(title) for title in "ABCDEFGHIJKLM"])
    plays = plays_csv.frame([play(user, title) for user, title in rows])
    data = Dataset(frame.assign(players=features.players(frame, plays)), plays)
    split = evaluation.split(data, seed=1)
    ease = tuning.ease_parameters(split.train, seed=1)
    weights = tuning.weigh(split.train, seed=1, ease=ease)
    for name in ("ease", "blend", "item_item"):
        pipeline = model.fit(model.from_recipe(model.recipe(name, weights=weights, ease=ease)), data)
        lists = model.predict(pipeline, data.catalogue)["recommended"]
        assert lists.map(len).tolist() == [10] * 13


@pytest.mark.parametrize("candidate", ["ease", "item_item"])
def test_combined_lists_are_nearly_as_good_as_the_model_itself(candidate):
    pipeline = model.fit(model.make(candidate), parts().train)
    frame = parts().train.catalogue
    itself = evaluation.rank(parts(), pipeline[-1].recommended_.scorer(frame))
    lists = evaluation.rank(parts(), served.scorer(model.predict(pipeline, frame)))
    assert lists.ndcg.mean() == pytest.approx(itself.ndcg.mean(), abs=0.005)
    assert itself.ndcg.mean() > 0.1


def test_one_liked_game_gets_the_list_and_several_get_all_of_the_pools():
    frame = sample().catalogue.head(12)
    ids = frame["game_id"].tolist()
    pool = [(ids[1], 0.5, "unlisted"), (ids[2], 0.25, "players"), (ids[3], 0.125), (ids[4], -0.5, "against")]
    predictions = frame.assign(pool=[pool, *[[(ids[4], 0.5)]] * 11])
    histories = evaluation.histories_of(
        plays_csv.frame([(user, ids[row], 1.0, None, "csv") for user, row in (("a", 0), ("b", 0), ("b", 5))]),
        ["a", "b"],
        frame,
    )
    scores = served.scorer(predictions)(histories)
    assert scores[0, 1:5].tolist() == [0.0, 0.25, 0.125, 0.0]
    assert scores[1, 1:5].tolist() == [0.25, 0.125, 0.0625, 0.0]
