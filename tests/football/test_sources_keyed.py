"""football-data.org and The Odds API, against a server that answers as their documentation says."""

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from almanac.download.client import RequestPolicy
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.football import sources
from almanac.workloads.football.sources import Fetched, football_data_org, results, the_odds_api
from almanac.workloads.football.sources.linking import Problems
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.odds_frame import odds_frame
from tests.local_server import LocalServer, Response

TOKEN, KEY = "tok-1234-secret", "key-5678-secret"
PREMIER, CHAMPIONSHIP = "/competitions/PL/matches", "/competitions/ELC/matches"
EPL = "/sports/soccer_epl/odds"
ARSENAL_WEST_HAM = "E0-2025-26-arsenal-fc-west-ham-united-fc"
WOLVES_BRIGHTON = "E0-2025-26-wolverhampton-wanderers-fc-brighton-hove-albion-fc"
NO_GOALS = {"fullTime": {"home": None, "away": None}}
TWO_NIL = {"duration": "REGULAR", "fullTime": {"home": 2, "away": 0}, "halfTime": {"home": 1, "away": 0}}
EXTRA_TIME = {
    "duration": "EXTRA_TIME",
    "fullTime": {"home": 3, "away": 1},
    "regularTime": {"home": 1, "away": 1},
}
NO_PROBLEMS = Problems()


