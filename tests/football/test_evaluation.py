"""Evaluation of forecasts: splits, scores, intervals, bands, and the frames released with them."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
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


@dataclass
class Forecast:
    """A model that always returns the same chances."""

    chances: np.ndarray

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        return self.chances


def test_a_perfect_forecast_has_no_loss() -> None:
    losses = dict.fromkeys(["rps", "log_loss", "brier", "calibration_error"], 0.0)
    assert evaluation.score(TEST["outcome"], SURE) == losses | {"accuracy": 1.0, "n": 4}


def test_an_even_forecast_has_the_losses_of_the_textbook() -> None:
    score = evaluation.score(TEST["outcome"], EVEN)
    # RPS: 5/18 for home or away, 1/9 for a draw; log-loss ln 3; Brier 2/3.
    assert score["rps"] == pytest.approx((3 * 5 / 18 + 1 / 9) / 4)
    assert score["log_loss"] == pytest.approx(np.log(3))
    assert score["brier"] == pytest.approx(2 / 3)


def test_a_comparison_is_paired_and_below_zero_if_ours_is_better() -> None:
    differences = evaluation.compare(TEST, SURE, EVEN, seed=1)
    assert differences["log_loss"] == pytest.approx((-np.log(3),) * 3)
    assert differences["accuracy"].estimate > 0


def test_a_champion_is_compared_by_log_loss_and_comes_with_its_calibration_error() -> None:
    sure, even = Forecast(SURE), Forecast(EVEN)
    difference, error = evaluation.against_champion(TEST, sure, even, seed=1)  # type: ignore[arg-type]
    assert difference == evaluation.compare(TEST, SURE, EVEN, seed=1)["log_loss"]
    assert error == evaluation.score(TEST["outcome"], EVEN)["calibration_error"] > 0


def test_the_score_is_between_the_ends_of_its_interval() -> None:
    intervals = evaluation.intervals(TEST, EVEN, seed=1)
    assert set(intervals) == {"rps", "log_loss", "brier", "accuracy"}
    score = evaluation.score(TEST["outcome"], EVEN)["rps"]
    assert intervals["rps"].low < score < intervals["rps"].high


def test_matches_of_one_day_are_drawn_together() -> None:
    days, labels = np.array([0, 0, 1, 2]), evaluation.labels(TEST["outcome"])
    ours, theirs = (scores.ranked_probability_scores(labels, chances) for chances in (SURE, EVEN))
    interval = evaluation.intervals(TEST, EVEN, seed=1)["rps"]
    difference = evaluation.compare(TEST, SURE, EVEN, seed=1)["rps"]
    assert interval == scores.bootstrap_interval(theirs, clusters=days, seed=1)
    assert difference == scores.paired_bootstrap(ours, theirs, clusters=days, seed=1)


def test_the_details_of_a_version_have_all_leagues_and_each_and_the_bands_of_its_picks() -> None:
    rated = {f"{kind}_{side}_goals": 1.5 for kind in ("rated", "fitted") for side in ("home", "away")}
    played = TEST.assign(**rated, fitted_dependence=0.0, home_goals=[1, 0, 1, 2], away_goals=[0, 0, 3, 1])
    details = held_out.details(played, np.clip(SURE, 0.01, 0.98), seed=1)
    scopes = sorted((row["scope"], row["n"], row["accuracy"]) for row in details["scopes"])
    assert scopes == [("D1", 2, 1.0), ("E0", 2, 1.0), ("all", 4, 1.0)]
    bands = {band["band"]: (band["picks"], band["hits"]) for band in details["bands"] if band["picks"]}
    assert bands == {"0.90-1.00": (4, 4)}


def test_too_few_matches_to_learn_from_are_refused_with_the_way_out() -> None:
    parts = evaluation.split_by_days(sample_features(), as_of=CUT, test_days=365, validation_days=300)
    evaluation.refuse_too_few(parts)
    few = parts._replace(train=parts.train.head(999))
    played = 999 + len(parts.validation) + len(parts.test)
    message = rf"999 matches are left .* 1000 are needed: of {played} played .*--data-as-of"
    with pytest.raises(UsageError, match=message):
        evaluation.refuse_too_few(few)


def test_the_table_of_models_has_the_best_first() -> None:
    assert evaluation.table(TEST, {"even": EVEN, "sure": SURE}).index.tolist() == ["sure", "even"]


def test_each_league_is_scored_by_itself() -> None:
    by_league = evaluation.by_league(TEST, np.vstack([SURE[:2], EVEN[2:]]))
    assert by_league["rps"].to_dict() == pytest.approx({"E0": 0.0, "D1": 5 / 18})
    assert by_league["n"].to_dict() == {"E0": 2, "D1": 2}


def test_reliability_counts_every_match_once_for_each_outcome() -> None:
    bins = evaluation.reliability(TEST["outcome"], EVEN, bins=2)
    assert bins.groupby("outcome")["n"].sum().to_dict() == {"away": 4, "draw": 4, "home": 4}
    assert bins["promised"].tolist() == pytest.approx([1 / 3] * 6)
    assert (bins["low"] <= bins["happened"]).all()
    assert (bins["happened"] <= bins["high"]).all()


def test_reliability_gathers_matches_with_like_chances() -> None:
    home = np.array([0.1, 0.9, 0.2, 0.8])
    chances = np.column_stack([1 - home, np.zeros(4), home])
    bins = evaluation.reliability(TEST["outcome"], chances, bins=2)
    of_home = bins.loc[bins["outcome"] == "home", ["promised", "happened"]]
    assert of_home.to_numpy() == pytest.approx(np.array([[0.15, 0.5], [0.85, 0.5]]))


def test_a_confidence_on_an_edge_belongs_to_the_band_above_it() -> None:
    chances = pd.DataFrame({"home_win": [0.6], "draw": [0.2], "away_win": [0.2]})
    bands = evaluation.bands(pd.Series(["home"]), chances)
    assert bands.loc[bands["picks"] == 1, "band"].tolist() == ["0.60-0.70"]


def test_bands_have_the_hit_rate_of_picks_beside_their_mean_confidence() -> None:
    # 0.55 hits and 0.58 misses; 0.62 hits; the double chance home or draw of 0.75 hits.
    rows = [(0.55, 0.25, 0.20), (0.58, 0.22, 0.20), (0.62, 0.20, 0.18), (0.40, 0.35, 0.25)]
    chances = pd.DataFrame(rows, columns=["home_win", "draw", "away_win"])
    bands = evaluation.bands(pd.Series(["home", "away", "home", "draw"]), chances)
    assert list(bands.columns) == contract.BANDS.column_names
    assert bands["band"].tolist() == ["0.50-0.60", "0.60-0.70", "0.70-0.80", "0.80-0.90", "0.90-1.00"]
    assert bands["picks"].tolist() == [2, 1, 1, 0, 0]
    assert bands["hits"].tolist() == [1, 1, 1, 0, 0]
    assert bands.loc[0, ["promised", "hit_rate"]].tolist() == pytest.approx([0.565, 0.5])
    assert np.isnan(bands.loc[4, "hit_rate"])


@pytest.mark.slow
def test_a_split_by_season_leaves_the_first_season_to_warm_up() -> None:
    train, validation, test = evaluation.split_by_season(
        sample_features(), validation="2023-24", test="2024-25"
    )
    assert sorted(train["season"].unique()) == ["2020-21", "2021-22", "2022-23"]
    assert (set(validation["season"]), set(test["season"])) == ({"2023-24"}, {"2024-25"})
    assert test["outcome"].notna().all()


def test_a_split_by_days_tests_on_the_newest_and_validates_on_the_days_before() -> None:
    parts = evaluation.split_by_days(sample_features(), as_of=CUT, test_days=100, validation_days=200)
    assert parts.test["date"].min() >= pd.Timestamp("2025-01-30")
    assert parts.validation["date"].min() >= pd.Timestamp("2024-07-14")
    assert parts.train["date"].max() < pd.Timestamp("2024-07-14")
    played = sample_features()["outcome"].notna() & (sample_features()["season"] > "2019-20")
    assert sum(map(len, parts)) == played.sum()


DATES = [
    *("2023-09-01", "2025-04-09", "2025-04-10", "2025-04-29"),
    *("2025-04-30", "2025-05-09", "2025-05-10", "2025-04-30"),
]
PLAYED = pd.DataFrame(
    {
        "season": ["2023-24"] + ["2024-25"] * 7,
        "date": pd.to_datetime(DATES),
        "outcome": ["home"] * 6 + [None, None],
    }
)


def test_the_days_on_the_edges_of_a_split_are_in_one_part_only() -> None:
    parts = evaluation.split_by_days(PLAYED, as_of=date(2025, 5, 10), test_days=10, validation_days=20)
    assert [part.index.tolist() for part in parts] == [[1], [2, 3], [4, 5]]


@pytest.mark.parametrize("as_of", [date(2025, 5, 11), date(2025, 7, 15), date(2026, 11, 30)])
def test_between_seasons_a_split_counts_back_from_the_newest_result(as_of: date) -> None:
    parts = evaluation.split_by_days(PLAYED, as_of=as_of, test_days=10, validation_days=20)
    assert [part.index.tolist() for part in parts] == [[1], [2, 3], [4, 5]]


def test_the_periods_of_a_split_have_its_matches_and_days() -> None:
    parts = evaluation.split_by_days(PLAYED, as_of=date(2025, 5, 10), test_days=30, validation_days=0)
    periods = evaluation.periods(parts)
    assert periods["test"].tolist() == [4, date(2025, 4, 10), date(2025, 5, 9)]
    assert list(periods.columns) == ["train", "test"], "an empty part has no days"


def test_before_and_after_a_day_share_no_match_and_have_no_coming_one() -> None:
    day = date(2025, 4, 30)
    before, after = evaluation.before(PLAYED, day), evaluation.after(PLAYED, day)
    assert before.index.tolist() == [1, 2, 3], "the first season only warms the ratings up"
    assert after.index.tolist() == [4, 5]


def test_results_are_those_of_the_last_60_days_before_the_cut() -> None:
    scores = {"2020-08-02": "1-0", "2020-08-03": "0-0", "2020-10-01": "0-2", "2020-10-02": "1-1"}
    rows = [match(day, "Ash", "Birch", score) for day, score in scores.items()]
    results = statistics.results(matches(*rows), as_of=date(2020, 10, 2))
    assert list(results.columns) == contract.RESULTS.column_names
    assert results["outcome"].tolist() == ["draw", "away"]


def test_averages_are_counted_by_hand_and_come_with_held_out_scores() -> None:
    rows = [
        match("2020-08-01", "Ash", "Birch", "2-1"),
        match("2020-08-08", "Ash", "Birch", "0-0"),
        match("2020-08-08", "Oak", "Pine", "0-2", league="D1"),
    ]
    scores = {"scope": "all", "held_out_matches": 7, "rps": 0.2, "log_loss": 1.0, "accuracy": 0.5}
    averages = statistics.statistics(matches(*rows), pd.DataFrame([scores]), as_of=date(2020, 9, 1))
    assert list(averages.columns) == contract.STATISTICS.column_names
    averages = averages.set_index("scope")
    counts = averages.loc["all", ["matches", "held_out_matches", "home_goals", "away_goals"]]
    assert counts.tolist() == pytest.approx([3, 7, 2 / 3, 1.0])
    rates = ["home_win_rate", "draw_rate", "away_win_rate", "over_2_5_rate", "both_score_rate"]
    assert averages.loc["E0", rates].tolist() == [0.5, 0.5, 0.0, 0.5, 0.5]
    assert averages.loc["D1", ["held_out_matches", "over_2_5_rate"]].tolist() == [0, 0.0]
    assert np.isnan(averages.loc["D1", "rps"])


def test_a_score_of_a_match_that_was_awarded_counts_nowhere() -> None:
    rows = matches(match("2020-08-01", "Ash", "Birch", "2-1"), match("2020-08-08", "Ash", "Birch", "3-0"))
    rows.loc[1, "status"] = "awarded"
    assert statistics.played(rows, as_of=date(2020, 9, 1))["outcome"].tolist() == ["home"]
    assert len(statistics.results(rows, as_of=date(2020, 9, 1))) == 1


def test_averages_are_those_of_the_last_two_seasons() -> None:
    rows = [match(f"{year}-08-01", "Ash", "Birch", f"{year - 2015}-0") for year in (2017, 2018, 2019)]
    no_scores = pd.DataFrame(columns=["scope", "held_out_matches", "rps", "log_loss", "accuracy"])
    averages = statistics.statistics(matches(*rows), no_scores, as_of=date(2020, 9, 1))
    assert averages["home_goals"].tolist() == [3.5, 3.5]


def test_leagues_have_their_played_and_their_coming_matches() -> None:
    leagues = statistics.leagues(sample(), pd.DataFrame({"league": ["E0"] * 5}), as_of=CUT)
    assert list(leagues.columns) == contract.LEAGUES.column_names
    leagues = leagues.set_index("league")
    premier = leagues.loc["E0", ["league_name", "country", "matches_coming", "first_season", "last_season"]]
    assert premier.tolist() == ["Premier League", "England", 5, "2019-20", "2024-25"]
    assert leagues.loc["D1", "matches_coming"] == 0
    assert leagues["matches_played"].sum() == (sample()["date"] < pd.Timestamp(CUT)).sum()
