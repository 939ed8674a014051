"""Which game a line of plays means: exact id, exact title, words of the title; and lines that are refused."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import UsageError
from almanac.workloads.games.sources import games, plays_csv, selection
from almanac.workloads.games.sources.plays_csv import PlaysImport, read_plays
from tests.games_samples import game

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATALOGUE = games.frame(
    [
        game("Artifact", game_id="steam:1", reviews=900),
        game("The Artifact", game_id="steam:2", reviews=5),
        game("RIFT", game_id="steam:3", reviews=900),
        game("The Rift", game_id="steam:4", reviews=5),
        game("18+", game_id="steam:5"),
        game("Portal 2", game_id="steam:6"),
        game("Terraria", game_id="steam:7"),
        game("Left 4 Dead", game_id="steam:8"),
        game("2048", game_id="steam:9"),
        game("Command & Conquer", game_id="steam:10"),
        game("!?", game_id="steam:11"),
        game("Pokémon", game_id="steam:12"),
        game("Batman: Arkham City - Game of the Year Edition", game_id="steam:13"),
        game("Fallout 3", game_id="steam:14", reviews=900),
        game("Fallout 3: Game of the Year Edition", game_id="steam:15", reviews=5),
    ]
)


def read(*lines: str, header: str = "user_id,title,hours,time") -> PlaysImport:
    return read_plays("\n".join([header, *lines]), CATALOGUE, now=NOW)


@pytest.mark.parametrize(
    ("header", "game_cells", "expected"),
    [
        ("title", "The Artifact", "steam:2"),
        ("title", "Artifact", "steam:1"),
        ("title", "the artifact", "steam:1"),
        ("title", "The Rift", "steam:4"),
        ("title", "RIFT", "steam:3"),
        ("title", "command and conquer", "steam:10"),
        ("title", "Pokémon", "steam:12"),
        ("title", "Portal(TM) II", "steam:6"),
        ("title", "2048", "steam:9"),
        ("game_id,title", "18,Terraria", "steam:7"),
        ("game_id,title", "17,Portal 2", "steam:6"),
        ("game_id,title", "steam:6,Terraria", "steam:6"),
        ("game_id,title", "steam:999,Terraria", "steam:7"),
        ("title,game_id", "Terraria,", "steam:7"),
        ("game_id", "steam:6", "steam:6"),
        ("game_id", "Portal 2", "steam:6"),
        ("game_id", "The Artifact", "steam:2"),
    ],
)
def test_a_game_is_meant_by_id_then_by_title_then_by_its_words(header, game_cells, expected):
    result = read(f"u1,{game_cells},1", header=f"user_id,{header},hours")
    assert result.plays["game_id"].tolist() == [expected]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Command Conquer", "steam:10"),
        ("COMMAND&CONQUER", "steam:10"),
        ("Command and Conquer(TM)", "steam:10"),
        ("Portal TM 2", "steam:6"),
        ("Portal2", "steam:6"),
        ("Left4Dead", "steam:8"),
        ("left 4dead", "steam:8"),
        ("Batman Arkham City GOTY", "steam:13"),
        ("Batman: Arkham City", "steam:13"),
        ("Terraria - Collector's Edition", "steam:7"),
        ("Portal 2 (2011)", "steam:6"),
        ("Fallout 3 GOTY", "steam:14"),
        ("Fallout 3 - Game of the Year Edition", "steam:15"),
    ],
)
def test_a_title_that_differs_in_signs_blanks_or_edition_means_the_same_game(title, expected):
    assert read(f'u1,"{title}",1,').plays["game_id"].tolist() == [expected]


@pytest.mark.parametrize("title", ["Portal", "Portal 3", "Left 4 Dead 2", "Command", "Terraria Soundtrack"])
def test_another_game_of_a_series_or_an_addition_is_not_guessed(title):
    assert read(f"u1,{title},1,").unmatched["game"].tolist() == [title]


@pytest.mark.parametrize(
    ("header", "game_cells", "name"),
    [
        ("game_id", "18", "18"),
        ("game_id", "2048", "2048"),
        ("game_id", "STEAM:6", "STEAM:6"),
        ("game_id", "igdb:7", "igdb:7"),
        ("game_id,title", "18,", "18"),
        ("game_id,title", "6,Nothing", "Nothing"),
        ("title", "?", "?"),
        ("title", "steam:6", "steam:6"),
    ],
)
def test_an_id_is_never_a_title_and_no_title_an_id(header, game_cells, name):
    result = read(f"u1,{game_cells},1", header=f"user_id,{header},hours")
    assert result.plays.empty
    assert result.unmatched.to_numpy().tolist() == [[name, 1]]


def test_a_comma_inside_a_title_makes_a_bad_row_and_no_other_game():
    result = read("u1,Left 4 Dead, 2,10", "u2,Portal 2,3", header="user_id,title,hours")
    assert result.plays[["user_id", "hours"]].to_numpy().tolist() == [["u2", 3.0]]
    assert result.bad_rows["line"].tolist() == [2]


def test_hours_that_add_up_to_too_many_make_a_bad_row():
    result = read("u1,Portal 2,150000", "u1,Portal 2,150000", "u1,portal 2,50000", "u2,Portal 2,150000")
    assert result.plays["hours"].tolist() == [200_000.0, 150_000.0]
    assert result.bad_rows["line"].tolist() == [3]
    assert "add up to at most 200000" in result.bad_rows["reason"].iloc[0]


@pytest.mark.parametrize(
    ("time", "is_bad"),
    [
        ("2099-12-31", True),
        ("2026-06-03", True),
        ("2026-06-02T13:00:00Z", True),
        ("2026-06-02", False),
        ("2026-06-02T09:00:00+14:00", False),
        ("2026-06-01", False),
        ("2019-01-01", False),
    ],
)
def test_a_play_in_the_future_is_a_bad_row(time, is_bad):
    result = read(f"u1,Portal 2,1,{time}", "u2,Portal 2,1,")
    assert result.bad_rows["line"].tolist() == [2] * is_bad
    assert len(result.plays) == 2 - is_bad


@pytest.mark.parametrize(
    ("times", "is_demo"),
    [
        (["2099-12-31"], True),
        (["2026-06-02"], True),
        (["2026-06-01"], False),
        (["2026-05-10", "2099-12-31"], False),
        (["2026-04-01", None], True),
    ],
)
def test_only_plays_of_the_days_up_to_the_slot_end_the_demo(times, is_demo):
    moments = [pd.Timestamp(time, tz="UTC") if time else None for time in times]
    rows = [(f"u{place}", "steam:6", 1.0, moment, "csv") for place, moment in enumerate(moments)]
    cut = selection.cut_off(CATALOGUE, plays_csv.frame(rows), requested=None, slot=date(2026, 6, 1))
    assert cut.demo == is_demo
    assert cut.data_as_of == (selection.CATALOGUE_DATE if is_demo else date(2026, 6, 1))


def test_more_plays_than_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(plays_csv, "MOST_PLAYS", 2)
    lines = ["u1,Portal 2,1", "u1,Terraria,1", "u1,Portal 2,1"]
    assert len(read(*lines).plays) == 2
    with pytest.raises(UsageError, match="more than 2 plays"):
        read(*lines, "u2,Portal 2,1")


LINES = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", ""]),
        st.sampled_from(["Portal 2", "portal ii", "Terraria", "18", "Nothing", ""]),
        st.sampled_from(["1", "150000", "-1", "many", "1_0", "nan"]),
        st.sampled_from(["", "2026-01-01", "2099-01-01", "soon", ",4"]),
    ),
    max_size=30,
)


@given(LINES)
def test_counts_of_any_lines_add_up(rows):
    lines = [",".join(row) for row in rows]
    result = read(*lines)
    counted = len(result.plays) + result.duplicates + result.unmatched["lines"].sum() + len(result.bad_rows)
    assert counted == result.lines == len([line for line in lines if line.strip(",")])
    assert (result.plays["hours"] <= plays_csv.MOST_HOURS).all()