class Naps:
    """Stands in for sleeping and records the seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def keyed(server: LocalServer, tmp_path: Path) -> Settings:
    """Settings with both keys, whose sources are the local server."""
    urls = {"football_data_org_url": server.url, "odds_api_url": server.url}
    keys = {"football_data_org_token": TOKEN, "odds_api_key": KEY}
    switches = {"mirror": "", "offline": False, "source_head": False}
    return Settings(home=tmp_path, **switches, **urls, **keys)  # type: ignore[arg-type]


@pytest.fixture
def fixtures() -> pd.DataFrame:
    """Two matches of the main source that are still to come."""
    row = {"league": "E0", "season": "2025-26", "status": "scheduled", "source": "openfootball"}
    home, away = "Wolverhampton Wanderers FC", "Brighton & Hove Albion FC"
    return match_frame(
        [
            row | {"date": "2025-10-04", "home": "Arsenal FC", "away": "West Ham United FC"},
            row | {"date": "2025-10-05", "home": home, "away": away},
        ]
    )


@pytest.fixture
def premier_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """football-data.org has a single competition."""
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL"})


def team(name: str | None) -> dict[str, Any]:
    return {"id": 57, "name": name, "shortName": name, "tla": "XXX"}


def item(
    status: str = "FINISHED", home: str = "Arsenal FC", away: str = "West Ham United FC", **changes: Any
) -> dict[str, Any]:
    """Return a match as football-data.org writes it."""
    return {
        "id": 537001,
        "utcDate": "2025-10-04T14:00:00Z",
        "status": status,
        "matchday": 7,
        "stage": "REGULAR_SEASON",
        "homeTeam": team(home),
        "awayTeam": team(away),
        "score": TWO_NIL if status == "FINISHED" else NO_GOALS,
        **changes,
    }


def page(*items: dict[str, Any], count: int | None = None) -> Response:
    """Return a page of matches that says it is one of `count` matches."""
    result_set = {"count": count or len(items)}
    return Response({"filters": {"season": "2025"}, "resultSet": result_set, "matches": list(items)})


def fetch_matches(
    settings: Settings, fixtures: pd.DataFrame, naps: Naps | None = None
) -> tuple[pd.DataFrame, Problems]:
    policy = RequestPolicy(pause_after=football_data_org.pause, sleep=naps) if naps else None
    return football_data_org.fetch(settings, ["2025-26"], fixtures, policy)


@pytest.mark.usefixtures("premier_only")
def test_matches_are_mapped_with_local_kickoff_and_the_token_in_the_header(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert matches.loc[0].to_dict() == {
        "match_id": ARSENAL_WEST_HAM,
        "league": "E0",
        "season": "2025-26",
        "round": "Matchday 7",
        "date": pd.Timestamp("2025-10-04"),
        "kickoff": "15:00",
        "home": "Arsenal FC",
        "away": "West Ham United FC",
        "home_goals": 2,
        "away_goals": 0,
        "status": "played",
        "source": "football-data.org",
    }
    assert problems == NO_PROBLEMS
    assert server.requests[0].query == {"season": "2025"}
    assert server.requests[0].headers["x-auth-token"] == TOKEN


@pytest.mark.usefixtures("premier_only")
@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("SCHEDULED", "scheduled"),
        ("TIMED", "scheduled"),
        ("IN_PLAY", "scheduled"),
        ("POSTPONED", "postponed"),
        ("CANCELLED", "cancelled"),
        ("SUSPENDED", "abandoned"),
    ],
)
def test_each_status_without_result_becomes_one_of_ours_without_goals(
    status: str, ours: str, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item(status)))
    matches, _ = fetch_matches(keyed, fixtures)
    assert matches["status"].to_list() == [ours]
    assert matches["home_goals"].isna().all()


@pytest.mark.usefixtures("premier_only")
def test_an_awarded_match_keeps_its_goals_and_extra_time_is_not_counted(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    awarded = item("AWARDED", home="Brighton & Hove Albion FC", score={"fullTime": {"home": 0, "away": 3}})
    play_off = item(score=EXTRA_TIME, matchday=None, stage="PLAY_OFFS")
    server.answer(PREMIER, page(play_off, awarded))
    matches, _ = fetch_matches(keyed, fixtures)
    by_status = matches.set_index("status")[["round", "home_goals", "away_goals"]]
    assert by_status.loc["awarded"].to_list() == ["Matchday 7", 0, 3]
    assert by_status.loc["played"].to_list() == ["Play offs", 1, 1]


@pytest.mark.usefixtures("premier_only")
def test_a_match_without_fixed_time_has_no_kickoff(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item("SCHEDULED", utcDate="2026-05-24T00:00:00Z")))
    matches, _ = fetch_matches(keyed, fixtures)
    assert matches["kickoff"].isna().all()
    assert matches["date"].to_list() == [pd.Timestamp("2026-05-24")]


@pytest.mark.usefixtures("premier_only")
def test_pages_are_read_to_the_end(server: LocalServer, keyed: Settings, fixtures: pd.DataFrame) -> None:
    first, second, third = item(), item(home="Chelsea FC"), item(home="Fulham FC")
    server.answer(PREMIER, page(first, second, count=3), page(third, count=3))
    matches, _ = fetch_matches(keyed, fixtures)
    assert set(matches["home"]) == {"Arsenal FC", "Chelsea FC", "Fulham FC"}
    assert [request.query for request in server.requests] == [
        {"season": "2025"},
        {"season": "2025", "offset": "2"},
    ]


@pytest.mark.usefixtures("premier_only")
def test_a_page_that_promises_more_than_there_is_does_not_loop(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item(), count=9), page(count=9))
    matches, _ = fetch_matches(keyed, fixtures)
    assert (len(matches), len(server.requests)) == (1, 2)


def test_the_client_waits_for_the_reset_of_the_request_counter(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL", "E1": "ELC"})
    spent = {"X-Requests-Available-Minute": "0", "X-RequestCounter-Reset": "42"}
    server.answer(PREMIER, Response({"matches": [item()]}, headers=spent))
    server.answer(CHAMPIONSHIP, page())
    naps = Naps()
    fetch_matches(keyed, fixtures, naps)
    assert len(naps.seconds) == 1
    assert 41.0 < naps.seconds[0] <= 42.0


@pytest.mark.usefixtures("premier_only")
def test_too_many_requests_are_repeated_after_the_reset(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    message = {"message": "You reached your request limit. Wait 20 seconds."}
    server.answer(PREMIER, Response(message, 429, {"X-RequestCounter-Reset": "20"}), page(item()))
    naps = Naps()
    matches, _ = fetch_matches(keyed, fixtures, naps)
    assert len(matches) == 1
    assert 19.0 < max(naps.seconds) <= 20.0


def test_a_competition_outside_the_plan_is_named_and_the_others_are_read(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E1": "ELC", "E0": "PL"})
    restricted = {"message": "The resource you are looking for is restricted.", "errorCode": 403}
    server.answer(CHAMPIONSHIP, Response(restricted, 403))
    server.answer(PREMIER, page(item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert len(matches) == 1
    assert problems.refused == ["football-data.org: ELC 2025-26 (outside the plan, HTTP 403)"]


@pytest.mark.usefixtures("premier_only")
def test_an_unknown_club_is_listed_and_its_match_left_out(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item(home="Arsenall"), item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert matches["home"].to_list() == ["Arsenal FC"]
    assert [(club.name, club.candidates[0]) for club in problems.names] == [("Arsenall", "Arsenal FC")]


@pytest.mark.usefixtures("premier_only")
def test_a_row_that_cannot_be_read_is_listed_and_left_out(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item("INVENTED", matchday=1), item(utcDate="soon", matchday=2), item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert len(matches) == 1
    file, reason = "football-data.org PL 2025-26", "UsageError: 'soon' is not an instant."
    assert [row[:3] for row in problems.rows] == [
        (file, 1, "KeyError: 'INVENTED'"),
        (file, 2, f"{reason} Write it as 2025-04-15T06:00Z."),
    ]


@pytest.mark.usefixtures("premier_only")
@pytest.mark.parametrize("response", [Response({"unexpected": 1}), Response(["list"]), Response(b"<html>")])
def test_another_format_is_a_clear_error(
    response: Response, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, response)
    with pytest.raises(SourceUnavailable, match="competitions/PL/matches answered with"):
        fetch_matches(keyed, fixtures)


def event(
    home: str = "Arsenal",
    away: str = "West Ham United",
    start: str = "2025-10-04T14:00:00Z",
    draw: float = 4.5,
) -> dict[str, Any]:
    """Return a match as The Odds API writes it."""
    prices = {away: 6.0, home: 1.5, "Draw": draw}
    outcomes = [{"name": name, "price": price} for name, price in prices.items()]
    markets = [{"key": "h2h", "outcomes": outcomes}]
    bookmaker = {"key": "pinnacle", "title": "Pinnacle", "last_update": start, "markets": markets}
    return {
        "id": "e1",
        "sport_key": "soccer_epl",
        "commence_time": start,
        "home_team": home,
        "away_team": away,
        "bookmakers": [bookmaker],
    }


def test_odds_are_mapped_and_requested_as_documented(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()], headers={"x-requests-remaining": "499"}))
    odds, problems = the_odds_api.fetch(keyed, ["E0"], fixtures)
    assert odds.loc[0].to_dict() == {
        "match_id": ARSENAL_WEST_HAM,
        "bookmaker": "pinnacle",
        "taken": "open",
        "home_odds": 1.5,
        "draw_odds": 4.5,
        "away_odds": 6.0,
        "source": "the-odds-api",
    }
    assert problems == NO_PROBLEMS
    parameters = {"apiKey": KEY, "regions": "eu", "markets": "h2h", "oddsFormat": "decimal"}
    assert server.requests[0].query == parameters


def test_requests_stop_when_the_quota_is_spent_and_the_remaining_leagues_are_named(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()], headers={"x-requests-remaining": "0"}))
    odds, problems = the_odds_api.fetch(keyed, ["E0", "D1"], fixtures)
    assert len(odds) == 1
    assert problems.refused == ["the-odds-api: D1 (the quota of this key is spent)"]
    assert server.paths == [EPL]


def test_a_league_that_the_odds_api_does_not_know_is_named(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response({"message": "Unknown sport", "error_code": "UNKNOWN_SPORT"}, 422))
    odds, problems = the_odds_api.fetch(keyed, ["E0", "EC"], fixtures)
    assert (len(odds), problems.refused) == (0, ["the-odds-api: E0 (HTTP 422)"])


def test_odds_without_match_with_unknown_club_or_below_one_are_listed(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    far, stranger, wrong = event(start="2026-03-01T15:00:00Z"), event(home="Wolfs"), event(draw=0.5)
    good = event(home="Wolves", away="Brighton and Hove Albion")
    server.answer(EPL, Response([far, stranger, wrong, good]))
    odds, problems = the_odds_api.fetch(keyed, ["E0"], fixtures)
    assert odds["match_id"].to_list() == [WOLVES_BRIGHTON]
    assert [row[1:3] for row in problems.rows] == [
        (1, "ValueError: no match Arsenal FC - West Ham United FC is known near 2026-03-01T15:00:00Z"),
        (3, "ValueError: odds of 0.5 are not between 1 and 1001"),
    ]
    assert [club.name for club in problems.names] == ["Wolfs"]


def test_the_client_waits_out_a_rate_limit_of_the_odds_api(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    limit = Response({"error_code": "EXCEEDED_FREQ_LIMIT"}, 429, {"Retry-After": "2"})
    server.answer(EPL, limit, Response([event()]))
    naps = Naps()
    odds, _ = the_odds_api.fetch(keyed, ["E0"], fixtures, RequestPolicy(sleep=naps))
    assert (len(odds), naps.seconds) == (1, [2.0])


@pytest.fixture
def public_fixtures(fixtures: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public files hold the fixtures."""
    nothing = results.empty()
    public = results.Results(fixtures, nothing.unparsed_lines, nothing.refused_rows, nothing.files)
    monkeypatch.setattr(results, "read", lambda *_, **__: public)


