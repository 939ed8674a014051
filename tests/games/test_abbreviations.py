"""Abbreviations of titles by rule, and the index entries that hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.workloads.games.lists import search_index
from almanac.workloads.games.lists.abbreviations import MOST_LETTERS, initials_of, loose_initials_of
from almanac.workloads.games.shared import spelling
from tests.games_samples import predicted


@pytest.mark.parametrize(
    ("title", "forms"),
    [
        ("Grand Theft Auto V", {"gta", "gta5", "gtav"}),
        ("The Elder Scrolls V: Skyrim", {"tes5", "es5", "tes5s"}),
        ("Metal Gear Solid", {"mgs"}),
        ("Counter-Strike: Global Offensive", {"csgo"}),
        ("The Legend of Zelda: Breath of the Wild", {"botw", "tloz"}),
        ("Call of Duty®: Black Ops III", {"cod", "codbo3", "codboiii", "bo3", "codbo"}),
        ("Command & Conquer: Red Alert 2", {"ra2"}),
        ("STAR WARS™ - Knights of the Old Republic™", {"kotor", "swkotor"}),
        ("Red Dead Redemption 2", {"rdr2", "rdr"}),
    ],
)
def test_initials_are_those_of_title_series_and_subtitle(title, forms):
    assert forms <= initials_of(title)


@pytest.mark.parametrize("title", ["Portal", "Doom 3", "!?", "", "7"])
def test_a_title_of_one_word_has_no_initials(title):
    assert initials_of(title) == set()


@pytest.mark.parametrize(
    ("title", "form"),
    [("StarCraft II", "sc2"), ("Fallout 4", "fo4"), ("PLAYERUNKNOWN'S BATTLEGROUNDS", "pubg")],
)
def test_long_words_may_give_a_second_letter(title, form):
    assert form in loose_initials_of(title)


@given(st.text(max_size=200))
def test_initials_of_any_text_are_short_and_few(title):
    forms = initials_of(title) | loose_initials_of(title)
    assert all(3 <= len(form) <= MOST_LETTERS for form in forms)
    assert len(forms) < 2000


@given(st.text(max_size=80))
def test_runs_inside_words_stand_at_the_place_of_their_word(title):
    assert len(spelling.runs_of(title)) == len(spelling.tokens_of(title))


def test_each_entry_stands_once_and_older_ones_stay():
    tables = search_index.tables(predicted())
    index = tables["words"]
    assert not index.duplicated(["word", "game_id"]).any()
    witcher = set(index.loc[index["game_id"] == "sample:witcher-3-wild-hunt", "word"])
    assert {"witcher", "3", "wild", "hunt", "w*", "wi*", "#witcher3wildhunt", "=tw3"} <= witcher
    assert not tables["spellings"]["word"].str.startswith(("#", "=", "~", "*")).any()


def test_ids_of_built_in_games_are_those_of_older_releases():
    ids = set(predicted()["game_id"])
    assert {"sample:mount-blade-warband", "sample:command-conquer", "sample:final-fantasy-xv"} <= ids
