"""The features of a match, worked out by hand."""

import doctest
from datetime import date
from importlib import import_module

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.football import features
from almanac.workloads.football.features import FEATURES
from tests.football.match_samples import CUT, match, matches, sample, sample_features

LATER = date(2030, 1, 1)
MODULES = [
    *("evaluation", "estimators", "strength.running_sums"),
    *("offers.markets", "offers.picks", "offers.value"),
    *(
        "sources.clubs",
        "sources.football_txt",
        "sources.match_frame",
        "sources.odds_frame",
        "sources.openfootball",
        *("sources.txt_days", "sources.txt_matches", "sources.txt_names", "sources.txt_notes"),
    ),
]


def last(*rows: dict[str, object], as_of: date = LATER, horizon_days: int = 0) -> pd.Series:
    """Return the features of the last match."""
    return features.build(matches(*rows), as_of=as_of, horizon_days=horizon_days).iloc[-1]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_hold(name: str) -> None:
    result = doctest.testmod(import_module(f"almanac.workloads.football.{name}"))
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_a_column_is_named_after_the_function_that_makes_it() -> None:
    keys = ["match_id", "league", "season", "date", "kickoff", "home", "away", "outcome"]
    assert list(sample_features().columns) == keys + [feature.__name__ for feature in FEATURES]


def test_every_feature_is_documented_and_has_a_value_for_every_match() -> None:
    assert [feature.__name__ for feature in FEATURES if not (feature.__doc__ or "").endswith(".")] == []
    assert sample_features()[[feature.__name__ for feature in FEATURES]].notna().all(axis=None)


def test_matches_before_the_cut_have_an_outcome_and_those_from_then_on_have_none() -> None:
    frame = sample_features()
    coming = frame["date"] >= pd.Timestamp(CUT)
    assert coming.sum() == (sample()["date"] >= pd.Timestamp(CUT)).sum() > 0
    assert frame.loc[coming, "outcome"].isna().all()
    assert set(frame.loc[~coming, "outcome"]) == {"home", "draw", "away"}


def test_building_changes_nothing_in_the_matches() -> None:
    rows = matches(match("2020-08-01", "Ash", "Birch", "1-0"), match("2020-08-08", "Ash", "Birch", None))
    before = rows.copy(deep=True)
    features.build(rows, as_of=date(2020, 8, 5))
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize("status", ["cancelled", "awarded", "postponed", "abandoned"])
def test_a_match_that_was_not_played_to_its_end_counts_nowhere(status: str) -> None:
    rows = matches(match("2020-08-01", "Ash", "Birch", "9-0"), match("2020-08-08", "Ash", "Birch", "1-0"))
    rows.loc[0, "status"] = status
    for as_of in (LATER, date(2020, 7, 31)):
        ids = features.build(rows, as_of=as_of)["match_id"].tolist()
        assert ids == ["E0-2020-08-08-Ash-Birch"], "neither played nor coming"


def test_a_match_of_yesterday_without_a_score_is_neither_played_nor_coming() -> None:
    rows = matches(match("2020-08-01", "Ash", "Birch", None), match("2020-08-08", "Ash", "Birch", None))
    assert features.build(rows, as_of=date(2020, 8, 2))["match_id"].tolist() == ["E0-2020-08-08-Ash-Birch"]


def test_coming_returns_the_requested_days_only() -> None:
    rows = [match(day, "Ash", "Birch", None) for day in ("2020-08-01", "2020-08-14", "2020-08-15")]
    frame = features.build(matches(*rows), as_of=date(2020, 8, 1))
    assert features.coming(frame, as_of=date(2020, 8, 1), days=14)["date"].dt.day.tolist() == [1, 14]