def fetch(settings: Settings, today: date = date(2025, 10, 1)) -> Fetched:
    return sources.fetch(settings, today=today)


@pytest.mark.usefixtures("premier_only", "public_fixtures")
def test_with_keys_both_sources_join_the_public_files(server: LocalServer, keyed: Settings) -> None:
    server.answer(PREMIER, page(item()))
    server.answer(EPL, Response([event(home="Wolves", away="Brighton")]))
    fetched = fetch(keyed)
    assert fetched.source == "openfootball + football-data.org"
    origins = fetched.matches.set_index("home")["source"].to_dict()
    assert origins == {"Wolverhampton Wanderers FC": "openfootball", "Arsenal FC": "football-data.org"}
    assert fetched.odds["match_id"].to_list() == [WOLVES_BRIGHTON]
    assert fetched.skipped_sources == []


@pytest.mark.usefixtures("premier_only", "public_fixtures")
def test_seasons_after_the_newest_public_one_are_requested(server: LocalServer, keyed: Settings) -> None:
    server.answer(PREMIER, page())
    fetch(keyed, today=date(2027, 9, 1))
    assert [request.query["season"] for request in server.requests] == ["2026", "2027"]


@pytest.mark.usefixtures("premier_only", "public_fixtures")
def test_no_odds_are_requested_if_no_match_is_coming(server: LocalServer, keyed: Settings) -> None:
    server.answer(PREMIER, page())
    fetch(keyed, today=date(2025, 9, 1))
    assert server.paths == [PREMIER]


