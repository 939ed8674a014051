"""A CSV of plays: titles are matched to the catalogue, and lines without a match are reported."""

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.sources import games
from almanac.workloads.games.sources.plays_csv import PlaysImport, read_plays
from tests.games_samples import game

HEADER = "user_id,game_id,hours,time"


@pytest.fixture
def catalogue() -> pd.DataFrame:
    return games.frame(
        [
            game("The Witcher® 3: Wild Hunt", game_id="steam:292030"),
            game("Portal"),
            game("Escape", reviews=5),
            game("ESCAPE!", reviews=50),
        ]
    )


def read(catalogue: pd.DataFrame, *lines: str, header: str = HEADER) -> PlaysImport:
    return read_plays("\n".join([header, *lines]), catalogue)


def test_a_line_becomes_a_play_by_id_or_by_title(catalogue):
    result = read(
        catalogue,
        "ann,steam:292030,12.5,2025-04-18T08:00:00+02:00",
        "ann,the witcher 3 wild hunt,1,",
        "bob,Portal,3,2025-04-18",
    )
    assert list(result.plays.columns) == PLAYS.column_names
    rows = result.plays[["user_id", "game_id", "hours"]].to_numpy().tolist()
    assert rows == [["ann", "steam:292030", 13.5], ["bob", "steam:portal", 3.0]]
    moments = [f"{moment:%Y-%m-%d %H:%M}" for moment in result.plays["played_at"]]
    assert moments == ["2025-04-18 06:00", "2025-04-18 00:00"]
    assert result.duplicates == 1


def test_a_shared_title_in_a_title_column_means_the_most_reviewed_game(catalogue):
    result = read(catalogue, "ann,escape,1", header="user_id,title,hours")
    assert result.plays["game_id"].tolist() == ["steam:escape!"]


def test_games_without_a_match_are_counted_and_nothing_is_guessed(catalogue):
    result = read(
        catalogue, "ann,Portal 2,1,", "bob,Portal 2,1,", "bob,🎮,1,", "bob,'; DROP TABLE plays; --,1,"
    )
    assert result.plays.empty
    assert result.unmatched.to_numpy().tolist() == [
        ["Portal 2", 2],
        ["'; DROP TABLE plays; --", 1],
        ["🎮", 1],
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",Portal,1,", "user or game is empty"),
        ("ann,,1,", "user or game is empty"),
        ("ann,Portal,many,", "hours must be a number"),
        ("ann,Portal,-1,", "hours must be a number"),
        ("ann,Portal,nan,", "hours must be a number"),
        ("ann,Portal,1e999,", "hours must be a number"),
        ("ann,Portal,1,yesterday", "time must be a date"),
        ("ann,Portal,1,0001-01-01", "years 1970 to 2100"),
        (f"{'a' * 501},Portal,1,", "more than 500 characters"),
    ],
)
def test_a_bad_row_is_reported_by_its_line_and_the_others_stay(catalogue, line, reason):
    result = read(catalogue, line, "bob,Portal,1,")
    assert result.plays["user_id"].tolist() == ["bob"]
    assert result.bad_rows["line"].tolist() == [2]
    assert reason in result.bad_rows["reason"].iloc[0]


def test_the_error_for_missing_columns_names_them_and_gives_an_example(catalogue):
    message = r"lacks the columns \['hours', 'game_id or title'\].*It begins: user_id,game_id,hours,time"
    with pytest.raises(UsageError, match=message):
        read(catalogue, header="user_id,time")


def test_the_error_for_an_unreadable_file_names_it(catalogue, tmp_path):
    (tmp_path / "plays.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_plays(tmp_path / "plays.csv", catalogue)
    with pytest.raises(UsageError, match="cannot be read"):
        read_plays(tmp_path / "none.csv", catalogue)
