"""How good forecasts are: splits, scores, intervals, bands, and the frames released beside the predictions."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from almanac.judging import scores
from almanac.workloads.football import contract, evaluation, held_out
from almanac.workloads.football.offers import statistics
from tests.football.match_samples import CUT, match, matches, sample, sample_features

TEST = pd.DataFrame(
    {
        "outcome": ["home", "draw", "away", "home"],
        "league": ["E0", "E0", "D1", "D1"],
        "date": pd.to_datetime(["2025-05-01", "2025-05-01", "2025-05-02", "2025-05-03"]),
    }
)
SURE = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
EVEN = np.full((4, 3), 1 / 3)


def test_a_perfect_forecast_has_no_loss() -> None:
    told = evaluation.score(TEST["outcome"], SURE)
    assert told == {
        "rps": 0.0,
        "log_loss": 0.0,
        "brier": 0.0,
        "accuracy": 1.0,
        "calibration_error": 0.0,
        "n": 4,
    }


def test_an_even_forecast_has_the_losses_of_the_textbook() -> None:
    told = evaluation.score(TEST["outcome"], EVEN)
    # RPS: 5/18 for home or away, 1/9 for a draw; log-loss ln 3; Brier 2/3.
    assert told["rps"] == pytest.approx((3 * 5 / 18 + 1 / 9) / 4)
    assert (told["log_loss"], told["brier"]) == (pytest.approx(np.log(3)), pytest.approx(2 / 3))


def test_a_comparison_is_paired_and_below_zero_where_ours_is_better() -> None:
    told = evaluation.compare(TEST, SURE, EVEN, seed=1)
    assert told["log_loss"] == pytest.approx((-np.log(3),) * 3)
    assert told["accuracy"].estimate > 0


def test_intervals_hold_the_score_between_their_ends() -> None:
    told = evaluation.intervals(TEST, EVEN, seed=1)
    assert set(told) == {"rps", "log_loss", "brier", "accuracy"}
    assert told["rps"].low < evaluation.score(TEST["outcome"], EVEN)["rps"] < told["rps"].high


def test_matches_of_one_day_are_drawn_together() -> None:
    days, labels = np.array([0, 0, 1, 2]), evaluation.labels(TEST["outcome"])
    ours, theirs = (scores.ranked_probability_scores(labels, chances) for chances in (SURE, EVEN))
    assert evaluation.intervals(TEST, EVEN, seed=1)["rps"] == scores.bootstrap_interval(
        theirs, clusters=days, seed=1
    )
    assert evaluation.compare(TEST, SURE, EVEN, seed=1)["rps"] == scores.paired_bootstrap(
        ours, theirs, clusters=days, seed=1
    )


def test_what_is_kept_of_a_version_has_all_leagues_and_each_and_the_bands_of_its_picks() -> None:
    told = held_out.details(TEST, SURE)
    assert [(row["scope"], row["n"], row["accuracy"]) for row in told["scopes"]] == [
        ("all", 4, 1.0),
        ("D1", 2, 1.0),
        ("E0", 2, 1.0),
    ]
    assert {band["band"]: (band["picks"], band["hits"]) for band in told["bands"] if band["picks"]} == {
        "0.90-1.00": (4, 4)
    }


def test_the_table_of_models_has_the_best_first() -> None:
    assert evaluation.table(TEST, {"even": EVEN, "sure": SURE}).index.tolist() == ["sure", "even"]


def test_each_league_is_scored_by_itself() -> None:
    mixed = np.vstack([SURE[:2], EVEN[2:]])
    told = evaluation.by_league(TEST, mixed)
    assert told["rps"].to_dict() == pytest.approx({"E0": 0.0, "D1": 5 / 18})
    assert told["n"].to_dict() == {"E0": 2, "D1": 2}


def test_reliability_counts_every_match_once_for_each_outcome() -> None:
    told = evaluation.reliability(TEST["outcome"], EVEN, bins=2)
    assert told.groupby("outcome")["n"].sum().to_dict() == {"away": 4, "draw": 4, "home": 4}
    assert told["promised"].tolist() == pytest.approx([1 / 3] * 6)
    assert ((told["low"] <= told["happened"]) & (told["happened"] <= told["high"])).all()


def test_reliability_gathers_matches_with_like_chances() -> None:
    home = np.array([0.1, 0.9, 0.2, 0.8])
    told = evaluation.reliability(TEST["outcome"], np.column_stack([1 - home, np.zeros(4), home]), bins=2)
    assert told.loc[told["outcome"] == "home", ["promised", "happened"]].to_numpy() == pytest.approx(
        np.array([[0.15, 0.5], [0.85, 0.5]])
    )


def test_a_confidence_on_an_edge_belongs_to_the_band_above_it() -> None:
    told = evaluation.bands(
        pd.Series(["home"]), pd.DataFrame({"home_win": [0.6], "draw": [0.2], "away_win": [0.2]})
    )
    assert told.loc[told["picks"] == 1, "band"].tolist() == ["0.60-0.70"]


def test_bands_set_the_hit_rate_of_picks_beside_their_promise() -> None:
    chances = pd.DataFrame(
        {
            "home_win": [0.55, 0.58, 0.62, 0.40],
            "draw": [0.25, 0.22, 0.20, 0.35],
            "away_win": [0.20, 0.20, 0.18, 0.25],
        }
    )
    told = evaluation.bands(pd.Series(["home", "away", "home", "draw"]), chances).set_index("band")
    assert list(told.reset_index().columns) == contract.BANDS.column_names
    # 0.55 hits and 0.58 misses; 0.62 hits; the double chance home or draw of 0.75 hits.
    assert told["picks"].to_dict() == {
        "0.50-0.60": 2,
        "0.60-0.70": 1,
        "0.70-0.80": 1,
        "0.80-0.90": 0,
        "0.90-1.00": 0,
    }
    assert told["hits"].to_dict() == {
        "0.50-0.60": 1,
        "0.60-0.70": 1,
        "0.70-0.80": 1,
        "0.80-0.90": 0,
        "0.90-1.00": 0,
    }
    assert (told.loc["0.50-0.60", "promised"], told.loc["0.50-0.60", "hit_rate"]) == (
        pytest.approx(0.565),
        0.5,
    )
    assert np.isnan(told.loc["0.90-1.00", "hit_rate"])


@pytest.mark.slow
def test_a_split_by_season_leaves_the_first_season_to_warm_up() -> None:
    train, validation, test = evaluation.split_by_season(
        sample_features(), validation="2023-24", test="2024-25"
    )
    assert sorted(train["season"].unique()) == ["2020-21", "2021-22", "2022-23"]
    assert (set(validation["season"]), set(test["season"])) == ({"2023-24"}, {"2024-25"})
    assert test["outcome"].notna().all()


def test_a_split_by_days_tests_on_the_newest_and_chooses_on_the_days_before() -> None:
    train, validation, test = evaluation.split_by_days(
        sample_features(), as_of=CUT, test_days=100, validation_days=200
    )
    assert test["date"].min() >= pd.Timestamp("2025-01-30")
    assert validation["date"].min() >= pd.Timestamp("2024-07-14")
    assert train["date"].max() < pd.Timestamp("2024-07-14")
    played = sample_features()["outcome"].notna() & (sample_features()["season"] > "2019-20")
    assert len(train) + len(validation) + len(test) == played.sum()


SEASONS = ["2023-24"] + ["2024-25"] * 7
DATES = [
    "2023-09-01",
    "2025-04-09",
    "2025-04-10",
    "2025-04-29",
    "2025-04-30",
    "2025-05-09",
    "2025-05-10",
    "2025-04-30",
]
PLAYED = pd.DataFrame(
    {"season": SEASONS, "date": pd.to_datetime(DATES), "outcome": ["home"] * 6 + [None, None]}
)


def test_the_days_on_the_edges_of_a_split_are_in_one_part_only() -> None:
    train, validation, test = evaluation.split_by_days(
        PLAYED, as_of=date(2025, 5, 10), test_days=10, validation_days=20
    )
    assert (train.index.tolist(), validation.index.tolist(), test.index.tolist()) == ([1], [2, 3], [4, 5])


def test_before_and_after_a_day_share_no_match_and_know_no_coming_one() -> None:
    day = date(2025, 4, 30)
    assert evaluation.before(PLAYED, day).index.tolist() == [1, 2, 3], (
        "the first season only warms the ratings up"
    )
    assert evaluation.after(PLAYED, day).index.tolist() == [4, 5]


def test_results_are_those_of_the_last_60_days_before_the_cut() -> None:
    rows = [
        match(day, "Ash", "Birch", score)
        for day, score in (
            ("2020-08-02", "1-0"),
            ("2020-08-03", "0-0"),
            ("2020-10-01", "0-2"),
            ("2020-10-02", "1-1"),
        )
    ]
    told = statistics.results(matches(*rows), as_of=date(2020, 10, 2))
    assert list(told.columns) == contract.RESULTS.column_names
    assert told["outcome"].tolist() == ["draw", "away"]


def test_averages_are_counted_by_hand_and_stand_beside_held_out_scores() -> None:
    rows = [
        match("2020-08-01", "Ash", "Birch", "2-1"),
        match("2020-08-08", "Ash", "Birch", "0-0"),
        match("2020-08-08", "Oak", "Pine", "0-2", league="D1"),
    ]
    held_out = pd.DataFrame(
        [{"scope": "all", "held_out_matches": 7, "rps": 0.2, "log_loss": 1.0, "accuracy": 0.5}]
    )
    told = statistics.statistics(matches(*rows), held_out, as_of=date(2020, 9, 1)).set_index("scope")
    assert list(told.reset_index().columns) == contract.STATISTICS.column_names
    assert told.loc[
        "all", ["matches", "held_out_matches", "home_goals", "away_goals"]
    ].tolist() == pytest.approx([3, 7, 2 / 3, 1.0])
    assert told.loc[
        "E0", ["home_win_rate", "draw_rate", "away_win_rate", "over_2_5_rate", "both_score_rate"]
    ].tolist() == [0.5, 0.5, 0.0, 0.5, 0.5]
    assert told.loc["D1", ["held_out_matches", "over_2_5_rate"]].tolist() == [0, 0.0]
    assert np.isnan(told.loc["D1", "rps"])


def test_a_score_of_a_match_that_was_awarded_counts_nowhere() -> None:
    rows = matches(match("2020-08-01", "Ash", "Birch", "2-1"), match("2020-08-08", "Ash", "Birch", "3-0"))
    rows.loc[1, "status"] = "awarded"
    assert statistics.played(rows, as_of=date(2020, 9, 1))["outcome"].tolist() == ["home"]
    assert len(statistics.results(rows, as_of=date(2020, 9, 1))) == 1


def test_averages_are_those_of_the_last_two_seasons() -> None:
    rows = [match(f"{year}-08-01", "Ash", "Birch", f"{year - 2015}-0") for year in (2017, 2018, 2019)]
    empty = pd.DataFrame(columns=["scope", "held_out_matches", "rps", "log_loss", "accuracy"])
    told = statistics.statistics(matches(*rows), empty, as_of=date(2020, 9, 1))
    assert told["home_goals"].tolist() == [3.5, 3.5]


def test_leagues_tell_what_is_known_and_what_is_coming() -> None:
    predictions = pd.DataFrame({"league": ["E0"] * 5})
    told = statistics.leagues(sample(), predictions, as_of=CUT).set_index("league")
    assert list(told.reset_index().columns) == contract.LEAGUES.column_names
    assert told.loc[
        "E0", ["league_name", "country", "matches_coming", "first_season", "last_season"]
    ].tolist() == [
        "Premier League",
        "England",
        5,
        "2019-20",
        "2024-25",
    ]
    assert told.loc["D1", "matches_coming"] == 0
    assert told["matches_played"].sum() == (sample()["date"] < pd.Timestamp(CUT)).sum()
