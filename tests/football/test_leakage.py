"""The future does not leak: not into features, not into models, not into choices."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football import evaluation, features, model
from almanac.workloads.football.evaluation import Split
from almanac.workloads.football.features import FEATURES
from tests.football.match_samples import CUT, sample, sample_features

NAMES = [feature.__name__ for feature in FEATURES]
END = date(2030, 1, 1)


def scrambled(since: str) -> pd.DataFrame:
    """Return the sample with other scores from a day on."""
    matches = sample().copy()
    late = (matches["date"] >= since).to_numpy()
    for goals in ("home_goals", "away_goals"):
        matches.loc[late, goals] = np.random.default_rng(len(goals)).integers(0, 9, size=late.sum())
    return matches


def parts(frame: pd.DataFrame) -> Split:
    return evaluation.split_by_season(frame, validation="2023-24", test="2024-25")


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2019-11-02", "2022-08-20", "2024-02-10", "2025-05-03"])
@pytest.mark.parametrize("horizon_days", [0, 14])
def test_scores_from_a_day_on_leave_every_feature_up_to_that_day_bit_identical(
    day: str, horizon_days: int
) -> None:
    whole, other = (
        features.build(matches, as_of=END, horizon_days=horizon_days)
        for matches in (sample(), scrambled(day))
    )
    until = whole["date"] <= day
    assert until.any()
    pd.testing.assert_frame_equal(whole.loc[until, NAMES], other.loc[until, NAMES], check_exact=True)
    assert not whole.loc[~until, NAMES].equals(other.loc[~until, NAMES])


def test_scores_from_the_cut_on_change_no_feature() -> None:
    other = features.build(scrambled(CUT.isoformat()), as_of=CUT)
    pd.testing.assert_frame_equal(sample_features(), other, check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2021-09-18", "2022-09-16", "2024-02-10", "2025-05-03"])
@pytest.mark.parametrize("horizon_days", [0, 14])
def test_matches_after_a_day_leave_every_feature_up_to_that_day_bit_identical(
    day: str, horizon_days: int
) -> None:
    cut = date.fromisoformat(day)
    until_that_day = sample()[sample()["date"] <= day].reset_index(drop=True)
    expected = features.build(until_that_day, as_of=cut, horizon_days=horizon_days)
    for matches in (sample(), later_season(sample()), later_season(until_that_day)):
        frame = features.build(matches, as_of=cut, horizon_days=horizon_days)
        assert len(frame) > len(expected)
        same = frame[frame["date"] <= day].reset_index(drop=True)
        pd.testing.assert_frame_equal(same, expected, check_exact=True)


def later_season(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches and one more season with clubs that were promoted, relegated and never seen."""
    last = matches[matches["season"] == matches["season"].max()]
    clubs = sorted(last["home"].unique())
    names = dict(zip(clubs, [*clubs[1:], "FC New"], strict=True))
    moved = last.assign(
        match_id="later-" + last["match_id"],
        season="2030-31",
        date=pd.Timestamp("2030-08-01") + (last["date"] - last["date"].min()),
        home=last["home"].map(names),
        away=last["away"].map(names),
    )
    return pd.concat([matches, moved], ignore_index=True)


def test_a_match_before_the_cut_has_the_same_features_whatever_the_cut() -> None:
    early = features.build(sample(), as_of=date(2024, 1, 1))
    before = early["outcome"].notna()
    same = sample_features().set_index("match_id").loc[early.loc[before, "match_id"], NAMES]
    pd.testing.assert_frame_equal(
        early.loc[before, NAMES].reset_index(drop=True), same.reset_index(drop=True), check_exact=True
    )


def test_train_validation_and_test_follow_each_other_in_time() -> None:
    train, validation, test = parts(sample_features())
    assert train["date"].max() < validation["date"].min() <= validation["date"].max() < test["date"].min()


def test_choices_are_made_on_seasons_before_the_test_season_only() -> None:
    other = parts(features.build(scrambled("2024-07-01"), as_of=CUT))
    mine = parts(sample_features())
    for name in ("train", "validation"):
        pd.testing.assert_frame_equal(getattr(mine, name), getattr(other, name), check_exact=True)
    assert not mine.test.equals(other.test)


def obvious(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the matches with outcomes that follow from the ratings: 30 % away, 30 % drawn, 40 % home."""
    low, high = sample_features()["elo_difference"].quantile([0.3, 0.6])
    gap = frame["elo_difference"]
    return frame.assign(outcome=np.select([gap < low, gap < high], ["away", "draw"], "home"))


@pytest.mark.slow
@pytest.mark.parametrize("name", model.CANDIDATES)
def test_a_model_of_permuted_outcomes_falls_back_to_base_rates(name: str) -> None:
    split = parts(sample_features())
    train, test = obvious(split.train), obvious(split.test)
    mixed = train.assign(outcome=train["outcome"].sample(frac=1.0, random_state=3).to_numpy())
    learned, fooled = (
        model.fit(model.make(name, seed=1), rows).predict_proba(test) for rows in (train, mixed)
    )
    shares = train["outcome"].value_counts(normalize=True)[model.OUTCOMES]
    base_rates = np.tile(shares, (len(test), 1))
    assert log_loss(test, learned) < log_loss(test, base_rates) - 0.3
    assert log_loss(test, fooled) == pytest.approx(log_loss(test, base_rates), abs=0.06)


def log_loss(test: pd.DataFrame, chances: np.ndarray) -> float:
    return evaluation.score(test["outcome"], chances)["log_loss"]
