"""The pages of games: titles, liked games, what fits and why, and one game; by keyboard as well."""

import html
import re

import pytest

from serve.pages.games.choice import Choice, rank_limits

WITCHER = "sample:witcher-3-wild-hunt"


@pytest.fixture(scope="module", autouse=True)
def one_site_for_all(site):
    """Build the site once for this file."""


def titles_of(text):
    return [
        html.unescape(title) for title in re.findall(r'<li class="card game"><h3><a [^>]*>([^<]+)</a>', text)
    ]


def test_the_start_page_offers_games_that_everybody_knows(site):
    text = site.client.get("/games").text
    assert len(titles_of(text)) == 24
    assert text.count('href="/games?liked=sample%3A') == 24


def test_a_title_with_two_mistakes_is_there_and_can_be_liked(site):
    text = site.client.get("/games?q=witchr wlid hunt").text
    assert '<a href="/games/sample%3Awitcher-3-wild-hunt">The Witcher 3: Wild Hunt</a>' in text
    assert 'href="/games?liked=sample%3Awitcher-3-wild-hunt"' in text
    assert "No title fits" in site.client.get("/games?q=zzzzzz").text


def test_liked_games_lead_to_cards_that_say_why(site):
    text = site.client.get(f"/games?liked={WITCHER}").text
    rows = site.client.post("/v1/games/recommendations", json={"liked": [WITCHER], "limit": 24}).json()[
        "rows"
    ]
    assert titles_of(text) == [row["title"] for row in rows]
    assert "because you like The Witcher 3: Wild Hunt" in text


def test_a_card_can_be_left_out_and_brought_back(site):
    first = titles_of(site.client.get(f"/games?liked={WITCHER}").text)[0]
    text = site.client.get(f"/games?liked={WITCHER}").text
    away = html.unescape(re.findall(r'href="(/games\?[^"]*exclude=[^"]+)"', text)[0])
    left = site.client.get(away).text
    assert first not in titles_of(left)
    assert "1 left out: show again" in left


def test_platforms_years_and_the_slider_narrow_the_cards(site):
    everything = site.client.get(f"/games?liked={WITCHER}").text
    narrow = site.client.get(f"/games?liked={WITCHER}&platforms=nintendo&platforms=xbox&from_year=2015").text
    years = [int(year) for year in re.findall(r'</a> <span class="quiet">(\d{4})</span></h3>', narrow)]
    assert years
    assert min(years) >= 2015
    assert "checked" in narrow
    rare = site.client.get(f"/games?liked={WITCHER}&rarity=4").text
    assert titles_of(rare) != titles_of(everything)
    assert (
        "No year is after 2020 and before 2010"
        in site.client.get(f"/games?liked={WITCHER}&from_year=2020&to_year=2010").text
    )


def test_places_by_popularity_limit_a_combined_list(site):
    body = {"liked": [WITCHER], "from_rank": 101, "limit": 50}
    rows = site.client.post("/v1/games/recommendations", json=body).json()["rows"]
    ranks = [site.client.get(f"/v1/games/catalogue/{row['game_id']}").json()["game"]["rank"] for row in rows]
    assert ranks
    assert min(ranks) >= 101
    refused = site.client.post("/v1/games/recommendations", json=body | {"to_rank": 5})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"in": "body", "name": "from_rank", "reason": "must not be later than to_rank"}
    ]


def test_one_game_has_its_facts_and_what_is_like_it(site):
    text = site.client.get(f"/games/{WITCHER}").text
    similar = site.client.get(f"/v1/games/catalogue/{WITCHER}/similar").json()["rows"]
    names = [html.unescape(name) for name in re.findall(r'<li><a href="/games/[^"]+">([^<]+)</a><svg', text)]
    assert names[:10] == [row["title"] for row in similar]
    assert "<dt>place by popularity</dt>" in text
    assert site.client.get("/games/steam:0").status_code == 404


def test_typing_a_title_and_pressing_enter_likes_it(browser, site):
    page = browser.new_page()
    page.goto(site.address + "/games")
    page.get_by_label("Title of a game you like").press_sequentially("witchr")
    option = page.get_by_role("option").first
    option.wait_for()
    assert "The Witcher" in option.inner_text()
    page.keyboard.press("ArrowDown")
    assert option.get_attribute("aria-selected") == "true"
    liked = option.inner_text().rpartition(" (")[0]
    page.keyboard.press("Enter")
    page.wait_for_url("**liked=*")
    assert page.locator(".chip").first.inner_text().startswith(liked)
    page.get_by_role("link", name=f"Remove {liked}").click()
    page.get_by_text("Well known: begin with one of these").wait_for()
    page.close()


def test_the_four_kinds_cover_the_catalogue_once():
    limits = [rank_limits(rarity, 1_000) for rarity in (1, 2, 3, 4)]
    assert [each["from_rank"] for each in limits] == [1, 51, 201, 501]
    assert [each["to_rank"] for each in limits] == [50, 200, 500, 1_000]


def test_a_choice_keeps_the_other_wishes_and_forgets_the_search():
    choice = Choice({"q": "witcher", "platforms": "mac", "liked": "a"}, ["a"], ())
    assert choice.like("b") == {"platforms": "mac", "liked": "a,b", "exclude": ""}
    assert choice.unlike("a") == {"platforms": "mac", "liked": "", "exclude": ""}
