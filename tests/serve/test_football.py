"""Football's own routes."""

import pytest

from tests.serve.publishing import match, result
from tests.servers import wait_for_release


def test_leagues_come_from_the_live_release(reading):
    rows = reading.get("/v1/football/leagues").json()["rows"]
    assert [(row["league"], row["matches_coming"]) for row in rows] == [("D1", 6), ("E0", 6)]


def test_predictions_of_a_league_equal_the_filtered_list(reading):
    rows = reading.get("/v1/football/leagues/D1/predictions").json()["rows"]
    assert rows == reading.get("/v1/football/predictions?league=D1").json()["rows"]


def test_the_next_page_of_a_league_has_the_same_path(reading):
    first = reading.get("/v1/football/leagues/D1/predictions?limit=4&to=2025-04-30").json()
    assert first["next"].startswith("/v1/football/leagues/D1/predictions?limit=4&to=2025-04-30&cursor=")
    assert len(first["rows"] + reading.get(first["next"]).json()["rows"]) == 6


def test_an_unknown_league_is_404_and_its_route_has_no_league_filter(reading):
    assert reading.get("/v1/football/leagues/ZZ/predictions").status_code == 404
    assert reading.get("/v1/football/leagues/D1/predictions?league=E0").status_code == 422


def test_a_league_without_matching_matches_is_an_empty_list(reading):
    answer = reading.get("/v1/football/leagues/D1/predictions?from=2030-01-01")
    assert (answer.status_code, answer.json()["rows"]) == (200, [])


def test_picks_have_a_confidence_a_reason_and_no_betting_advice(reading):
    answer = reading.get("/v1/football/picks?min_confidence=0.7&league=E0").json()
    assert [(row["match_id"], row["pick"], row["confidence"]) for row in answer["rows"]] == [
        ("E0-2024-25-match-0002", "away", 0.7),
        ("E0-2024-25-match-0010", "away", 0.7),
        ("E0-2024-25-match-0006", "away", 0.7),
    ]
    assert "no betting advice" in answer["notice"]
    assert "home_win" not in answer["rows"][0]


def test_statistics_cover_all_matches_each_league_and_each_confidence_band(reading):
    answer = reading.get("/v1/football/statistics").json()
    assert answer["all"]["scope"] == "all"
    assert [row["scope"] for row in answer["leagues"]] == ["D1", "E0"]
    assert [(band["band"], band["picks"], band["hit_rate"]) for band in answer["bands"]] == [
        ("0.60-0.70", 40, 0.65),
        ("0.70-0.80", 20, 0.75),
    ]


def test_statistics_have_the_returns_at_imported_odds_that_the_evaluation_measured(publisher, client):
    publisher.register(1, metrics={"log_loss": 1.01})
    publisher.publish([match(0)])
    wait_for_release(client, 1)
    without = client.get("/v1/football/statistics").json()
    assert (without["returns"], without["returns_note"]) == (
        None,
        "No odds: no return is measured. Import your own: almanac import football-odds FILE.",
    )
    returns = {"bets": 312, "return": -0.021, "return_low": -0.09, "return_high": 0.046, "closed_bets": 0}
    publisher.register(2, metrics={"log_loss": 1.01, "returns": returns})
    publisher.publish([match(0)], version=2)
    wait_for_release(client, 2)
    measured = client.get("/v1/football/statistics").json()
    assert (measured["returns"], measured["returns_note"]) == (returns, None)


def test_results_compare_what_a_release_served_with_what_happened(published, reading):
    release = published.live()["previous_release_id"]
    answer = reading.get(f"/v1/football/results?release={release}").json()
    rows = [
        (row["match_id"], row["home_win"], row["pick"], row["outcome"], row["hit"]) for row in answer["rows"]
    ]
    # Match 0 was picked `home` and ended 2-1, match 1 was picked `draw` and ended 0-0.
    assert rows == [
        ("E0-2024-25-match-0000", 0.4, "home", "home", True),
        ("D1-2024-25-match-0001", 0.4, "draw", "draw", True),
    ]
    assert answer["summary"] == {"matches": 2, "hits": 2, "hit_rate": 1.0, "promised": pytest.approx(0.55)}
    assert answer["release"] == published.live()["release_id"]


def test_results_without_a_release_take_the_last_prediction_before_each_match(publisher, client):
    publisher.publish([match(number, home_win=0.25) for number in range(4)], demo=True)
    publisher.publish([match(number, home_win=0.5) for number in (2, 3)], demo=True)
    # All matches end in home wins: pick `home_or_draw` of match 3 is right, pick `away` of match 2 is wrong.
    publisher.publish([match(9)], demo=True, results=[result(number, 1, 0) for number in range(4)])
    wait_for_release(client, 3)
    answer = client.get("/v1/football/results").json()
    rows = [(row["release"], row["match_id"][-1], row["home_win"], row["hit"]) for row in answer["rows"]]
    assert rows == [(1, "0", 0.25, True), (1, "1", 0.25, False), (2, "2", 0.5, False), (2, "3", 0.5, True)]
    assert answer["summary"] == {
        "matches": 4,
        "hits": 2,
        "hit_rate": 0.5,
        "promised": pytest.approx((0.5 + 0.6 + 0.7 + 0.8) / 4),
    }


def test_a_prediction_released_after_its_match_does_not_count_as_served(publisher, client):
    publisher.publish([match(0)], demo=False, results=[result(0, 1, 0)])
    wait_for_release(client, 1)
    assert client.get("/v1/football/results").json()["rows"] == []


def test_results_are_read_page_by_page(publisher, client):
    publisher.publish([match(number) for number in range(5)], demo=True)
    publisher.publish([match(9)], demo=True, results=[result(number, 1, 0) for number in range(5)])
    wait_for_release(client, 2)
    first = client.get("/v1/football/results?limit=3").json()
    second = client.get(first["next"]).json()
    assert [row["match_id"][-1] for row in first["rows"] + second["rows"]] == ["0", "1", "2", "3", "4"]
    assert first["summary"] == second["summary"]


def test_results_of_an_unknown_release_are_404(reading):
    assert reading.get("/v1/football/results?release=99").status_code == 404
