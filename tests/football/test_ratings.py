"""Elo and goal ratings, with moves worked out by hand."""

from dataclasses import replace
from datetime import date
from math import exp, log

import pytest

from almanac.workloads.football.strength import ratings
from almanac.workloads.football.strength.ratings import EloRules, GoalRules, HomeAway
from almanac.workloads.football.strength.timeline import Timeline
from tests.football.match_samples import match, matches

LATER = date(2030, 1, 1)
RULES, GOAL_RULES = EloRules(), GoalRules()
# Without home advantage a draw of equals moves nothing.
AT_NEUTRAL_GROUND = EloRules(home_advantage=0.0)
SEASON = [
    match(f"2020-{month:02d}-{day:02d}", "Ash", "Birch", "0-0") for month in (8, 9) for day in range(1, 21)
]
SUMMER_LATER = [match(f"2021-08-0{day}", "Ash", "Birch", "1-0") for day in (1, 2)]
FOUR_CLUBS = [match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
WITH_NEWCOMER = [
    match("2021-08-01", "Ash", "Elm", "0-0"),
    match("2021-08-01", "Birch", "Cedar", "0-0"),
    match("2021-08-08", "Dogwood", "Ash", "0-0"),
]


def elo(*rows: dict[str, object], rules: EloRules = RULES) -> HomeAway:
    return ratings.elo(Timeline.of(matches(*rows), as_of=LATER), rules=rules)


def goals(*rows: dict[str, object], rules: GoalRules = GOAL_RULES) -> HomeAway:
    return ratings.goals(Timeline.of(matches(*rows), as_of=LATER), rules=rules)


def with_pull(rules: EloRules, pull: float) -> EloRules:
    return replace(rules, seasons=replace(rules.seasons, pull=pull))


def test_clubs_of_the_highest_league_begin_at_1500_and_one_tier_lower_130_points_below() -> None:
    assert elo(match("2020-08-01", "Ash", "Birch", "1-0")).home.tolist() == [1500.0]
    assert elo(match("2020-08-01", "Ash", "Birch", "1-0", league="E1")).away.tolist() == [1370.0]


def test_a_win_moves_both_ratings_by_the_surprise_times_the_margin() -> None:
    rated = elo(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    expected = 1 / (1 + 10 ** (-50 / 400))
    # Step 8, margin 3, and twice as far because both clubs are new.
    move = 8 * (1 + log(4)) * (1 - expected) * 2
    assert (rated.home[1], rated.away[1]) == (pytest.approx(1500 + move), pytest.approx(1500 - move))


def test_a_wider_margin_moves_the_ratings_more() -> None:
    following = match("2020-08-08", "Ash", "Birch", "0-0")
    narrow = elo(match("2020-08-01", "Ash", "Birch", "1-0"), following)
    wide = elo(match("2020-08-01", "Ash", "Birch", "5-0"), following)
    assert wide.home[1] > narrow.home[1] > 1500


def test_a_rating_moves_less_the_more_matches_the_club_has_played() -> None:
    scores = {"2020-08-01": "0-0", "2020-08-02": "1-0", "2020-08-03": "0-0"}
    rows = [match(day, "Ash", "Birch", score) for day, score in scores.items()]
    rated = elo(*rows, rules=AT_NEUTRAL_GROUND)
    # The draw of equals moves nothing, but it counts as a match.
    move = 8 * (1 + log(2)) * 0.5 * (1 + exp(-1 / 15))
    assert (rated.home[2], rated.away[2]) == (pytest.approx(1500 + move), pytest.approx(1500 - move))


def test_after_a_summer_a_rating_moves_like_that_of_a_club_with_20_matches() -> None:
    rated = elo(*SEASON, *SUMMER_LATER, rules=AT_NEUTRAL_GROUND)
    move = 8 * (1 + log(2)) * 0.5 * (1 + exp(-20 / 15))
    assert rated.home[41] - rated.home[40] == pytest.approx(move)


def test_after_a_summer_goals_move_like_those_of_a_club_with_20_matches() -> None:
    # Steps so small that the expected goals stay what they are at the beginning.
    rules = GoalRules(step=1e-6, league_step=0.0, seasons=replace(GoalRules().seasons, pull=0.0))
    rated = goals(*SEASON, *SUMMER_LATER, rules=rules)
    move = 2 * (1 + exp(-20 / 15)) * (1 - exp(0.37))
    assert log(rated.home[41] / rated.home[40]) / 1e-6 == pytest.approx(move, rel=1e-3)


def test_two_matches_on_one_day_do_not_affect_each_other() -> None:
    rated = elo(match("2020-08-01", "Ash", "Birch", "9-0"), match("2020-08-01", "Ash", "Cedar", "9-0"))
    assert rated.home.tolist() == [1500.0, 1500.0]


def test_a_match_without_a_score_moves_nothing() -> None:
    rated = elo(match("2020-08-01", "Ash", "Birch", None), match("2020-08-08", "Ash", "Birch", "1-0"))
    assert rated.home.tolist() == [1500.0]


def test_ratings_are_pulled_to_the_mean_of_the_league_between_seasons() -> None:
    season = [match("2020-08-01", "Ash", "Birch", "4-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
    following = [match("2021-08-01", "Ash", "Birch", "0-0"), match("2021-08-01", "Cedar", "Dogwood", "0-0")]
    free, pulled = (elo(*season, *following, rules=with_pull(RULES, pull)) for pull in (0.0, 0.4))
    assert pulled.home[2] - pulled.away[2] == pytest.approx(0.6 * (free.home[2] - free.away[2]))


def test_lasting_ratings_stay_as_they_are_over_the_summer() -> None:
    rows = [*SEASON, match("2021-05-30", "Ash", "Birch", None), match("2021-08-01", "Ash", "Birch", None)]
    timeline = Timeline.of(matches(*rows), as_of=date(2021, 5, 30))
    lasting, steady = (ratings.goals(timeline, rules=rules) for rules in (ratings.SLOW_RULES, GOAL_RULES))
    before, after = len(SEASON), len(SEASON) + 1
    assert lasting.home[after] == lasting.home[before]
    assert steady.home[after] != pytest.approx(steady.home[before], rel=1e-3)


def test_a_promoted_club_carries_its_rating_into_the_higher_league() -> None:
    draw_below = match("2020-08-01", "Ash", "Birch", "0-0", league="E1")
    rules = with_pull(AT_NEUTRAL_GROUND, 0.25)
    rated = elo(draw_below, match("2021-08-01", "Ash", "Cedar", "0-0"), rules=rules)
    # 1370, then a quarter of the way to 1500.
    assert (rated.home[1], rated.away[1]) == (1402.5, 1500.0)


def test_a_newcomer_to_known_leagues_begins_below_their_mean() -> None:
    assert elo(*FOUR_CLUBS, *WITH_NEWCOMER, rules=AT_NEUTRAL_GROUND).away[2] == 1455.0


def test_among_three_rated_clubs_a_newcomer_begins_where_its_tier_does() -> None:
    first = [match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-08", "Cedar", "Ash", "0-0")]
    second = [match("2021-08-01", "Ash", "Elm", "0-0"), match("2021-08-01", "Birch", "Cedar", "0-0")]
    assert elo(*first, *second, rules=AT_NEUTRAL_GROUND).away[2] == 1500.0


def test_a_guest_in_another_leagues_play_off_is_not_pulled_to_that_leagues_mean() -> None:
    upper = match("2020-08-01", "Ash", "Birch", "0-0")
    lower = match("2020-08-01", "Cedar", "Dogwood", "0-0", league="E1")
    play_off = match("2021-05-20", "Ash", "Cedar", "0-0")
    assert elo(upper, lower, play_off, rules=with_pull(AT_NEUTRAL_GROUND, 0.5)).away[2] == 1370.0


def test_clubs_of_the_same_name_in_two_countries_are_two_clubs() -> None:
    abroad = match("2020-08-08", "Rapid", "Elm", "0-0", league="A1")
    assert elo(match("2020-08-01", "Rapid", "Birch", "9-0"), abroad).home[1] == 1500.0


@pytest.mark.parametrize("league", ["E0", "E1"])
def test_clubs_without_matches_expect_the_usual_goals_in_every_tier(league: str) -> None:
    rated = goals(match("2020-08-01", "Ash", "Birch", "1-0", league=league))
    assert (rated.home[0], rated.away[0]) == (pytest.approx(exp(0.37)), pytest.approx(exp(0.13)))


@pytest.mark.parametrize("rules", [GoalRules(), ratings.QUICK_RULES])
def test_a_newcomer_scores_less_and_concedes_more_than_the_mean_of_known_leagues(rules: GoalRules) -> None:
    rated = goals(*FOUR_CLUBS, *WITH_NEWCOMER, rules=replace(rules, step=0.0, league_step=0.0))
    assert (rated.home[2], rated.away[2]) == (pytest.approx(exp(0.37 + 0.1)), pytest.approx(exp(0.13 - 0.1)))


def test_goals_beyond_expectation_raise_the_attack_and_lower_the_others_defence() -> None:
    rated = goals(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    more_home, more_away = 3 - exp(0.37), 0 - exp(0.13)
    level = 0.25 + 0.0005 * (more_home + more_away)
    edge = 0.12 + 0.0005 * (more_home - more_away)
    # Both clubs are new, so a step of 0.018 counts twice; attack and defence both move by it.
    assert rated.home[1] == pytest.approx(exp(level + edge + 2 * 0.036 * more_home))
    assert rated.away[1] == pytest.approx(exp(level - edge + 2 * 0.036 * more_away))


def test_the_quick_ratings_follow_one_result_further_than_the_steady_ones() -> None:
    rows = [match("2020-08-01", "Ash", "Birch", "5-0"), match("2020-08-08", "Ash", "Birch", "0-0")]
    assert goals(*rows, rules=ratings.QUICK_RULES).home[1] > goals(*rows).home[1]
