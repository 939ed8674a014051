"""IGDB, with a server that answers as its documentation says."""

import re
from pathlib import Path
from typing import Any

import pytest

from almanac.download.client import RequestPolicy
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games import sources
from almanac.workloads.games.sources import games, igdb
from tests.games_samples import game
from tests.local_server import LocalServer, Response

CLIENT, SECRET, TOKEN = "client-1234", "secret-5678", "token-9999"
QUICK = RequestPolicy(sleep=lambda _: None)


@pytest.fixture
def keyed(server: LocalServer, tmp_path: Path) -> Settings:
    server.answer(
        "/oauth2/token", Response({"access_token": TOKEN, "expires_in": 5000, "token_type": "bearer"})
    )
    places = {
        "igdb_url": f"{server.url}/v4",
        "igdb_token_url": f"{server.url}/oauth2/token",
        "mirror": "",
        "offline": False,
    }
    keys = {"igdb_client_id": CLIENT, "igdb_client_secret": SECRET}
    return Settings(home=tmp_path, **keys, **places)  # type: ignore[arg-type]


def item(number: int = 1942, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "The Witcher 3: Wild Hunt",
        "first_release_date": 1431993600,
        "genres": [{"id": 12, "name": "Role-playing (RPG)"}],
        "themes": [{"id": 17, "name": "Fantasy"}, {"id": 38, "name": "Open world"}],
        "platforms": [
            {"id": 6, "name": "PC (Microsoft Windows)"},
            {"id": 48, "name": "PlayStation 4"},
            {"id": 130, "name": "Nintendo Switch"},
        ],
        "involved_companies": [
            {"id": 1, "company": {"id": 908, "name": "CD Projekt RED"}, "developer": True, "publisher": False}
        ],
        "external_games": [
            {"id": 1, "uid": "292030", "external_game_source": 1},
            {"id": 2, "uid": "gog-1", "external_game_source": 5},
        ],
        "total_rating": 93.6,
        "total_rating_count": 4000,
    } | changes


def test_a_game_is_read_with_token_client_and_query(server, keyed):
    server.answer("/v4/games", Response([item()]))
    igdb_games, refused = igdb.fetch(keyed, QUICK)
    row = igdb_games.iloc[0]
    assert (row["game_id"], row["steam_id"]) == ("igdb:1942", "steam:292030")
    assert f"{row['released']:%Y-%m-%d}" == "2015-05-19"
    assert (row["genres"], row["themes"]) == ("RPG", "Fantasy;Open world")
    assert row["platforms"] == "windows;playstation;nintendo"
    assert (row["developer"], row["reviews"], row["good_reviews"]) == ("CD Projekt RED", 4000, 3744)
    assert refused.empty
    token, query = server.requests
    assert token.query == {"client_id": CLIENT, "client_secret": SECRET, "grant_type": "client_credentials"}
    assert (query.headers["client-id"], query.headers["authorization"]) == (CLIENT, f"Bearer {TOKEN}")
    assert query.body.decode().endswith("& id > 0; sort id asc; limit 500;")


def test_the_next_page_begins_after_the_last_id(server, keyed, monkeypatch):
    monkeypatch.setattr(igdb, "PAGE", 2)
    server.answer("/v4/games", Response([item(1), item(5)]), Response([item(9)]))
    assert igdb.fetch(keyed, QUICK)[0]["game_id"].tolist() == ["igdb:1", "igdb:5", "igdb:9"]
    queries = [request.body.decode() for request in server.requests[1:]]
    assert [re.findall(r"id > \d+", query) for query in queries] == [["id > 0"], ["id > 5"]]


def test_at_most_four_requests_are_sent_in_a_second(server, keyed):
    naps: list[float] = []
    server.answer("/v4/games", Response([item()]))
    igdb.fetch(keyed, RequestPolicy(per_minute=igdb.PER_MINUTE, sleep=naps.append))
    assert igdb.PER_MINUTE / 60 == 4
    assert all(nap <= 0.25 for nap in naps)


def test_a_request_is_sent_again_after_status_429(server, keyed):
    server.answer("/v4/games", Response({"message": "Too Many Requests"}, 429), Response([item()]))
    assert len(igdb.fetch(keyed, QUICK)[0]) == 1


def test_a_bad_game_is_refused_and_the_others_stay(server, keyed):
    undated = [item(2, first_release_date="soon"), item(3, first_release_date=10**18)]
    server.answer("/v4/games", Response([item(1, name=""), *undated, item(4)]))
    igdb_games, refused = igdb.fetch(keyed, QUICK)
    assert igdb_games["game_id"].tolist() == ["igdb:4"]
    assert refused["line"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "answer",
    [Response({"message": "invalid client secret"}, 403), Response({"message": "who?"}), Response(b"<html>")],
)
def test_the_error_for_a_refused_secret_does_not_contain_it(server, keyed, answer):
    server.answer("/oauth2/token", answer)
    with pytest.raises(SourceUnavailable) as caught:
        igdb.fetch(keyed, QUICK)
    assert SECRET not in str(caught.value)


def test_a_response_other_than_a_list_is_a_changed_format(server, keyed):
    server.answer("/v4/games", Response({"games": []}))
    with pytest.raises(SourceUnavailable, match="returned no list of games"):
        igdb.fetch(keyed, QUICK)


def test_only_games_that_igdb_links_to_steam_become_one_game(server, keyed):
    server.answer("/v4/games", Response([item(), item(7, name="Portal", external_games=[])]))
    witcher = game("The Witcher® 3", game_id="steam:292030", platforms="windows", developer=None)
    catalogue = games.frame([game("Portal", game_id="steam:400"), witcher])
    merged = igdb.merge(catalogue, igdb.fetch(keyed, QUICK)[0]).set_index("game_id")
    assert sorted(merged.index) == ["igdb:7", "steam:292030", "steam:400"]
    row = merged.loc["steam:292030"]
    assert (row["title"], row["reviews"], row["developer"]) == ("The Witcher® 3", 100, "CD Projekt RED")
    assert (row["platforms"], row["themes"]) == ("windows;playstation;nintendo", "Open World;Fantasy")
    portal = merged.loc["steam:400"]
    assert (portal["developer"], portal["platforms"]) == ("Studio", "windows")


def test_without_keys_the_source_is_skipped_and_named(tmp_path):
    fetched = sources._with_igdb(Settings(home=tmp_path), sources._simulated())
    assert fetched.skipped_sources == ["igdb (IGDB_CLIENT_ID and IGDB_CLIENT_SECRET are not set)"]


def test_an_unavailable_source_is_skipped_and_named_and_the_catalogue_stays(server, keyed):
    server.answer("/v4/games", Response({"message": "no"}, 401))
    fetched = sources._with_igdb(keyed, sources._simulated())
    assert "401" in fetched.skipped_sources[0]
    assert len(fetched.games) == 400
