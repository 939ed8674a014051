"""IGDB: which entries are games, which Steam game they are, and what a refused page or a silence changes."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.store.rows import raw
from almanac.workloads.games import sources
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.sources import games, igdb, steam
from tests.games.test_sources_igdb import QUICK, item, keyed
from tests.games_samples import game
from tests.local_server import Response

__all__ = ["keyed"]
CATALOGUE = games.frame(
    [game("Portal", game_id="steam:100", genres="Puzzle", developer=None), game("Doom", game_id="steam:200")]
)


def on_steam(*uids: object) -> list[dict[str, Any]]:
    return [{"id": place, "uid": uid, "external_game_source": 1} for place, uid in enumerate(uids)]


def read(*items: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    reading = igdb._Reading()
    for each in items:
        reading.add(each)
    return reading.frames()


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 7, 13, 14, {"id": 1, "type": "DLC"}])
def test_what_nobody_plays_alone_is_no_game_and_is_listed(kind):
    frame, refused = read(item(1, game_type=kind), item(2, game_type=0), item(3), item(4, game_type=8))
    assert frame["game_id"].tolist() == ["igdb:2", "igdb:3", "igdb:4"]
    assert "no game (game_type" in refused["reason"].iloc[0]
    assert "Witcher" in refused["text"].iloc[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"name": 7},
        {"name": "  "},
        {"name": "a\0b"},
        {"name": "half \ud83d"},
        {"genres": [{"name": "a\0b"}]},
        {"id": None},
        {"first_release_date": "soon"},
    ],
)
def test_a_game_that_cannot_be_stored_is_left_out_by_its_reason_and_the_others_stay(changes):
    frame, refused = read(item(1), item(2, **changes), item(3))
    assert frame["game_id"].tolist() == ["igdb:1", "igdb:3"]
    assert refused["line"].tolist() == [2]
    refused["text"].iloc[0].encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"genres": None},
        {"genres": [None, {"id": 1}, {"name": None}]},
        {"involved_companies": [{"developer": True, "company": {}}]},
        {"external_games": None},
        {"total_rating_count": None, "total_rating": None},
    ],
)
def test_what_a_game_does_not_say_leaves_the_game(changes):
    assert len(read(item(1, **changes))[0]) == 1


@pytest.mark.parametrize(
    ("name", "platforms"),
    [
        ("Sega Mega Drive/Genesis", ""),
        ("Family Computer", "nintendo"),
        ("Family Computer Disk System", "nintendo"),
        ("Nintendo Entertainment System", "nintendo"),
        ("Super Famicom", "nintendo"),
        ("SNES", "nintendo"),
        ("Wii U", "nintendo"),
        ("New Nintendo 3DS", "nintendo"),
        ("Neo Geo MVS", ""),
        ("Macrocosm", ""),
        ("Mac", "mac"),
        ("Classic Macintosh", "mac"),
        ("Windows Phone", ""),
        ("Windows Mobile", ""),
        ("PC (Microsoft Windows)", "windows"),
        ("Linux", "linux"),
        ("Xbox Series X|S", "xbox"),
        ("PlayStation Vita", "playstation"),
        ("Amiga", ""),
        ("Business Systems", ""),
    ],
)
def test_platforms_are_whole_words(name, platforms):
    assert read(item(1, platforms=[{"name": name}]))[0]["platforms"].tolist() == [platforms]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Portal"}, {"name": "Portal: Bonus", "total_rating_count": 9000}),
        ({"name": "Portal", "game_type": 0}, {"name": "Portal", "game_type": 9}),
        ({"name": "Portal®"}, {"name": "Doom", "total_rating_count": 9000}),
        ({"name": "Gate", "total_rating_count": 900}, {"name": "Door", "total_rating_count": 9}),
    ],
)
def test_of_two_games_with_one_steam_id_the_main_one_of_the_same_title_is_it(one, other, reverse):
    chosen = item(5, external_games=on_steam("100"), **{"genres": [{"name": "Right"}]} | one)
    left_out = item(4, external_games=on_steam("100"), **{"genres": [{"name": "Wrong"}]} | other)
    frame, _ = read(*[left_out, chosen][:: -1 if reverse else 1])
    merged = igdb.merge(CATALOGUE, frame).set_index("game_id")
    assert sorted(merged.index) == ["steam:100", "steam:200"]
    assert merged.loc["steam:100", "genres"] == "Puzzle;Right"
    assert igdb.shared(CATALOGUE, frame)["text"].tolist() == [f"igdb:4 {other['name']}"]


@pytest.mark.parametrize("uids", [["999", "100"], ["100", "999"], ["x", "999", 100], ["100", "200"]])
def test_all_steam_ids_of_a_game_are_tried(uids):
    frame, _ = read(item(1, name="Portal", external_games=on_steam(*uids)))
    merged = igdb.merge(CATALOGUE, frame)
    assert sorted(merged["game_id"]) == ["steam:100", "steam:200"]
    assert merged.set_index("game_id").loc["steam:100", "developer"] == "CD Projekt RED"


def test_a_refused_later_page_leaves_the_games_before_it_and_is_named(server, keyed, monkeypatch):
    monkeypatch.setattr(igdb, "PAGE", 2)
    pages = [Response([item(1), item(5)]), Response({"message": "token expired"}, 401)]
    server.answer("/v4/games", *pages)
    frame, refused = igdb.fetch(keyed, QUICK)
    assert (frame["game_id"].tolist(), frame.attrs["unread"]) == (["igdb:1", "igdb:5"], 5)
    assert "ids after 5 were not read" in refused["reason"].iloc[0]
    server.answer("/v4/games", *pages)
    fetched = sources._with_igdb(keyed, sources._of_steam(steam.Catalogue(CATALOGUE, games.skipped([]), "")))
    assert len(fetched.games) == 4
    assert fetched.skipped_sources[0].startswith("a part of igdb (the games with ids after 5 were not read")


def collect(database: Any, fetched: pd.DataFrame, unread: int | None) -> raw.UpsertCounts:
    """Bring games into the database as the notebook does."""
    stored = raw.read(database, CONTRACT, "games")
    result = sources.Fetched(fetched, pd.DataFrame(), games.skipped([]), "steam", False, "", [], unread)
    collected = sources.completed(result, stored)
    raw.upsert(database, CONTRACT, "games", games.delisted(collected, stored))
    return raw.upsert(database, CONTRACT, "games", collected)


def test_a_silent_or_half_read_source_changes_nothing(owner):
    frame, _ = read(
        item(1, name="Portal", external_games=on_steam("100")),
        item(3, name="Three", external_games=[]),
        item(7, name="Seven", external_games=[]),
    )
    merged = igdb.merge(CATALOGUE, frame)
    assert collect(owner, merged, None).inserted == 4
    before = raw.read(owner, CONTRACT, "games")
    half = merged[merged["game_id"] != "igdb:7"]
    for fetched, unread in ((CATALOGUE, 0), (half, 3), (merged, None)):
        assert collect(owner, fetched, unread).updated == 0
        pd.testing.assert_frame_equal(raw.read(owner, CONTRACT, "games"), before)
    collect(owner, half, None)
    after = raw.read(owner, CONTRACT, "games").set_index("game_id")
    assert not after.loc["igdb:7", "listed"]


ITEMS = st.dictionaries(
    st.sampled_from(sorted(item())),
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.none() | st.integers(), max_size=2)),
)


@given(st.lists(st.one_of(ITEMS, st.none(), st.integers(), st.text(max_size=5)), max_size=8))
def test_any_items_are_read_or_listed(items):
    frame, refused = read(*items)
    assert len(frame) + len(refused) == len(items)
    igdb.merge(CATALOGUE, frame)
