"""predict-one: two clubs become a match, or the input is refused with the way out."""

from datetime import date

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.football import features
from tests.football.match_samples import match, matches, sample, sample_features

DAY = date(2025, 4, 20)


def history() -> pd.DataFrame:
    """Two rounds in England, one in Spain, a Scottish club with an English name, and a club that went."""
    rounds = [
        ("2025-03-01", "Arsenal FC", "Chelsea FC", "E0"),
        ("2025-03-02", "Everton FC", "Fulham FC", "E0"),
        ("2025-03-08", "Chelsea FC", "Arsenal FC", "E0"),
        ("2025-03-09", "Fulham FC", "Everton FC", "E0"),
        ("2025-03-02", "Derby County FC", "Rangers FC", "E1"),
        ("2025-03-02", "Rangers FC", "Celtic FC", "SC0"),
        ("2025-03-01", "Real Madrid", "FC Barcelona", "SP1"),
        ("2019-03-01", "Bury FC", "Fulham FC", "E3"),
    ]
    rows = [match(day, home, away, "2-1", league=league) for day, home, away, league in rounds]
    return matches(*sorted(rows, key=lambda row: str(row["date"])))


def one(*, as_of: date = DAY, **inputs: str) -> pd.DataFrame:
    frame = history()
    return features.one(lambda _table: frame, inputs, as_of=as_of)


@pytest.mark.parametrize("name", ["Arsenal FC", "arsenal", "AFC ARSENAL"])
def test_clubs_are_named_by_any_spelling(name: str) -> None:
    row = one(home=name, away="Chelsea")
    assert row[["home", "away", "league"]].to_numpy().tolist() == [["Arsenal FC", "Chelsea FC", "E0"]]
    assert row["date"].to_list() == [pd.Timestamp(DAY)]


def test_a_league_may_be_named_and_clubs_of_two_tiers_meet_in_that_of_the_home_club() -> None:
    assert one(home="Arsenal", away="Chelsea", league="E0")["league"].to_list() == ["E0"]
    assert one(home="Derby County", away="Arsenal")["league"].to_list() == ["E1"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"home": "Arsenal"}, r"A match needs \['away'\]\. Write home="),
        ({}, r"A match needs \['away', 'home'\]"),
        ({"home": "Arsenal", "away": "Arsenal FC"}, "Arsenal FC cannot play against itself"),
        ({"home": "Arsenal", "away": "AFC Arsenal"}, "Arsenal FC cannot play against itself"),
        (
            {"home": "Arsenal", "away": "Real Madrid"},
            r"Arsenal FC \(England\) and Real Madrid \(Spain\) play in dif",
        ),
        (
            {"home": "Arsenal", "away": "Chelsea", "banana": "1"},
            "A match has no 'banana'; its inputs are",
        ),
        (
            {"home": "Arsenal", "away": "Chelsea", "league": "D1"},
            r"Arsenal FC \(England\) is no club of",
        ),
        ({"home": "Arsenal", "away": "Chelsea", "league": "E3"}, "League E3 does not fit: Arsenal FC in E0"),
        ({"home": "Arsenal", "away": "Chelsea", "league": "X9"}, "Unknown league 'X9'. Known leagues: E0"),
        ({"home": "Arsenall", "away": "Chelsea"}, r"Unknown club 'Arsenall'\. Did you mean Arsenal FC"),
        ({"home": "nan", "away": "Chelsea"}, "Unknown club 'nan'"),
        ({"home": "", "away": "Chelsea"}, "Unknown club ''"),
        ({"home": "\x1b[31m", "away": "Chelsea"}, r"Unknown club '\\x1b\[31m'"),
        (
            {"home": "Bury", "away": "Chelsea"},
            "Bury FC has played no match since 2019-03-01.* --data-as-of 2019",
        ),
        ({"home": "Chelsea", "away": "Bury"}, "Bury FC has played no match since 2019-03-01"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_the_way_out(inputs: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        one(**inputs)


def test_a_name_of_two_countries_is_told_by_the_other_club_or_the_league() -> None:
    assert one(home="Rangers", away="Celtic")["league"].to_list() == ["SC0"]
    assert one(home="Arsenal", away="Rangers")["league"].to_list() == ["E0"]
    assert one(home="Rangers", away="Celtic", league="SC0")["away"].to_list() == ["Celtic FC"]


def test_before_the_first_match_of_a_club_nothing_is_known_of_it() -> None:
    with pytest.raises(UsageError, match="Arsenal FC has played no match before 2019-01-01"):
        one(home="Arsenal", away="Chelsea", as_of=date(2019, 1, 1))


@pytest.mark.parametrize("seed", range(3))
def test_two_clubs_of_a_league_always_have_every_feature(seed: int) -> None:
    frame = sample()
    newest = (frame["season"] == frame["season"].max()) & (frame["league"] == "E0")
    names = sorted(set(frame.loc[newest, "home"]))
    home, away = names[seed], names[-1 - seed]
    row = features.one(lambda _table: frame, {"home": home, "away": away}, as_of=None)
    assert not row[[feature.__name__ for feature in features.FEATURES]].isna().any(axis=None)
    assert list(row.columns) == list(sample_features().columns)
