"""Ranges of goals: their ends worked out by hand, and how often they hold on matches that set no width."""

import doctest

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football import held_out
from almanac.workloads.football.offers import ranges, statistics
from tests.football.match_samples import match, matches

OUTCOMES = pd.DataFrame({"home_win": [0.5, 0.5], "draw": [0.25, 0.25], "away_win": [0.25, 0.25]})
FEATURES = pd.DataFrame({
    "rated_home_goals": [1.6, 1.6],
    "rated_away_goals": [1.1, 1.1],
    "fitted_home_goals": [1.6, 1.6],
    "fitted_away_goals": [1.1, 1.1],
    "fitted_dependence": [0.0, 0.0],
})  # fmt: skip


def test_the_examples_in_the_documentation_hold() -> None:
    result = doctest.testmod(ranges)
    assert (result.failed, result.attempted) == (0, 2)


def test_the_chances_of_goals_agree_with_the_chances_of_the_outcomes() -> None:
    home, away = ranges.goal_chances(FEATURES, OUTCOMES)
    assert home.shape == away.shape == (2, 13)
    assert home.sum(axis=1) == pytest.approx([1.0, 1.0])
    mean = home[0] @ np.arange(13) - away[0] @ np.arange(13)
    even = OUTCOMES.assign(home_win=0.25, away_win=0.5)
    other_home, other_away = ranges.goal_chances(FEATURES, even)
    assert mean > other_home[0] @ np.arange(13) - other_away[0] @ np.arange(13)


def test_a_range_grows_by_the_likeliest_number_until_it_holds_the_threshold() -> None:
    chances = np.array([[0.25, 0.40, 0.20, 0.15]])
    ends = [ranges._ends(chances, np.array([threshold])) for threshold in (0.3, 0.4, 0.7, 0.86, 1.0)]
    assert [(int(low[0]), int(high[0])) for low, high in ends] == [(1, 1), (1, 1), (0, 1), (0, 2), (0, 3)]


def test_the_threshold_counts_one_case_more_than_there_are_and_is_everything_where_there_are_too_few() -> (
    None
):
    assert ranges.threshold_of(np.arange(1, 100) / 100) == 0.8
    assert ranges.threshold_of(np.array([0.2, 0.3, 0.4])) == 1.0


def test_without_a_measured_threshold_a_match_has_no_range() -> None:
    assert ranges.derive(FEATURES, OUTCOMES).isna().all(axis=None)
    unmeasured = ranges.attach(FEATURES, {"log_loss": 1.01})
    assert ranges.derive(unmeasured, OUTCOMES).isna().all(axis=None)
    measured = ranges.derive(ranges.attach(FEATURES, {"goals_threshold": 0.89}), OUTCOMES)
    assert measured.to_numpy().tolist() == [[0, 2, 0, 1]] * 2


def test_goals_beyond_the_table_need_as_much_as_its_last_number() -> None:
    played = FEATURES.assign(home_goals=[12, 15], away_goals=[0, 0])
    needed = ranges.needed_by_results(played, OUTCOMES)
    assert needed[0, 0] == needed[1, 0] == pytest.approx(1.0)


def played_matches(count: int, *, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return matches of two leagues, one with more goals than expected, and their chances."""
    random = np.random.default_rng(seed)
    league = np.where(random.random(count) < 0.5, "E0", "D1")
    home, away = random.uniform(0.7, 2.2, count), random.uniform(0.5, 1.8, count)
    more = np.where(league == "E0", 1.0, 1.05)
    rows = pd.DataFrame({"date": pd.date_range("2024-08-01", periods=count, freq="h"), "league": league})
    rows = rows.assign(fitted_dependence=0.0, home_goals=random.poisson(home * more))
    rows = rows.assign(away_goals=random.poisson(away * more))
    for kind in ("rated", "fitted"):
        rows[f"{kind}_home_goals"], rows[f"{kind}_away_goals"] = home, away
    sides = np.sign(rows["home_goals"] - rows["away_goals"]).map({1: "home", 0: "draw", -1: "away"})
    return rows.assign(outcome=sides), ranges.markets.outcome_chances(ranges.markets.expected_scores(rows))


def test_ranges_hold_as_often_as_promised_on_later_matches_of_each_league() -> None:
    played, chances = played_matches(6000, seed=1)
    details = held_out.details(played, chances[:, ::-1], seed=1)
    scopes = held_out.scopes(details).set_index("scope")
    assert scopes.loc["all", "ranges"] == 6000, "two ranges for each match of the later half"
    assert scopes.loc[["E0", "D1"], "ranges"].sum() == 6000
    assert scopes["goals_within"].to_numpy() == pytest.approx([0.8] * 3, abs=0.02)
    is_inside = (scopes["goals_within_low"] < 0.8) & (scopes["goals_within_high"] > 0.8)
    assert is_inside["all"]


def test_true_chances_have_the_calibration_error_that_chance_gives_them_and_others_more() -> None:
    played, chances = played_matches(6000, seed=2)
    true = held_out.details(played, chances[:, ::-1], seed=1)["scopes"][0]
    assert true["calibration_error"] == pytest.approx(true["calibration_noise"], abs=0.006)
    bold = chances[:, ::-1] ** 2
    other = held_out.details(played, bold / bold.sum(axis=1, keepdims=True), seed=1)["scopes"][0]
    assert other["calibration_error"] > 5 * other["calibration_noise"]


def test_figures_of_an_older_version_have_no_ranges_and_are_still_released() -> None:
    rows = matches(match("2024-08-01", "Ash", "Birch", "1-0"), match("2024-08-08", "Birch", "Ash", "2-2"))
    old = {"scopes": [{"scope": "all", "n": 2, "rps": 0.2, "log_loss": 1.0, "accuracy": 0.5}]}
    table = statistics.statistics(rows, held_out.scopes(old), as_of=rows["date"].max().date())
    overall = table.set_index("scope").loc["all"]
    assert (overall["held_out_matches"], overall["rps"]) == (2, 0.2)
    assert overall[["ranges", "goals_within", "calibration_noise"]].isna().all()