def test_without_coming_matches_the_reason_names_the_next_one() -> None:
    frame = features.build(matches(match("2020-08-15", "Ash", "Birch", None)), as_of=date(2020, 8, 1))
    message = r"14 days from 2020-08-01 on.*next one is on 2020-08-15.*--data-as-of"
    with pytest.raises(UsageError, match=message):
        features.coming(frame, as_of=date(2020, 8, 1), days=14)
    with pytest.raises(UsageError, match="list no later one yet; between seasons that is usual"):
        features.coming(frame, as_of=date(2020, 8, 16), days=14)


def test_rest_days_count_from_the_match_before_and_end_at_14() -> None:
    row = last(
        match("2020-08-01", "Ash", "Cedar", "1-0"),
        match("2020-08-08", "Dogwood", "Birch", "1-0"),
        match("2020-08-11", "Birch", "Ash", "1-0"),
    )
    assert (row["home_rest_days"], row["away_rest_days"]) == (3.0, 10.0)
    row = last(match("2020-08-01", "Ash", "Birch", "1-0"), match("2020-09-01", "Ash", "Birch", "1-0"))
    assert row["home_rest_days"] == 14.0


def test_form_weighs_a_win_of_45_days_ago_half() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "2-0"), match("2020-09-15", "Ash", "Birch", "0-0"))
    # Three points at weight one half, and two usual matches of 1.37 points.
    assert row["home_form"] == pytest.approx((3 * 0.5 + 2 * 1.37) / 2.5)
    assert row["away_form"] == pytest.approx((0 * 0.5 + 2 * 1.37) / 2.5)


def test_goals_for_and_against_decay_with_90_days() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "4-1"), match("2020-10-30", "Ash", "Birch", "0-0"))
    assert row["home_goals_for"] == pytest.approx((4 * 0.5 + 2 * 1.35) / 2.5)
    assert row["home_goals_against"] == pytest.approx((1 * 0.5 + 2 * 1.35) / 2.5)
    assert row["away_goals_for"] == row["home_goals_against"]


def test_head_to_head_turns_round_with_the_ground() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-02", "Birch", "Ash", "0-0"))
    assert row["head_to_head"] == pytest.approx(-3 / 4, abs=0.01)


def test_positions_and_points_are_those_of_the_table_of_this_season() -> None:
    old = match("2020-05-01", "Birch", "Ash", "5-0")
    season = [match("2020-08-01", "Ash", "Birch", "1-0"), match("2020-08-01", "Cedar", "Dogwood", "0-0")]
    row = last(old, *season, match("2020-08-08", "Birch", "Ash", "0-0"))
    # Ash leads with 3 points, Cedar and Dogwood have 1, Birch is last. One match of each club is shrunk with
    # 5 usual matches of 1.37 points.
    assert (row["home_position"], row["away_position"]) == (1.0, 0.0)
    assert row["away_points_per_game"] == pytest.approx((3 + 5 * 1.37) / 6)
    assert row["home_points_per_game"] == pytest.approx((0 + 5 * 1.37) / 6)


def test_points_come_before_goals_in_a_table_and_goals_tell_equals_apart() -> None:
    first = [match("2020-08-01", "Ash", "Birch", "1-0"), match("2020-08-01", "Cedar", "Dogwood", "9-0")]
    row = last(*first, match("2020-08-08", "Ash", "Cedar", "0-0"))
    assert (row["home_position"], row["away_position"]) == (pytest.approx(1 / 3), 0.0)
    row = last(*first, match("2020-08-03", "Ash", "Birch", "1-0"), match("2020-08-08", "Ash", "Cedar", "0-0"))
    assert (row["home_position"], row["away_position"]) == (0.0, pytest.approx(1 / 3))


def test_the_ground_is_the_gain_at_home_less_the_gain_away() -> None:
    row = last(
        match("2020-08-01", "Ash", "Birch", "3-0"),
        match("2020-08-01", "Cedar", "Ash", "2-0"),
        match("2022-08-01", "Ash", "Birch", "0-0"),
    )
    # Two matches of two years ago have weight one half and are shrunk to 0 as if seen twenty times.
    usual_margin = 1.4477 - 1.1388
    gain = (3 - usual_margin) + (2 - usual_margin)
    assert row["home_ground"] == pytest.approx(gain * 0.5 / 21, abs=1e-4)


