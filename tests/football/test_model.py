"""The models: one pipeline from features to chances, the same for the same seed, saved without pickle."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline

from almanac.errors import UsageError
from almanac.workloads.football import evaluation, features, model
from almanac.workloads.football.contract import PREDICTIONS
from almanac.workloads.football.evaluation import Split
from almanac.workloads.football.offers import value
from tests.football.match_samples import CUT, sample_features

EVERY = [*model.BASELINES, *model.CANDIDATES]


@cache
def parts() -> Split:
    return evaluation.split_by_season(sample_features(), validation="2023-24", test="2024-25")


@cache
def fitted(name: str) -> Pipeline:
    return model.fit(model.make(name, seed=1), parts().train)


@cache
def coming() -> pd.DataFrame:
    return features.coming(sample_features(), as_of=CUT, days=14)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_model_gives_chances_of_away_draw_and_home_that_add_up_to_one(name: str) -> None:
    chances = fitted(name).predict_proba(parts().validation)
    assert list(fitted(name).classes_) == model.OUTCOMES
    assert chances.shape == (len(parts().validation), 3)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    assert chances.min() >= 0


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_saved_model_gives_the_same_chances_and_has_reviewed_types_only(name: str) -> None:
    saved = skops.io.dumps(fitted(name))
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(model.TRUSTED_TYPES)
    loaded = skops.io.loads(saved, trusted=model.TRUSTED_TYPES)
    np.testing.assert_array_equal(loaded.predict_proba(coming()), fitted(name).predict_proba(coming()))


@pytest.mark.slow
def test_every_reviewed_type_is_in_some_model() -> None:
    types = [skops.io.get_untrusted_types(data=skops.io.dumps(fitted(name))) for name in EVERY]
    assert set().union(*types) == set(model.TRUSTED_TYPES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "blend"])
def test_the_same_seed_gives_the_same_model_and_another_seed_another(name: str) -> None:
    mine, again, other = (
        model.fit(model.make(name, seed=seed), parts().train).predict_proba(coming()) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(mine, again)
    assert not np.array_equal(mine, other)


def test_fitting_leaves_its_argument_unfitted() -> None:
    unfitted = model.make("logit", seed=1)
    model.fit(unfitted, parts().train)
    assert not hasattr(unfitted, "classes_")


def test_base_rates_are_the_leagues_shares_shrunk_to_those_of_all() -> None:
    train = parts().train
    league, everywhere = (rows["outcome"].eq("home") for rows in (train[train["league"] == "E0"], train))
    share = (league.sum() + 100 * everywhere.mean()) / (len(league) + 100)
    row = coming()[coming()["league"] == "E0"].head(1)
    assert model.chances(fitted("base_rates"), row)["home_win"].iloc[0] == pytest.approx(share)


def test_a_league_that_was_never_seen_has_the_shares_of_all() -> None:
    row = coming().head(1).assign(league="T1")
    assert model.chances(fitted("base_rates"), row)["draw"].iloc[0] == pytest.approx(
        parts().train["outcome"].eq("draw").mean()
    )


def test_the_better_club_is_the_favourite() -> None:
    home_win = model.chances(fitted("blend"), parts().validation)["home_win"]
    gap = parts().validation["elo_difference"]
    assert home_win[gap > 60].mean() > 0.5 > home_win[gap < -60].mean()


def test_the_logit_on_ratings_is_better_than_base_rates() -> None:
    outcomes = parts().validation["outcome"]
    logit, base_rates = (
        evaluation.score(outcomes, fitted(name).predict_proba(parts().validation))["log_loss"]
        for name in ("logit", "base_rates")
    )
    assert logit < base_rates


def test_the_recipe_of_a_blend_has_its_weights_and_that_of_another_model_has_none() -> None:
    weights = {"logit": 0.7, "random_forest": 0.3}
    blend, logit = (model.recipe(name, seed=1, weights=weights) for name in ("blend", "logit"))
    assert blend == {"candidate": "blend", "seed": 1, "weight_logit": 0.7, "weight_random_forest": 0.3}
    assert logit == {"candidate": "logit", "seed": 1}


def test_weights_favour_the_forecast_that_was_right() -> None:
    outcomes = pd.Series(["home", "draw", "away"] * 20)
    right = np.tile([[0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]], (20, 1))
    wrong = np.tile([[0.8, 0.1, 0.1]], (60, 1))
    weights = model.weigh({"right": right, "wrong": wrong}, outcomes)
    assert weights["right"] == 1.5, "a timid forecast that is right becomes bolder, within a bound"
    assert weights["wrong"] < 0.1


def test_lasting_goals_get_their_share_whatever_one_season_says() -> None:
    outcomes = pd.Series(["home", "draw", "away"] * 20)
    right = np.tile([[0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]], (20, 1))
    alone = model.weigh({"logit": right}, outcomes)
    weights = model.weigh({"logit": right, "lasting_goals": right[::-1]}, outcomes)
    assert weights == {"logit": round(0.7 * alone["logit"], 3), "lasting_goals": 0.3}


def test_the_blend_without_a_recipe_is_seven_tenths_of_the_fitted_one_beside_lasting_goals() -> None:
    assert model.BLEND["lasting_goals"] == 0.3
    others = [weight for name, weight in model.BLEND.items() if name != "lasting_goals"]
    assert others == pytest.approx([0.7 * 0.5, 0.7 * 0.15, 0.7 * 0.4])


def test_a_recipe_with_numbers_as_text_makes_the_same_pipeline() -> None:
    stored = {"candidate": "blend", "seed": "1", "weight_logit": "0.7", "weight_random_forest": "0.3"}
    pipeline = model.make("blend", seed=1, weights={"logit": 0.7, "random_forest": 0.3})
    assert repr(model.from_recipe(stored)) == repr(pipeline)


def test_an_unknown_model_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(UsageError, match=r"Unknown model 'logti'\. Known models: base_rates, .*, blend\."):
        model.make("logti", seed=1)


def test_predictions_have_the_columns_of_the_contract_within_its_bounds() -> None:
    predictions = model.predict(fitted("blend"), coming())
    assert list(predictions.columns) == PREDICTIONS.column_names
    assert predictions["match_id"].tolist() == coming()["match_id"].tolist()
    sums = predictions[["home_win", "draw", "away_win"]].sum(axis=1)
    assert sums.to_numpy() == pytest.approx(1.0)
    for column in PREDICTIONS.columns:
        values = predictions[column.name]
        if column.minimum is not None:
            assert values.between(column.minimum, column.maximum or np.inf).all(), column.name
        assert column.nullable or values.notna().all(), column.name


def test_predictions_have_odds_only_for_matches_with_odds() -> None:
    columns = ["match_id", "bookmaker", "taken", "home_odds", "draw_odds", "away_odds"]
    first = coming()["match_id"].iloc[0]
    odds = pd.DataFrame([(first, "Avg", "open", 2.0, 3.0, 4.0)], columns=columns)
    with_odds = model.predict(fitted("blend"), value.attach(coming(), odds))["odds"]
    assert with_odds.iloc[0]["home"] == 2.0
    assert with_odds.iloc[1:].isna().all()
    assert model.predict(fitted("blend"), coming())["odds"].isna().all()


def test_predicting_changes_nothing_in_the_features() -> None:
    before = coming().copy(deep=True)
    model.predict(fitted("blend"), coming())
    pd.testing.assert_frame_equal(coming(), before)