@pytest.mark.usefixtures("premier_only", "public_fixtures")
@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_failing_keyed_source_is_named_without_its_key_and_the_rest_goes_on(
    status: int, server: LocalServer, keyed: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer(PREMIER, Response({"message": f"{TOKEN} is invalid"}, status))
    server.answer(EPL, Response({"message": f"{KEY} is invalid"}, status))
    fetched = fetch(keyed)
    assert fetched.source == "openfootball"
    names = [text.split(" ")[0].rstrip(":") for text in fetched.skipped_sources]
    assert names == ["football-data.org", "the-odds-api"]
    assert all(str(status) in text for text in fetched.skipped_sources)
    output = "\n".join([*fetched.skipped_sources, caplog.text])
    assert (TOKEN in output, KEY in output) == (False, False)


@pytest.mark.usefixtures("public_fixtures")
def test_offline_nothing_is_requested_from_the_keyed_sources(server: LocalServer, keyed: Settings) -> None:
    fetched = fetch(keyed.model_copy(update={"offline": True}))
    assert server.requests == []
    reason = "the network is off (ALMANAC_OFFLINE)"
    assert fetched.skipped_sources == [f"{name} ({reason})" for name in ("football-data.org", "the-odds-api")]


@pytest.mark.usefixtures("premier_only")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"score": {"duration": "PENALTY_SHOOTOUT", "fullTime": {"home": 6, "away": 5}}}, "after 90 minutes"),
        ({"score": {"duration": "EXTRA_TIME", "fullTime": {"home": 2, "away": 1}}}, "after 90 minutes"),
        ({"score": {"duration": "REGULAR", "fullTime": {"home": None, "away": None}}}, "after 90 minutes"),
        ({"score": {"duration": "REGULAR", "fullTime": {"home": "2", "away": 0}}}, "after 90 minutes"),
        ({"score": {"fullTime": {"home": 99, "away": 0}}}, "more than 30 goals"),
        ({"score": {"fullTime": {"home": -1, "away": 0}}}, "fewer than no goals"),
        ({"awayTeam": team("Arsenal")}, "Arsenal FC cannot meet itself"),
        ({"utcDate": "2205-10-04T14:00:00Z"}, "2205-10-04 is outside the season 2025-26"),
        ({"homeTeam": team(None)}, "a club is not decided yet"),
        ({"homeTeam": None}, "TypeError"),
        ({"homeTeam": team("Arsenal\0")}, "holds characters that no name has"),
        ({"homeTeam": team("Arsenal\ud800")}, "holds characters that no name has"),
        ({"utcDate": 12}, "'12' is not an instant"),
        ({"score": None}, "AttributeError"),
    ],
)
def test_a_match_that_cannot_be_is_named_and_the_others_are_stored(
    bad: dict[str, Any], reason: str, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    good = item(home="Brighton & Hove Albion FC", matchday=8)
    server.answer(PREMIER, page(item(**bad), good))
    matches, problems = fetch_matches(keyed, fixtures)
    assert matches["home"].to_list() == ["Brighton & Hove Albion FC"]
    assert [row.reason for row in problems.rows if reason not in row.reason] == []
    assert len(problems.rows) == 1


@pytest.mark.usefixtures("premier_only")
def test_an_awarded_match_may_have_no_goals_and_a_running_one_is_to_come(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    awarded = item("AWARDED", home="Chelsea FC")
    running = [item(status, home=f"{home} FC") for status, home in RUNNING.items()]
    server.answer(PREMIER, page(awarded, *running))
    matches, problems = fetch_matches(keyed, fixtures)
    assert problems == NO_PROBLEMS
    assert matches["status"].to_list() == ["awarded", *["scheduled"] * len(RUNNING)]
    assert matches["home_goals"].isna().all()


RUNNING = {"EXTRA_TIME": "Fulham", "PENALTY_SHOOTOUT": "Everton", "PAUSED": "Arsenal"}


@pytest.mark.usefixtures("premier_only")
@pytest.mark.parametrize("status", ["POSTPONED", "TIMED", "CANCELLED"])
def test_midnight_in_utc_is_no_kickoff(
    status: str, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item(status, utcDate="2026-05-24T00:00:00Z")))
    matches, _ = fetch_matches(keyed, fixtures)
    assert matches["kickoff"].isna().all()
    assert matches["date"].to_list() == [pd.Timestamp("2026-05-24")]


@pytest.mark.usefixtures("premier_only")
def test_a_match_that_is_listed_twice_on_a_day_is_one(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item("TIMED"), item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert matches[["match_id", "status"]].to_numpy().tolist() == [[ARSENAL_WEST_HAM, "played"]]
    assert "is listed in line" in problems.rows[0].reason


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_competition_that_fails_loses_no_other(
    status: int,
    server: LocalServer,
    keyed: Settings,
    fixtures: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL", "E1": "ELC"})
    server.answer(PREMIER, page(item()))
    server.answer(CHAMPIONSHIP, Response({"message": "no"}, status))
    matches, problems = fetch_matches(keyed, fixtures, Naps())
    assert len(matches) == 1
    assert problems.refused == [f"football-data.org: ELC 2025-26 (HTTP {status})"]


@pytest.mark.usefixtures("premier_only")
def test_a_later_page_that_fails_loses_no_earlier_one(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(item(), count=2), Response({"message": "no"}, 400))
    matches, problems = fetch_matches(keyed, fixtures)
    assert len(matches) == 1
    assert problems.refused == ["football-data.org: PL 2025-26 (1 matches read, then HTTP 400)"]


@pytest.mark.usefixtures("premier_only")
@pytest.mark.parametrize("bad", [None, "text", 7, [], {}, [item()]])
def test_an_item_of_another_kind_loses_no_other(
    bad: Any, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(PREMIER, page(bad, item()))
    matches, problems = fetch_matches(keyed, fixtures)
    assert (len(matches), len(problems.rows)) == (1, 1)


D1 = "/sports/soccer_germany_bundesliga/odds"


@pytest.mark.parametrize(
    ("status", "rest"),
    [
        (401, "the key was refused before, HTTP 401"),
        (429, "the key was refused before, HTTP 429"),
        (500, "HTTP 500"),
    ],
)
def test_a_league_that_is_refused_loses_nothing_that_was_paid(
    status: int, rest: str, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()]))
    for path in (D1, "/sports/soccer_italy_serie_a/odds"):
        server.answer(path, Response({"message": "no"}, status))
    policy = RequestPolicy(sleep=Naps())
    odds, problems = the_odds_api.fetch(keyed, ["E0", "D1", "I1"], fixtures, policy)
    assert len(odds) == 1
    assert problems.refused == [f"the-odds-api: D1 (HTTP {status})", f"the-odds-api: I1 ({rest})"]


def test_odds_in_another_format_lose_no_other_league(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()]))
    server.answer(D1, Response({"message": "no list"}))
    odds, problems = the_odds_api.fetch(keyed, ["D1", "E0"], fixtures)
    assert len(odds) == 1
    assert "the source may have changed its format" in problems.refused[0]


