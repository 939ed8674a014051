"""The markets of a match: coherent, and worked out by hand."""

from math import exp

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football.offers import markets
from tests.football.match_samples import sample_features


def one(home: float, away: float, dependence: float = 0.0) -> np.ndarray:
    return markets.score_chances(np.array([home]), np.array([away]), np.array([dependence]))


def test_without_dependence_a_score_is_the_product_of_two_poisson_chances() -> None:
    assert one(1.5, 1.0)[0, 2, 1] == pytest.approx(exp(-1.5) * 1.5**2 / 2 * exp(-1.0))


def test_a_negative_dependence_makes_low_draws_likelier_by_the_factors_of_the_paper() -> None:
    chances = one(2.0, 0.5, -0.1)[0]
    plain = one(2.0, 0.5)[0]
    # 1 - 2 x 0.5 x -0.1, 1 + 2 x -0.1, 1 + 0.5 x -0.1 and 1 + 0.1
    ratios = [
        chances[0, 0] / plain[0, 0],
        chances[0, 1] / plain[0, 1],
        chances[1, 0] / plain[1, 0],
        chances[1, 1] / plain[1, 1],
    ]
    assert ratios == pytest.approx([1.1, 0.8, 0.95, 1.1])
    assert chances[2, 2] == pytest.approx(plain[2, 2])


def test_a_dependence_too_great_for_the_goals_makes_no_chance_negative() -> None:
    assert one(6.0, 6.0, 0.1).min() == 0.0
    assert one(6.0, 6.0, 0.1).sum() == pytest.approx(1.0)


def test_reconciled_scores_add_up_to_the_models_chances() -> None:
    wanted = np.array([[0.5, 0.3, 0.2]])
    scores = markets.reconcile(one(1.1, 1.3, -0.05), wanted)
    assert markets.outcome_chances(scores) == pytest.approx(wanted)


def test_reconciling_keeps_the_proportions_within_home_wins() -> None:
    before = one(1.5, 1.0)[0]
    after = markets.reconcile(one(1.5, 1.0), np.array([[0.6, 0.2, 0.2]]))[0]
    assert after[2, 1] / after[1, 0] == pytest.approx(before[2, 1] / before[1, 0])


def test_totals_of_a_table_with_three_scores_are_added_by_hand() -> None:
    scores = np.zeros((1, 13, 13))
    scores[0, 1, 0], scores[0, 2, 1], scores[0, 3, 3] = 0.5, 0.3, 0.2
    told = {name: values[0] for name, values in markets.totals(scores).items()}
    assert told == pytest.approx(
        {
            "over_1_5": 0.5,
            "over_2_5": 0.5,
            "over_3_5": 0.2,
            "both_score": 0.5,
            "expected_home_goals": 0.5 + 0.6 + 0.6,
            "expected_away_goals": 0.3 + 0.6,
        }
    )


def test_the_likely_scores_come_most_likely_first() -> None:
    scores = np.zeros((1, 13, 13))
    scores[0, 1, 0], scores[0, 2, 1], scores[0, 3, 3] = 0.5, 0.3, 0.2
    told = markets.likely_scores(scores)[0]
    assert told[:3] == [
        {"score": "1-0", "chance": 0.5},
        {"score": "2-1", "chance": 0.3},
        {"score": "3-3", "chance": 0.2},
    ]
    assert len(told) == 5


def test_the_expected_goals_lie_halfway_between_ratings_and_fit_and_keep_the_fits_dependence() -> None:
    # Geometric means: home of 1 and 4, away of 0.5 and 2.
    known = pd.DataFrame(
        {
            "rated_home_goals": [1.0],
            "fitted_home_goals": [4.0],
            "rated_away_goals": [0.5],
            "fitted_away_goals": [2.0],
            "fitted_dependence": [-0.1],
        }
    )
    assert markets.expected_scores(known) == pytest.approx(one(2.0, 1.0, -0.1))


def test_all_markets_of_a_match_agree_with_each_other() -> None:
    known = sample_features().head(50)
    wanted = pd.DataFrame({"home_win": 0.45, "draw": 0.25, "away_win": 0.30}, index=known.index)
    told = markets.derive(known, wanted)
    assert told["home_or_draw"].tolist() == pytest.approx([0.70] * 50)
    assert told["home_or_away"].tolist() == pytest.approx([0.75] * 50)
    assert told["draw_or_away"].tolist() == pytest.approx([0.55] * 50)
    assert ((told["over_1_5"] > told["over_2_5"]) & (told["over_2_5"] > told["over_3_5"])).all()
    assert (told["both_score"] < told["over_1_5"]).all()


def test_goals_and_scores_follow_the_chances_of_the_match() -> None:
    known = sample_features().iloc[[0, 0]].reset_index(drop=True)
    told = markets.derive(
        known, pd.DataFrame({"home_win": [0.9, 0.05], "draw": [0.05, 0.05], "away_win": [0.05, 0.9]})
    )
    assert told["expected_home_goals"][0] > told["expected_away_goals"][0]
    assert told["expected_home_goals"][1] < told["expected_away_goals"][1]
    wins = [[score["score"][0] > score["score"][2] for score in scores] for scores in told["likely_scores"]]
    assert wins == [[True] * 5, [False] * 5]
