"""The pages of football: matches, picks, results as served, calibration, clubs."""

import re
from datetime import date

import pytest

from serve.pages.football import charts
from tests.serve.publishing import match, result
from tests.servers import wait_for_release


@pytest.fixture(scope="module", autouse=True)
def one_site_for_all(site):
    """Build the site once for this file."""


def test_coming_matches_are_shown_by_day_and_league_with_their_chances(site):
    text = site.client.get("/football").text
    assert text.count('<li class="match">') == 12
    assert text.count("<h2>Friday 2025-04-18</h2>") == 1
    assert 'aria-label="home 50%, draw 25%, away 25%"' in text
    assert "<strong>home or draw</strong> 80%" in text
    # 1-0 is the only likely score of a made-up match.
    assert text.count('1-0 <span class="quiet">12%</span>') == 12


def test_matches_are_filtered_by_league_and_confidence(site):
    text = site.client.get("/football?league=D1&min_confidence=0.8").text
    assert text.count('<li class="match">') == 3
    assert '<option value="D1" selected>' in text
    assert "No coming match fits" in site.client.get("/football?league=X9").text


def test_picks_are_listed_the_surest_first(site):
    text = site.client.get("/football/picks?min_confidence=0.7").text
    shares = re.findall(r"</strong> (\d\d)%", text)
    assert shares == ["80"] * 3 + ["70"] * 3


def test_results_stand_beside_what_was_served_before_them(site):
    assert "No match with a result was predicted before it" in site.client.get("/football/results").text
    # Only a prediction that was served before its match counts, so these matches are far away.
    results = [
        result(number, *goals) | {"date": date(2099, 5, 1)} for number, goals in enumerate([(2, 1), (0, 3)])
    ]
    site.publisher.publish([match(number) for number in range(12)], version=2, results=results)
    newest = site.client.get("/v1/football/releases?limit=1").json()["rows"][0]["release"]
    wait_for_release(site.client, newest)
    text = site.client.get("/football/results").text
    assert "1 of 2 picks came true (50.0%); their confidence promised 55.0%" in text
    rows = re.findall(r"(\d : \d)</td><td class=\"short\">([a-z ]+ \d+%)</td><td>.*?([✓✗])", text)
    assert sorted(rows) == [("0 : 3", "draw 60%", "✗"), ("2 : 1", "home win 50%", "✓")]


def test_calibration_shows_each_band_with_its_interval(site):
    text = site.client.get("/football/quality").text
    assert text.count('<line class="whisker"') == 2
    assert "promised 65.0%, came true 65.0%, n 40" in text
    assert re.search(r"60% – 70%</th><td class=\"num\">40</td>", text)


def test_a_band_without_picks_has_no_point():
    band = {"hit_rate": None, "promised": None, "picks": 0, "hit_rate_low": None, "hit_rate_high": None}
    assert charts.calibration([band]) == ""


def test_a_club_has_its_coming_matches_and_its_results(site):
    text = site.client.get("/football/teams/Ashford").text
    assert text.count('<li class="match">') == 6
    assert "Results as served" in text
    missing = site.client.get("/football/teams/Nowhere")
    assert missing.status_code == 404
    assert "no match of such a club" in missing.text


def test_the_table_of_all_predictions_stays(site):
    text = site.client.get("/football/predictions").text
    assert text.count('<th scope="row">') == 12