def bookmaker(name: Any = "good", home: Any = 1.5, **changes: Any) -> dict[str, Any]:
    quote = event()["bookmakers"][0]
    for outcome in quote["markets"][0]["outcomes"]:
        outcome["price"] = home if outcome["name"] == "Arsenal" else outcome["price"]
    return quote | {"key": name} | changes


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (bookmaker("bad", 1.0), "odds of 1.0 are not between 1 and 1001"),
        (bookmaker("bad", 11.8), "imply chances that add up to"),
        (bookmaker("bad", 1.01), "imply chances that add up to 1.38"),
        (bookmaker("bad", None), "could not convert"),
        (
            bookmaker("bad", last_update="2025-10-04T15:40:00Z"),
            "quoted at 2025-10-04 15:40 UTC, after the kick-off",
        ),
        (bookmaker("bad", last_update=None), "after the kick-off"),
        (bookmaker("bad", last_update="yesterday"), "is not an instant"),
        (bookmaker("bad", markets=None), "TypeError"),
        (bookmaker("bad\ud800"), "holds characters that no name has"),
        (bookmaker(None), "ValueError"),
        ("text", "TypeError"),
    ],
)
def test_a_bookmaker_that_cannot_be_used_loses_no_other(
    bad: Any, reason: str, server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event() | {"bookmakers": [bad, bookmaker()]}]))
    odds, problems = the_odds_api.fetch(keyed, ["E0"], fixtures)
    assert odds["bookmaker"].to_list() == ["good"]
    assert [row.reason for row in problems.rows if reason not in row.reason] == []
    assert len(problems.rows) == 1


