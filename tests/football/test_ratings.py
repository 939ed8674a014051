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
RULES = EloRules()


def elo(*rows: dict[str, object], rules: EloRules = RULES) -> HomeAway:
    return ratings.elo(Timeline.of(matches(*rows), as_of=LATER), rules=rules)


def goals(*rows: dict[str, object]) -> HomeAway:
    return ratings.goals(Timeline.of(matches(*rows), as_of=LATER))


def test_clubs_of_the_highest_league_begin_at_1500_and_one_tier_lower_130_points_below() -> None:
    assert elo(match("2020-08-01", "Ash", "Birch", "1-0")).home.tolist() == [1500.0]
    assert elo(match("2020-08-01", "Ash", "Birch", "1-0", league="E1")).away.tolist() == [1370.0]


def test_a_win_moves_both_ratings_by_the_surprise_times_the_margin() -> None:
    seen = elo(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    expected = 1 / (1 + 10 ** (-50 / 400))
    # Step 8, margin 3, and twice as far because both clubs are new.
    move = 8 * (1 + log(4)) * (1 - expected) * 2
    assert (seen.home[1], seen.away[1]) == (pytest.approx(1500 + move), pytest.approx(1500 - move))


def test_a_wider_margin_moves_the_ratings_more() -> None:
    narrow = elo(match("2020-08-01", "Ash", "Birch", "1-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    wide = elo(match("2020-08-01", "Ash", "Birch", "5-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    assert wide.home[1] > narrow.home[1] > 1500


def test_a_club_is_moved_less_the_more_matches_it_has_behind_it() -> None:
    rules = EloRules(home_advantage=0.0)
    seen = elo(
        *[
            match(f"2020-08-0{day}", "Ash", "Birch", score)
            for day, score in ((1, "0-0"), (2, "1-0"), (3, "0-0"))
        ],
        rules=rules,
    )
    # A draw of equals moves nothing and counts all the same.
    move = 8 * (1 + log(2)) * 0.5 * (1 + exp(-1 / 15))
    assert (seen.home[2], seen.away[2]) == (pytest.approx(1500 + move), pytest.approx(1500 - move))


SEASON = [
    match(f"2020-{month:02d}-{day:02d}", "Ash", "Birch", "0-0") for month in (8, 9) for day in range(1, 21)
]
SUMMER_LATER = [match(f"2021-08-0{day}", "Ash", "Birch", "1-0") for day in (1, 2)]


def test_after_a_summer_a_club_is_as_if_20_matches_of_it_were_known() -> None:
    seen = elo(*SEASON, *SUMMER_LATER, rules=EloRules(home_advantage=0.0))
    assert seen.home[41] - seen.home[40] == pytest.approx(8 * (1 + log(2)) * 0.5 * (1 + exp(-20 / 15)))


def test_after_a_summer_goals_move_as_if_20_matches_of_a_club_were_known() -> None:
    # Steps so small that the expected goals stay what they are at the beginning.
    rules = GoalRules(step=1e-6, league_step=0.0, seasons=replace(GoalRules().seasons, pull=0.0))
    seen = ratings.goals(Timeline.of(matches(*SEASON, *SUMMER_LATER), as_of=LATER), rules=rules)
    assert log(seen.home[41] / seen.home[40]) / 1e-6 == pytest.approx(
        2 * (1 + exp(-20 / 15)) * (1 - exp(0.37)), rel=1e-3
    )


def test_two_matches_on_one_day_do_not_know_each_other() -> None:
    seen = elo(match("2020-08-01", "Ash", "Birch", "9-0"), match("2020-08-01", "Ash", "Cedar", "9-0"))
    assert seen.home.tolist() == [1500.0, 1500.0]


def test_a_match_without_a_score_moves_nothing() -> None:
    seen = elo(match("2020-08-01", "Ash", "Birch", None), match("2020-08-08", "Ash", "Birch", "1-0"))
    assert seen.home.tolist() == [1500.0]


def test_ratings_are_pulled_to_the_mean_of_the_league_between_seasons() -> None:
    season = [match("2020-08-01", "Ash", "Birch", "4-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
    following = [match("2021-08-01", "Ash", "Birch", "0-0"), match("2021-08-01", "Cedar", "Dogwood", "0-0")]
    free, pulled = (
        elo(*season, *following, rules=replace(RULES, seasons=replace(RULES.seasons, pull=pull)))
        for pull in (0.0, 0.4)
    )
    assert pulled.home[2] - pulled.away[2] == pytest.approx(0.6 * (free.home[2] - free.away[2]))


def test_a_promoted_club_carries_its_rating_into_the_higher_league() -> None:
    # Without home advantage a draw of equals moves nothing: 1370, then a quarter of the way to 1500.
    rules = EloRules(home_advantage=0.0, seasons=replace(RULES.seasons, pull=0.25))
    seen = elo(
        match("2020-08-01", "Ash", "Birch", "0-0", league="E1"),
        match("2021-08-01", "Ash", "Cedar", "0-0"),
        rules=rules,
    )
    assert (seen.home[1], seen.away[1]) == (1402.5, 1500.0)


def test_a_newcomer_to_known_leagues_begins_below_their_mean() -> None:
    rules = EloRules(home_advantage=0.0)
    first = [match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
    second = [
        match("2021-08-01", "Ash", "Elm", "0-0"),
        match("2021-08-01", "Birch", "Cedar", "0-0"),
        match("2021-08-08", "Dogwood", "Ash", "0-0"),
    ]
    assert elo(*first, *second, rules=rules).away[2] == 1455.0


def test_among_three_known_clubs_a_newcomer_begins_where_its_tier_does() -> None:
    rules = EloRules(home_advantage=0.0)
    first = [match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-08", "Cedar", "Ash", "0-0")]
    second = [match("2021-08-01", "Ash", "Elm", "0-0"), match("2021-08-01", "Birch", "Cedar", "0-0")]
    assert elo(*first, *second, rules=rules).away[2] == 1500.0


def test_a_guest_in_another_leagues_play_off_is_not_pulled_to_that_leagues_mean() -> None:
    rules = EloRules(home_advantage=0.0, seasons=replace(RULES.seasons, pull=0.5))
    league = [
        match("2020-08-01", "Ash", "Birch", "0-0"),
        match("2020-08-01", "Cedar", "Dogwood", "0-0", league="E1"),
    ]
    seen = elo(*league, match("2021-05-20", "Ash", "Cedar", "0-0"), rules=rules)
    assert seen.away[2] == 1370.0


def test_clubs_of_the_same_name_in_two_countries_are_two_clubs() -> None:
    seen = elo(
        match("2020-08-01", "Rapid", "Birch", "9-0"), match("2020-08-08", "Rapid", "Elm", "0-0", league="A1")
    )
    assert seen.home[1] == 1500.0


def test_goals_of_unknown_clubs_are_what_is_usual_with_the_home_edge() -> None:
    seen = goals(match("2020-08-01", "Ash", "Birch", "1-0"))
    assert (seen.home[0], seen.away[0]) == (pytest.approx(exp(0.37)), pytest.approx(exp(0.13)))


def test_goals_of_unknown_clubs_are_the_same_in_every_tier() -> None:
    seen = goals(match("2020-08-01", "Ash", "Birch", "1-0", league="E1"))
    assert (seen.home[0], seen.away[0]) == (pytest.approx(exp(0.37)), pytest.approx(exp(0.13)))


@pytest.mark.parametrize("rules", [GoalRules(), ratings.QUICK_RULES])
def test_a_newcomer_scores_less_and_concedes_more_than_the_mean_of_known_leagues(rules: GoalRules) -> None:
    first = [match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
    second = [
        match("2021-08-01", "Ash", "Elm", "0-0"),
        match("2021-08-01", "Birch", "Cedar", "0-0"),
        match("2021-08-08", "Dogwood", "Ash", "0-0"),
    ]
    seen = ratings.goals(
        Timeline.of(matches(*first, *second), as_of=LATER), rules=replace(rules, step=0.0, league_step=0.0)
    )
    assert (seen.home[2], seen.away[2]) == (pytest.approx(exp(0.37 + 0.1)), pytest.approx(exp(0.13 - 0.1)))


def test_goals_beyond_expectation_raise_the_attack_and_lower_the_others_defence() -> None:
    seen = goals(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    more_home, more_away = 3 - exp(0.37), 0 - exp(0.13)
    level, edge = 0.25 + 0.0005 * (more_home + more_away), 0.12 + 0.0005 * (more_home - more_away)
    # Both clubs are new, so a step of 0.018 counts twice; attack and defence both move by it.
    assert seen.home[1] == pytest.approx(exp(level + edge + 2 * 0.036 * more_home))
    assert seen.away[1] == pytest.approx(exp(level - edge + 2 * 0.036 * more_away))


def test_the_quick_ratings_follow_one_result_further_than_the_steady_ones() -> None:
    timeline = Timeline.of(
        matches(match("2020-08-01", "Ash", "Birch", "5-0"), match("2020-08-08", "Ash", "Birch", "0-0")),
        as_of=LATER,
    )
    assert (
        ratings.goals(timeline, rules=ratings.QUICK_RULES).home[1]
        > ratings.goals(timeline, rules=GoalRules()).home[1]
    )
