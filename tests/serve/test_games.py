"""Games' own routes: catalogue, lists, search, several liked games combined, the model."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from tests.games_samples import GamesPublisher, predicted, titles
from tests.servers import in_thread

WITCHER = "sample:witcher-3-wild-hunt"
COMBINED, SEARCHED = "/v1/games/recommendations", "/v1/games/search/recommendations"


@pytest.fixture(scope="module")
def games(cluster: str, template: str) -> Iterator[httpx.Client]:
    """Reads one release of the built-in games; nobody changes it."""
    name = f"games_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    publisher = GamesPublisher(database)
    publisher.register(1)
    publisher.publish(predicted("blend"))
    with in_thread(Settings(database_url=database.url)) as client:
        yield client
    database.engine.dispose()


def row_of(game: str) -> dict[str, Any]:
    """Return the published prediction of a game."""
    predictions = predicted("blend").set_index("game_id", drop=False)
    return dict(predictions.loc[game].to_dict())


def search_titles(games: httpx.Client, query: str) -> list[str]:
    return titles(games.get("/v1/games/search", params={"q": query}).json()["rows"])


def recommend(games: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = games.post(COMBINED, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_game_is_returned_with_its_attribution(games):
    answer = games.get(f"/v1/games/catalogue/{WITCHER}").json()
    assert (answer["game"]["title"], answer["game"]["year"]) == ("The Witcher 3: Wild Hunt", 2015)
    assert answer["game"]["themes"] == ["Open World", "Fantasy", "Story Rich"]
    assert "Nik Davis" in answer["attribution"]
    assert "similar" not in answer["game"]


def test_both_lists_of_a_game_equal_the_published_ones(games):
    similar = games.get(f"/v1/games/catalogue/{WITCHER}/similar").json()
    recommended = games.get(f"/v1/games/catalogue/{WITCHER}/recommendations").json()
    assert similar["rows"] == row_of(WITCHER)["similar"]
    assert recommended["rows"] == row_of(WITCHER)["recommended"]
    assert similar["rows"] != recommended["rows"]
    assert games.get(f"/v1/games/catalogue/{WITCHER}/similar?limit=3").json()["rows"] == similar["rows"][:3]


@pytest.mark.parametrize("place", ["", "/similar", "/recommendations"])
def test_an_unknown_game_is_404(games, place):
    assert games.get(f"/v1/games/catalogue/steam:0{place}").status_code == 404


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("witcher", "The Witcher"),
        ("the witcher 3", "The Witcher 3: Wild Hunt"),
        ("witchr", "The Witcher"),
        ("wither", "The Witcher"),
        ("wicther 3", "The Witcher 3: Wild Hunt"),
        ("skyrm", "The Elder Scrolls V: Skyrim"),
        ("DARK SOULS III", "Dark Souls III"),
        ("dark souls 3", "Dark Souls III"),
        ("pokemon red", "Pokémon Red and Blue"),
        ("portl", "Portal"),
        ("tetris", "Tetris"),
        ("wild hunt", "The Witcher 3: Wild Hunt"),
        ("stardw vally", "Stardew Valley"),
    ],
)
def test_search_tolerates_misspelled_titles(games, query, first):
    assert search_titles(games, query)[0].startswith(first)


def test_search_ranks_exact_titles_then_prefixes_then_popular_games(games):
    assert search_titles(games, "portal")[:2] == ["Portal", "Portal 2"]
    rows = games.get("/v1/games/search?q=halo").json()["rows"]
    begin = [row["rank"] for row in rows if row["title"].startswith("Halo")]
    assert len(begin) == 4
    assert [row["rank"] for row in rows[:4]] == sorted(begin)


def test_a_short_query_finds_popular_games_with_that_prefix(games):
    rows = games.get("/v1/games/search?q=d").json()["rows"]
    assert len(rows) == 10
    assert all(
        any(word.lower().startswith("d") for word in row["title"].replace(":", "").split()) for row in rows
    )


def test_an_unmatched_query_is_an_empty_list_and_a_partly_matched_one_is_not(games):
    assert search_titles(games, "zzzzzzzz") == []
    assert search_titles(games, "witcher zzzzzzzz")[0].startswith("The Witcher")


@pytest.mark.parametrize("query", ["", "   ", "🎮", "%%", "*", "'", "--"])
def test_a_query_without_letters_is_refused_with_a_reason(games, query):
    answer = games.get("/v1/games/search", params={"q": query})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"in": "query", "name": "q", "reason": "must hold a letter or a digit"}],
    )


@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE almanac.games_words; --",
        "<script>alert(1)</script>",
        "🎮 portal",
        "x" * 900,
        "a b c d e f g h i j",
    ],
)
def test_hostile_queries_are_answered_and_do_no_harm(games, query):
    assert games.get("/v1/games/search", params={"q": query}).status_code == 200
    assert games.post(SEARCHED, json={"query": query[:500]}).status_code == 200
    assert search_titles(games, "witcher")


def test_a_search_returns_the_recommendations_of_its_best_match(games):
    answer = games.post(SEARCHED, json={"query": "witchr 3 wild", "limit": 4}).json()
    assert answer["match"] == {"game_id": WITCHER, "title": "The Witcher 3: Wild Hunt"}
    assert answer["rows"] == row_of(WITCHER)["recommended"][:4]
    assert games.post(SEARCHED, json={"query": "zzzzzzzz"}).json()["match"] is None


def test_one_liked_game_gives_its_own_list(games):
    answer = recommend(games, liked=[WITCHER])
    assert titles(answer["rows"]) == titles(row_of(WITCHER)["recommended"])
    assert answer["rows"][0]["because"] == ["The Witcher 3: Wild Hunt"]


def test_several_liked_games_are_combined_by_the_mean_of_their_scores(games):
    liked = [WITCHER, "sample:dark-souls-3"]
    expected: dict[str, float] = {}
    for game in liked:
        for other, score, *_ in row_of(game)["pool"]:
            expected[other] = expected.get(other, 0.0) + score / 2
    best = sorted((game for game in expected if game not in liked), key=lambda game: -expected[game])[:5]
    rows = recommend(games, liked=liked, limit=5)["rows"]
    assert [row["game_id"] for row in rows] == best
    assert [row["score"] for row in rows] == [pytest.approx(expected[game], abs=1e-4) for game in best]


def test_each_entry_says_what_has_brought_it(games):
    similar = games.get(f"/v1/games/catalogue/{WITCHER}/similar").json()["rows"]
    recommended = games.get(f"/v1/games/catalogue/{WITCHER}/recommendations").json()["rows"]
    combined = recommend(games, liked=[WITCHER, "sample:dark-souls-3"])["rows"]
    assert {row["by"] for row in similar} == {"content"}
    for rows in (recommended, combined):
        assert {row["by"] for row in rows} <= {"players", "content"}
        assert rows[0]["by"] == "players"


def test_one_liked_game_gets_no_other_edition_and_few_of_its_series(games):
    listed = [game for game, _, *mark in row_of(WITCHER)["pool"] if mark in ([], ["players"])]
    assert [row["game_id"] for row in recommend(games, liked=[WITCHER], limit=50)["rows"]] == listed


def test_filters_that_fit_no_neighbour_are_answered_by_the_best_known_games(games):
    pool = [game for game, *_ in row_of(WITCHER)["pool"]]
    rows = recommend(games, liked=[WITCHER], exclude=pool, to_year=2004)["rows"]
    assert len(rows) == 10
    assert {(row["score"], row["by"], str(row["because"])) for row in rows} == {(0.0, "content", "[]")}
    assert max(row["year"] for row in rows) <= 2004
    assert not {row["game_id"] for row in rows} & {WITCHER, *pool}
    published = predicted("blend").set_index("game_id")
    genres = [published.loc[row["game_id"], "main_genre"] for row in rows]
    mine = row_of(WITCHER)["main_genre"]
    assert [genre == mine for genre in genres] == sorted([genre == mine for genre in genres], reverse=True)


def test_liked_titles_are_matched_and_unmatched_ones_are_reported(games):
    answer = recommend(games, liked=["dark souls 3", "zzzzzzzz", "Witchr 3: Wild Hunt"])
    assert titles(answer["liked"]) == ["Dark Souls III", "The Witcher 3: Wild Hunt"]
    assert answer["unmatched"] == [1]


def test_exclusions_platforms_and_years_filter_recommendations(games):
    every = recommend(games, liked=[WITCHER], limit=40)["rows"]
    without = recommend(games, liked=[WITCHER], exclude=[every[0]["game_id"]], limit=40)["rows"]
    assert [row["game_id"] for row in without] == [row["game_id"] for row in every[1:]]
    linux = recommend(games, liked=[WITCHER], platforms=["linux"], limit=40)["rows"]
    assert [row["game_id"] for row in linux] == [
        row["game_id"] for row in every if "linux" in row["platforms"]
    ]
    old = recommend(games, liked=[WITCHER], from_year=1998, to_year=2010, limit=40)["rows"]
    assert [row["game_id"] for row in old] == [row["game_id"] for row in every if 1998 <= row["year"] <= 2010]
    assert 0 < len(old) < len(every)


def test_unknown_liked_games_give_an_empty_list(games):
    assert recommend(games, liked=["zzzzzzzz"]) | {"rows": []} == recommend(games, liked=["zzzzzzzz"])


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "liked"),
        ({"liked": []}, "liked"),
        ({"liked": ["a"] * 10_000}, "liked"),
        ({"liked": [""]}, "liked"),
        ({"liked": [7]}, "liked"),
        ({"liked": ["a"], "platforms": ["amiga"]}, "platforms"),
        ({"liked": ["a"], "from_year": 1066}, "from_year"),
        ({"liked": ["a"], "from_year": 2010, "to_year": 2000}, "from_year"),
        ({"liked": ["a"], "limit": 0}, "limit"),
        ({"liked": ["a\0"]}, "liked"),
    ],
)
def test_an_invalid_body_is_refused_with_the_name_of_its_member(games, body, name):
    answer = games.post(COMBINED, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["name"] == name
    assert "amiga" not in answer.text


def test_the_model_is_returned_with_the_health_of_its_release(games):
    answer = games.get("/v1/games/model").json()
    assert answer["model"]["metrics"] == {"ndcg_at_10": 0.2}
    health = {row["measure"]: row["value"] for row in answer["health"]}
    assert (health["games"], health["full_lists"]) == (400, 1.0)
    assert 0 < health["coverage"] <= 1


def test_a_post_that_reads_is_never_answered_304(games):
    first = games.post(SEARCHED, json={"query": "portal"})
    again = games.post(SEARCHED, json={"query": "portal"}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.json()) == (200, first.json())