def test_recent_goals_follow_a_result_further_than_rated_ones() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "5-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    assert row["recent_home_goals"] > row["rated_home_goals"] > 1.4477
    assert row["recent_away_goals"] < row["rated_away_goals"] < 1.1388


def test_clubs_with_equal_points_share_the_middle_of_their_positions() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "0-0"), match("2020-08-08", "Ash", "Birch", "0-0"))
    assert (row["home_position"], row["away_position"]) == (0.5, 0.5)


def test_the_season_phase_is_the_share_of_a_double_round() -> None:
    rows = [
        match("2020-08-01", "Ash", "Birch", "1-0"),
        match("2020-08-02", "Cedar", "Dogwood", "1-0"),
        match("2020-08-08", "Ash", "Cedar", "1-0"),
    ]
    assert last(*rows)["season_phase"] == pytest.approx(1 / 6)


def test_wins_on_the_own_ground_count_the_last_five_matches_there() -> None:
    rows = [
        match(f"2020-08-{day:02d}", "Ash", "Birch", score)
        for day, score in enumerate(["5-0", "1-0", "0-0", "1-0", "0-1", "1-0", "0-0"], 1)
    ]
    row = last(*rows)
    # The sixth to second last: 1-0, 0-0, 1-0, 0-1, 1-0.
    assert (row["home_wins_at_home"], row["away_wins_away"]) == (3.0, 1.0)


def test_a_surprise_is_the_difference_to_the_expected_margin() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "3-0"), match("2020-08-31", "Ash", "Birch", "0-0"))
    more = 3 - (1.4477 - 1.1388)
    assert row["home_surprise"] == pytest.approx(more * 0.5 / 2.5, abs=1e-3)
    assert row["away_surprise"] == pytest.approx(-row["home_surprise"])


def test_league_averages_are_shrunk_to_the_usual_as_if_seen_a_hundred_times() -> None:
    row = last(match("2020-08-01", "Ash", "Birch", "2-1"), match("2020-08-02", "Ash", "Birch", "0-0"))
    weight = 0.5 ** (1 / 365)
    assert row["league_goals"] == pytest.approx((3 * weight + 270) / (weight + 100))
    assert row["league_home_rate"] == pytest.approx((weight + 44) / (weight + 100))
    assert row["league_draw_rate"] == pytest.approx(26 / (weight + 100))


def test_another_league_does_not_change_a_leagues_averages() -> None:
    row = last(
        match("2020-08-01", "Oak", "Pine", "9-9", league="D1"), match("2020-08-02", "Ash", "Birch", "0-0")
    )
    assert row["league_goals"] == pytest.approx(2.7)


def test_features_ahead_know_only_results_before_their_snapshot() -> None:
    rows = [match("2020-08-01", "Ash", "Birch", "9-0"), match("2020-08-08", "Ash", "Birch", "0-0")]
    # Snapshots are 14 days apart, the last on 15 August. One is on 1 August, before any match.
    assert last(*rows, as_of=date(2020, 8, 15), horizon_days=14)["elo_difference"] == 0.0
    assert last(*rows, as_of=date(2020, 8, 22), horizon_days=14)["elo_difference"] > 0.0
    assert last(*rows, as_of=date(2020, 8, 15))["elo_difference"] > 0.0


@pytest.mark.slow
def test_features_ahead_do_not_change_those_of_a_coming_match() -> None:
    ahead = features.build(sample(), as_of=CUT, horizon_days=14)
    coming = features.coming(sample_features(), as_of=CUT, days=14)
    pd.testing.assert_frame_equal(
        features.coming(ahead, as_of=CUT, days=14)[["match_id", "elo_difference", "home_form"]],
        coming[["match_id", "elo_difference", "home_form"]],
    )
