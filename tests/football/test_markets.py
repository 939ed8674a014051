"""The markets of a match: coherent, and worked out by hand."""

from math import exp

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football.offers import markets
from tests.football.match_samples import sample_features


def one(home: float, away: float, dependence: float = 0.0) -> np.ndarray:
    return markets.score_chances(np.array([home]), np.array([away]), np.array([dependence]))


@pytest.fixture
def three_scores() -> np.ndarray:
    """A table in which only 1-0, 2-1 and 3-3 are possible."""
    scores = np.zeros((1, 13, 13))
    scores[0, 1, 0], scores[0, 2, 1], scores[0, 3, 3] = 0.5, 0.3, 0.2
    return scores


def test_without_dependence_a_score_is_the_product_of_two_poisson_chances() -> None:
    assert one(1.5, 1.0)[0, 2, 1] == pytest.approx(exp(-1.5) * 1.5**2 / 2 * exp(-1.0))


def test_a_negative_dependence_changes_low_scores_by_the_factors_of_the_paper() -> None:
    ratios = one(2.0, 0.5, -0.1)[0] / one(2.0, 0.5)[0]
    # 1 - 2 x 0.5 x -0.1, 1 + 2 x -0.1, 1 + 0.5 x -0.1 and 1 + 0.1
    assert ratios[:2, :2] == pytest.approx(np.array([[1.1, 0.8], [0.95, 1.1]]))
    assert ratios[2, 2] == pytest.approx(1.0)


def test_a_dependence_too_great_for_the_goals_makes_no_chance_negative() -> None:
    assert one(6.0, 6.0, 0.1).min() == 0.0
    assert one(6.0, 6.0, 0.1).sum() == pytest.approx(1.0)


def test_reconciled_scores_add_up_to_the_models_chances() -> None:
    outcomes = np.array([[0.5, 0.3, 0.2]])
    scores = markets.reconcile(one(1.1, 1.3, -0.05), outcomes)
    assert markets.outcome_chances(scores) == pytest.approx(outcomes)


def test_reconciling_keeps_the_proportions_within_home_wins() -> None:
    before = one(1.5, 1.0)[0]
    after = markets.reconcile(one(1.5, 1.0), np.array([[0.6, 0.2, 0.2]]))[0]
    assert after[2, 1] / after[1, 0] == pytest.approx(before[2, 1] / before[1, 0])


def test_totals_of_a_table_with_three_scores_are_added_by_hand(three_scores: np.ndarray) -> None:
    totals = {name: values[0] for name, values in markets.totals(three_scores).items()}
    assert totals == pytest.approx(
        {
            "over_1_5": 0.5,
            "over_2_5": 0.5,
            "over_3_5": 0.2,
            "both_score": 0.5,
            "expected_home_goals": 0.5 + 0.6 + 0.6,
            "expected_away_goals": 0.3 + 0.6,
        }
    )


def test_the_most_likely_scores_come_first(three_scores: np.ndarray) -> None:
    scores = markets.likely_scores(three_scores)[0]
    assert [(score["score"], score["chance"]) for score in scores[:3]] == [
        ("1-0", 0.5),
        ("2-1", 0.3),
        ("3-3", 0.2),
    ]
    assert len(scores) == 5


def test_the_expected_goals_are_geometric_means_and_keep_the_fits_dependence() -> None:
    # Home goals of 1 and 4, away goals of 0.5 and 2.
    goals = {"rated_home_goals": 1.0, "fitted_home_goals": 4.0}
    goals |= {"rated_away_goals": 0.5, "fitted_away_goals": 2.0}
    features = pd.DataFrame([goals | {"fitted_dependence": -0.1}])
    assert markets.expected_scores(features) == pytest.approx(one(2.0, 1.0, -0.1))


def test_all_markets_of_a_match_agree_with_each_other() -> None:
    features = sample_features().head(50)
    outcomes = pd.DataFrame({"home_win": 0.45, "draw": 0.25, "away_win": 0.30}, index=features.index)
    derived = markets.derive(features, outcomes)
    assert derived["home_or_draw"].tolist() == pytest.approx([0.70] * 50)
    assert derived["home_or_away"].tolist() == pytest.approx([0.75] * 50)
    assert derived["draw_or_away"].tolist() == pytest.approx([0.55] * 50)
    assert (derived["over_1_5"] > derived["over_2_5"]).all()
    assert (derived["over_2_5"] > derived["over_3_5"]).all()
    assert (derived["both_score"] < derived["over_1_5"]).all()


def test_goals_and_scores_follow_the_chances_of_the_match() -> None:
    features = sample_features().iloc[[0, 0]].reset_index(drop=True)
    outcomes = pd.DataFrame({"home_win": [0.9, 0.05], "draw": [0.05, 0.05], "away_win": [0.05, 0.9]})
    derived = markets.derive(features, outcomes)
    more_home_goals = derived["expected_home_goals"] > derived["expected_away_goals"]
    assert more_home_goals.tolist() == [True, False]
    wins = [
        [score["score"][0] > score["score"][2] for score in scores] for scores in derived["likely_scores"]
    ]
    assert wins == [[True] * 5, [False] * 5]