def test_the_market_tells_when_it_was_quoted(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame
) -> None:
    late = bookmaker("late")
    late["markets"][0]["last_update"] = "2025-10-04T14:00:01Z"
    server.answer(EPL, Response([event() | {"bookmakers": [late]}]))
    odds, problems = the_odds_api.fetch(keyed, ["E0"], fixtures)
    assert (len(odds), len(problems.rows)) == (0, 1)


def test_the_first_opening_quote_stays() -> None:
    def quotes(*rows: tuple[Any, ...]) -> pd.DataFrame:
        return odds_frame((*row, "the-odds-api") for row in rows)

    stored = quotes(("m1", "A", "open", 2.0, 3.4, 3.6), ("m2", "A", "open", 11.8, 75.0, 130.0))
    later = quotes(
        ("m1", "A", "open", 1.8, 3.6, 4.0),
        ("m1", "A", "close", 1.8, 3.6, 4.0),
        ("m1", "B", "open", 1.8, 3.6, 4.0),
        ("m2", "A", "open", 1.8, 3.6, 4.0),
    )
    new = sources.first_open(later, stored)
    # The stored quote of m2 was none.
    assert new[["match_id", "bookmaker", "taken"]].to_numpy().tolist() == [
        ["m1", "A", "close"],
        ["m1", "B", "open"],
        ["m2", "A", "open"],
    ]
    assert len(sources.first_open(later, quotes())) == 4
    assert sources.first_open(quotes(), stored).empty


