"""The generated sample."""

import pandas as pd
import pytest

from almanac.workloads.football.contract import MATCHES
from almanac.workloads.football.sources import clubs, simulated
from almanac.workloads.football.sources.openfootball import LEAGUES


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return simulated.matches()


def test_the_sample_is_the_same_every_time_and_another_with_another_seed(sample: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(sample, simulated.matches())
    assert not sample["home_goals"].equals(simulated.matches(seed=7)["home_goals"])


def test_the_sample_has_four_leagues_of_six_full_seasons(sample: pd.DataFrame) -> None:
    # A double round-robin of n clubs has n (n - 1) matches: 14 clubs 182, 12 clubs 132.
    counts = sample.groupby(["league", "season"]).size().unstack()
    assert list(counts.columns) == ["2019-20", "2020-21", "2021-22", "2022-23", "2023-24", "2024-25"]
    assert {league: set(row) for league, row in counts.iterrows()} == {
        "D1": {182},
        "D2": {132},
        "E0": {182},
        "E1": {132},
    }
    assert set(counts.index) <= set(LEAGUES)
    assert sample["match_id"].is_unique
    assert not sample.duplicated(["league", "season", "home", "away"]).any()


def test_the_sample_has_the_columns_of_the_contract(sample: pd.DataFrame) -> None:
    assert list(sample.columns) == MATCHES.column_names
    assert set(sample["status"]) == {"played"}
    assert set(sample["source"]) == {"simulated"}
    assert (sample["date"].dtype, sample["home_goals"].dtype) == ("datetime64[s]", "Int64")


def test_the_sample_ends_in_may_2025_and_each_fortnight_of_spring_has_matches_in_all_leagues(
    sample: pd.DataFrame,
) -> None:
    assert sample["date"].max() == pd.Timestamp("2025-05-24")
    for start in pd.date_range("2025-03-01", "2025-05-10", freq="7D"):
        assert (
            sample.loc[sample["date"].between(start, start + pd.Timedelta(days=13)), "league"].nunique() == 4
        )


def test_no_club_plays_twice_on_a_day(sample: pd.DataFrame) -> None:
    both = pd.concat(
        [
            sample[["date", "home"]].set_axis(["date", "club"], axis=1),
            sample[["date", "away"]].set_axis(["date", "club"], axis=1),
        ]
    )
    assert not both.duplicated().any()


def test_two_clubs_are_promoted_and_two_relegated_each_year(sample: pd.DataFrame) -> None:
    members = sample.groupby(["league", "season"])["home"].agg(set)
    for upper, lower in (("E0", "E1"), ("D1", "D2")):
        for before, after in zip(members[upper].index[:-1], members[upper].index[1:], strict=True):
            assert len(members[upper][after] - members[upper][before]) == 2
            assert members[upper][after] - members[upper][before] <= members[lower][before]
            assert (
                members[lower][after] - members[lower][before]
                == members[upper][before] - members[upper][after]
            )


def test_the_clubs_are_invented(sample: pd.DataFrame) -> None:
    names = set(sample["home"]) | set(sample["away"])
    assert len(names) == 52
    assert all(name.startswith(("Testland ", "Sampleland ")) for name in names)
    assert not any(clubs.canonical(country, name) for name in names for country in ("England", "Germany"))


def test_the_stronger_half_scores_more_and_home_clubs_win_more_often(sample: pd.DataFrame) -> None:
    first = sample[(sample["season"] == "2019-20") & (sample["league"] == "E0")]
    power = simulated.strengths("Testland")
    by_strength = sorted(set(first["home"]), key=lambda name: power[name].attack)
    weak, strong = by_strength[:7], by_strength[7:]
    assert (
        first[first["home"].isin(strong)]["home_goals"].mean()
        > first[first["home"].isin(weak)]["home_goals"].mean()
    )
    assert (sample["home_goals"] > sample["away_goals"]).mean() > (
        sample["home_goals"] < sample["away_goals"]
    ).mean() + 0.05
