"""Picks with their reasons."""

import pandas as pd
import pytest

from almanac.workloads.football.offers import picks

MATCH = {
    "home": "Ash",
    "away": "Birch",
    "elo_difference": 120.4,
    "expected_home_goals": 1.82,
    "expected_away_goals": 0.94,
    "home_wins_at_home": 4.0,
    "away_wins_away": 1.0,
    "draw": 0.25,
    "pick": "home",
}


def chosen(home: float, draw: float, away: float) -> tuple[str, float]:
    row = picks.choose(pd.DataFrame({"home_win": [home], "draw": [draw], "away_win": [away]})).iloc[0]
    return row["pick"], pytest.approx(row["confidence"])


def reason(**changes: object) -> str:
    return picks.reason({**MATCH, **changes})


def test_an_outcome_with_at_least_half_the_chances_is_the_pick() -> None:
    assert chosen(0.55, 0.25, 0.20) == ("home", 0.55)
    assert chosen(0.20, 0.30, 0.50) == ("away", 0.50)


def test_without_a_clear_outcome_the_most_likely_double_chance_is_the_pick() -> None:
    assert chosen(0.45, 0.30, 0.25) == ("home_or_draw", 0.75)
    assert chosen(0.40, 0.25, 0.35) == ("home_or_away", 0.75)
    assert chosen(0.22, 0.31, 0.47) == ("draw_or_away", 0.78)


def test_a_double_chance_is_hit_by_either_of_its_outcomes() -> None:
    hits = picks.hit(pd.Series(["home_or_draw"] * 3 + ["draw"]), pd.Series(["home", "draw", "away", "home"]))
    assert hits.tolist() == [True, True, False, False]


def test_the_reason_names_strength_goals_and_a_good_run() -> None:
    strength, goals = "Ash stronger by 120 Elo points", "1.8 to 0.9 goals expected"
    assert reason() == f"{strength}; {goals}; Ash won 4 of the last 5 at home."


def test_the_reason_names_the_away_club_if_it_is_stronger() -> None:
    text = reason(elo_difference=-60.0, pick="draw_or_away", away_wins_away=3.0)
    strength, goals = "Birch stronger by 60 Elo points", "1.8 to 0.9 goals expected"
    assert text == f"{strength}; {goals}; Birch won 3 of the last 5 away."


def test_clubs_within_25_points_are_called_equal() -> None:
    assert reason(elo_difference=-24.0).startswith("Clubs of about equal strength; ")


def test_from_25_points_on_the_stronger_club_is_named() -> None:
    assert reason(elo_difference=25.0).startswith("Ash stronger by 25 Elo points; ")


@pytest.mark.parametrize(
    ("pick", "club", "ground"),
    [
        ("home", "Ash", "at home"),
        ("home_or_draw", "Ash", "at home"),
        ("away", "Birch", "away"),
        ("draw_or_away", "Birch", "away"),
    ],
)
def test_three_wins_of_five_are_a_good_run_and_two_are_none(pick: str, club: str, ground: str) -> None:
    good, bad = (reason(home_wins_at_home=wins, away_wins_away=wins, pick=pick) for wins in (3.0, 2.0))
    assert good.endswith(f"goals expected; {club} won 3 of the last 5 {ground}.")
    assert "won" not in bad


def test_a_run_that_does_not_support_the_pick_is_left_out() -> None:
    assert "won" not in reason(pick="away")


def test_a_pick_against_the_draw_gives_the_chance_of_a_draw() -> None:
    assert reason(pick="home_or_away").endswith("; a draw has 25%.")
