"""Search by title: the whole title first, abbreviations by rule, and no game that nobody asked for."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.workloads.games import model
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.sources import plays_csv
from serve.answers.games.terms import Search
from tests.games_samples import GamesPublisher, catalogue, game, titles
from tests.servers import in_thread

SEARCH, BY_TITLE, COMBINED = (
    "/v1/games/search",
    "/v1/games/search/recommendations",
    "/v1/games/recommendations",
)
# The most popular first.
TITLES = (
    "Dota 2",
    "Counter-Strike: Global Offensive",
    "PLAYERUNKNOWN'S BATTLEGROUNDS",
    "Team Fortress 2",
    "Grand Theft Auto V",
    "Left 4 Dead 2",
    "Left 4 Dead",
    "The Elder Scrolls V: Skyrim Special Edition",
    "The Elder Scrolls V: Skyrim",
    "The Binding of Isaac: Rebirth",
    "The Binding of Isaac",
    "Call of Duty®: Black Ops III",
    "Call of Duty®",
    "Half-Life 2",
    "Half-Life 2: Episode Two",
    "Half-Life",
    "Portal 2",
    "Portal",
    "Postal III",
    "Borderlands 2",
    "StarCraft II",
    "Command & Conquer: Red Alert 3",
    "Ratchet and Clank",
    "BioShock™ Infinite",
    "Sid Meier's Civilization® V",
    "Final Fantasy XV",
    "XCOM® 2",
    "F.E.A.R.",
    "Fear The Wolves",
    "RIFT",
    "The Rift",
    "Artifact",
    "The Artifact",
    "Plug & Play",
    "Pub Encounter",
    "L'Abbaye des Morts",
    "2048",
    "7",
    "The",
    "Hawx2: Ace",
)


@pytest.fixture(scope="module")
def games(cluster: str, template: str) -> Iterator[httpx.Client]:
    """Reads one release of TITLES; nobody changes it."""
    name = f"search_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    rows = [game(title, reviews=100_000 - 1_000 * place) for place, title in enumerate(TITLES)]
    # A release has at least a hundred games.
    rows += [game(f"Qu{first}{second}x", reviews=1) for first in "bcdfghklm" for second in "aeiouywz"]
    data = Dataset(catalogue(*rows), plays_csv.frame([]))
    publisher = GamesPublisher(database)
    publisher.register(1)
    publisher.publish(model.predict(model.fit(model.make("content"), data), data.catalogue))
    with in_thread(Settings(database_url=database.url)) as client:
        yield client
    database.engine.dispose()


def titles_of(games: httpx.Client, query: str) -> list[str]:
    return titles(games.get(SEARCH, params={"q": query}).json()["rows"])


def match(games: httpx.Client, query: str) -> str | None:
    answer = games.post(BY_TITLE, json={"query": query}).json()
    return answer["match"] and str(answer["match"]["title"])


@pytest.mark.parametrize("title", TITLES)
def test_the_whole_title_is_first_and_meant(games, title):
    assert titles_of(games, title)[0] == title
    assert match(games, title) == title
    liked = games.post(COMBINED, json={"liked": [title]}).json()
    assert titles(liked["liked"]) == [title]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.sampled_from(TITLES), data=st.data())
def test_every_run_of_letters_or_digits_of_a_title_finds_it(games, title, data):
    run = data.draw(st.sampled_from(re.findall(r"[^\W\d_]+|\d+", title)))
    rows = games.get(SEARCH, params={"q": f"{run} {title}"[:500]}).json()["rows"]
    assert title in titles(rows)
    if len(run) > 2 and run.lower() not in ("the", "and", "iii"):
        assert title in titles_of(games, run)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("gta", "Grand Theft Auto V"),
        ("gta 5", "Grand Theft Auto V"),
        ("GTA V", "Grand Theft Auto V"),
        ("gtav", "Grand Theft Auto V"),
        ("g.t.a. 5", "Grand Theft Auto V"),
        ("csgo", "Counter-Strike: Global Offensive"),
        ("cs:go", "Counter-Strike: Global Offensive"),
        ("cs go", "Counter-Strike: Global Offensive"),
        ("l4d2", "Left 4 Dead 2"),
        ("l4d 2", "Left 4 Dead 2"),
        ("left4dead 2", "Left 4 Dead 2"),
        ("left4dead2", "Left 4 Dead 2"),
        ("left 4 dead2", "Left 4 Dead 2"),
        ("pubg", "PLAYERUNKNOWN'S BATTLEGROUNDS"),
        ("tf2", "Team Fortress 2"),
        ("tf 2", "Team Fortress 2"),
        ("hl2", "Half-Life 2"),
        ("halflife 2", "Half-Life 2"),
        ("halflife2", "Half-Life 2"),
        ("half life2", "Half-Life 2"),
        ("halflife", "Half-Life"),
        ("tes5", "The Elder Scrolls V: Skyrim Special Edition"),
        ("bl2", "Borderlands 2"),
        ("sc2", "StarCraft II"),
        ("star craft 2", "StarCraft II"),
        ("bio shock infinite", "BioShock™ Infinite"),
        ("civ5", "Sid Meier's Civilization® V"),
        ("civ v", "Sid Meier's Civilization® V"),
        ("ff15", "Final Fantasy XV"),
        ("ffxv", "Final Fantasy XV"),
        ("final fantasy 15", "Final Fantasy XV"),
        ("c&c", "Command & Conquer: Red Alert 3"),
        ("command and conquer red alert 3", "Command & Conquer: Red Alert 3"),
        ("command conquer", "Command & Conquer: Red Alert 3"),
        ("Ratchet & Clank", "Ratchet and Clank"),
        ("ratchet clank", "Ratchet and Clank"),
        ("binding isaac", "The Binding of Isaac"),
        ("Portal(TM)", "Portal"),
        ("PORTAL (tm) 2", "Portal 2"),
        ("Portal®", "Portal"),
        ("bioshock(R) infinite", "BioShock™ Infinite"),
        ("x-com 2", "XCOM® 2"),
        ("fear", "F.E.A.R."),
        ("portal deluxe edition", "Portal"),
        ("portal 2 game of the year edition", "Portal 2"),
        ("half-life 2 goty", "Half-Life 2"),
        ("skyrim special edition", "The Elder Scrolls V: Skyrim Special Edition"),
        ("skyrim anniversary edition", "The Elder Scrolls V: Skyrim Special Edition"),
        ("hawx 2", "Hawx2: Ace"),
        ("abbaye", "L'Abbaye des Morts"),
        ("l abbaye", "L'Abbaye des Morts"),
        ("prtal 2", "Portal 2"),
        ("protal", "Portal 2"),
        ("borderlnads 2", "Borderlands 2"),
    ],
)
def test_abbreviations_spellings_and_editions_mean_the_title(games, query, title):
    assert titles_of(games, query)[0] == title
    assert match(games, query) == title
    assert titles(games.post(COMBINED, json={"liked": [query]}).json()["liked"]) == [title]


@pytest.mark.parametrize(
    "query",
    [
        "zelda 2",
        "overwatch 2",
        "overwatch",
        "the 2",
        "2",
        "of",
        "the of",
        "p",
        "3",
        "halo 2",
        "doom and gloom",
        "minecraft edition",
        "rdr2",
        "plugs of war 2",
        "zelda dota",
        "portal zelda",
    ],
)
def test_no_game_is_meant_where_only_a_number_a_stop_word_or_a_part_fits(games, query):
    assert match(games, query) is None
    assert games.post(COMBINED, json={"liked": [query]}).json()["unmatched"] == [0]


def test_a_number_that_no_title_has_shows_the_series_and_is_no_liked_game(games):
    assert titles_of(games, "portal 3")[:2] == ["Portal 2", "Portal"]
    assert games.post(COMBINED, json={"liked": ["portal 3"]}).json()["unmatched"] == [0]
    assert titles_of(games, "overwatch 2") == []


def test_the_telling_words_of_a_search_are_neither_numbers_nor_stop_words_nor_editions():
    search = Search("The Left4Dead 2 of you: Game of the Year Edition")
    assert [search.words[part] for part in search.telling] == ["left", "dead"]
    assert Search("1979").telling == [0]
    assert Search("7").telling == Search("a b").telling == []


@given(st.text(max_size=60))
def test_the_terms_of_any_text_name_parts_that_it_has(text):
    search = Search(text)
    parts = range(len(search.words))
    assert all(part in parts for term in search.terms() for part in term.parts)
    assert all(term.low <= term.high for term in search.terms())
    assert set(search.telling) <= set(search.all_but_edition) <= set(parts)
