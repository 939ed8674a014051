"""A CSV of plays that the user owns: titles are matched to the catalogue, and what does not match is told."""

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.sources import games
from almanac.workloads.games.sources.plays_csv import PlaysImport, read_plays
from tests.games_samples import game

HEADER = "user_id,game_id,hours,time"


@pytest.fixture
def known() -> pd.DataFrame:
    return games.frame(
        [
            game("The Witcher® 3: Wild Hunt", game_id="steam:292030"),
            game("Portal"),
            game("Escape", reviews=5),
            game("ESCAPE!", reviews=50),
        ]
    )


def read(known: pd.DataFrame, *lines: str, header: str = HEADER) -> PlaysImport:
    return read_plays("\n".join([header, *lines]), known)


def test_a_line_becomes_a_play_by_id_or_by_title(known):
    found = read(
        known,
        "ann,steam:292030,12.5,2025-04-18T08:00:00+02:00",
        "ann,the witcher 3 wild hunt,1,",
        "bob,Portal,3,2025-04-18",
    )
    assert list(found.plays.columns) == PLAYS.column_names
    assert found.plays[["user_id", "game_id", "hours"]].to_numpy().tolist() == [
        ["ann", "steam:292030", 13.5],
        ["bob", "steam:portal", 3.0],
    ]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in found.plays["played_at"]] == [
        "2025-04-18 06:00",
        "2025-04-18 00:00",
    ]
    assert found.doubled == 1


def test_a_title_column_serves_as_well_and_the_most_reviewed_game_has_a_shared_title(known):
    found = read(known, "ann,escape,1", header="user_id,title,hours")
    assert found.plays["game_id"].tolist() == ["steam:escape!"]


def test_games_that_match_none_are_told_with_their_number_and_nothing_is_guessed(known):
    found = read(known, "ann,Portal 2,1,", "bob,Portal 2,1,", "bob,🎮,1,", "bob,'; DROP TABLE plays; --,1,")
    assert found.plays.empty
    assert found.unmatched.to_numpy().tolist() == [["Portal 2", 2], ["'; DROP TABLE plays; --", 1], ["🎮", 1]]


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
def test_a_bad_row_is_reported_by_its_line_and_the_others_stay(known, line, reason):
    found = read(known, line, "bob,Portal,1,")
    assert found.plays["user_id"].tolist() == ["bob"]
    assert found.bad_rows["line"].tolist() == [2]
    assert reason in found.bad_rows["reason"].iloc[0]


def test_missing_columns_are_named_with_the_way_out(known):
    with pytest.raises(
        UsageError,
        match=r"lacks the columns \['hours', 'game_id or title'\].*It begins: user_id,game_id,hours,time",
    ):
        read(known, header="user_id,time")


def test_a_file_that_cannot_be_read_is_named(known, tmp_path):
    (tmp_path / "plays.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_plays(tmp_path / "plays.csv", known)
    with pytest.raises(UsageError, match="cannot be read"):
        read_plays(tmp_path / "none.csv", known)