@pytest.mark.usefixtures("public_fixtures")
def test_each_league_is_asked_for_what_it_lacks(
    server: LocalServer, keyed: Settings, fixtures: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL", "E1": "ELC", "D1": "BL1", "I1": "SA"})
    row = {"source": "openfootball", "home": "A Town", "away": "B Town", "date": "2026-05-01"}
    public = match_frame(
        [
            # All was played and the new season is there; results of the last season are missing; only the
            # last season is there, with gaps and without.
            row | {"league": "E0", "season": "2025-26", "status": "played"},
            row | {"league": "E0", "season": "2026-27", "status": "scheduled", "date": "2027-03-01"},
            row | {"league": "E1", "season": "2025-26", "status": "scheduled"},
            row | {"league": "E1", "season": "2026-27", "status": "scheduled", "date": "2027-03-01"},
            row | {"league": "D1", "season": "2025-26", "status": "postponed"},
            row | {"league": "I1", "season": "2025-26", "status": "played"},
        ]
    )
    nothing = results.empty()
    read = results.Results(public, nothing.unparsed_lines, nothing.refused_rows, nothing.files)
    monkeypatch.setattr(results, "read", lambda *_, **__: read)
    for code in ("PL", "ELC", "BL1", "SA"):
        server.answer(f"/competitions/{code}/matches", page())
    fetch(keyed, today=date(2026, 11, 30))
    requests = [(request.path.split("/")[2], request.query.get("season")) for request in server.requests]
    assert [pair for pair in requests if pair[1]] == [
        ("PL", "2026"),
        *(("ELC", "2025"), ("ELC", "2026")),
        *(("BL1", "2025"), ("BL1", "2026")),
        ("SA", "2026"),
    ]
