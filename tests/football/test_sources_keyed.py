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
from almanac.workloads.football.sources.match_frame import match_frame
from tests.local_server import LocalServer, Response

TOKEN, KEY = "tok-1234-secret", "key-5678-secret"
PREMIER = "/competitions/PL/matches"
EPL = "/sports/soccer_epl/odds"


class Naps:
    """Stands in for sleeping and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def keyed(server: LocalServer, tmp_path: Path) -> Settings:
    places = {
        "football_data_org_url": server.url,
        "odds_api_url": server.url,
        "mirror": "",
        "offline": False,
        "source_head": False,
    }
    return Settings(home=tmp_path, football_data_org_token=TOKEN, odds_api_key=KEY, **places)  # type: ignore[arg-type]


@pytest.fixture
def known() -> pd.DataFrame:
    row = {"league": "E0", "season": "2025-26", "status": "scheduled", "source": "openfootball"}
    return match_frame(
        [
            row | {"date": "2025-10-04", "home": "Arsenal FC", "away": "West Ham United FC"},
            row
            | {
                "date": "2025-10-05",
                "home": "Wolverhampton Wanderers FC",
                "away": "Brighton & Hove Albion FC",
            },
        ]
    )


def item(
    status: str = "FINISHED", home: str = "Arsenal FC", away: str = "West Ham United FC", **changes: Any
) -> dict[str, Any]:
    score = {
        "winner": "HOME_TEAM",
        "duration": "REGULAR",
        "fullTime": {"home": 2, "away": 0},
        "halfTime": {"home": 1, "away": 0},
    }
    return {
        "id": 537001,
        "utcDate": "2025-10-04T14:00:00Z",
        "status": status,
        "matchday": 7,
        "stage": "REGULAR_SEASON",
        "homeTeam": {"id": 57, "name": home, "shortName": home, "tla": "XXX"},
        "awayTeam": {"id": 563, "name": away, "shortName": away, "tla": "YYY"},
        "score": score if status == "FINISHED" else {"fullTime": {"home": None, "away": None}},
        **changes,
    }


def page(*items: dict[str, Any], count: int | None = None) -> dict[str, Any]:
    return {
        "filters": {"season": "2025"},
        "resultSet": {"count": count or len(items)},
        "matches": list(items),
    }


def only_premier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL"})


def test_matches_are_mapped_with_local_kickoff_and_the_token_in_the_header(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item())))
    found, problems = football_data_org.fetch(keyed, ["2025-26"], known)
    assert found.loc[0].to_dict() == {
        "match_id": "E0-2025-26-arsenal-fc-west-ham-united-fc",
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
    assert (problems.rows, problems.names, problems.refused) == ([], set(), [])
    assert server.requests[0].query == {"season": "2025"}
    assert server.requests[0].headers["x-auth-token"] == TOKEN


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
    status: str,
    ours: str,
    server: LocalServer,
    keyed: Settings,
    known: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item(status))))
    found, _ = football_data_org.fetch(keyed, ["2025-26"], known)
    assert found["status"].to_list() == [ours]
    assert found["home_goals"].isna().all()


def test_an_awarded_match_keeps_its_goals_and_extra_time_is_not_counted(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    extra = {
        "duration": "EXTRA_TIME",
        "fullTime": {"home": 3, "away": 1},
        "regularTime": {"home": 1, "away": 1},
    }
    awarded = item("AWARDED", home="Brighton & Hove Albion FC", score={"fullTime": {"home": 0, "away": 3}})
    server.answer(PREMIER, Response(page(item(score=extra, matchday=None, stage="PLAY_OFFS"), awarded)))
    found, _ = football_data_org.fetch(keyed, ["2025-26"], known)
    told = found.set_index("status")[["round", "home_goals", "away_goals"]]
    assert told.loc["awarded"].to_list() == ["Matchday 7", 0, 3]
    assert told.loc["played"].to_list() == ["Play offs", 1, 1]


def test_a_match_without_fixed_time_has_no_kickoff(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item("SCHEDULED", utcDate="2026-05-24T00:00:00Z"))))
    found, _ = football_data_org.fetch(keyed, ["2025-26"], known)
    assert found["kickoff"].isna().all()
    assert found["date"].to_list() == [pd.Timestamp("2026-05-24")]


def test_pages_are_read_to_the_end(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    first, second, third = item(), item(home="Chelsea FC"), item(home="Fulham FC")
    server.answer(PREMIER, Response(page(first, second, count=3)), Response(page(third, count=3)))
    found, _ = football_data_org.fetch(keyed, ["2025-26"], known)
    assert set(found["home"]) == {"Arsenal FC", "Chelsea FC", "Fulham FC"}
    assert [asked.query for asked in server.requests] == [
        {"season": "2025"},
        {"season": "2025", "offset": "2"},
    ]


def test_a_page_that_promises_more_than_there_is_does_not_loop(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item(), count=9)), Response(page(count=9)))
    found, _ = football_data_org.fetch(keyed, ["2025-26"], known)
    assert (len(found), len(server.requests)) == (1, 2)


def test_the_counter_of_requests_is_waited_for_before_the_next_one(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E0": "PL", "E1": "ELC"})
    spent = {"X-Requests-Available-Minute": "0", "X-RequestCounter-Reset": "42"}
    server.answer(PREMIER, Response(page(item()), headers=spent))
    server.answer("/competitions/ELC/matches", Response(page()))
    naps = Naps()
    football_data_org.fetch(
        keyed, ["2025-26"], known, RequestPolicy(pause_after=football_data_org.pause, sleep=naps)
    )
    assert len(naps.seconds) == 1
    assert 41.0 < naps.seconds[0] <= 42.0


def test_too_many_requests_are_asked_again_after_the_reset(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    limit = Response(
        {"message": "You reached your request limit. Wait 20 seconds."}, 429, {"X-RequestCounter-Reset": "20"}
    )
    server.answer(PREMIER, limit, Response(page(item())))
    naps = Naps()
    found, _ = football_data_org.fetch(
        keyed, ["2025-26"], known, RequestPolicy(pause_after=football_data_org.pause, sleep=naps)
    )
    assert len(found) == 1
    assert 19.0 < max(naps.seconds) <= 20.0


def test_a_competition_outside_the_plan_is_named_and_the_others_are_read(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(football_data_org, "COMPETITIONS", {"E1": "ELC", "E0": "PL"})
    server.answer(
        "/competitions/ELC/matches",
        Response({"message": "The resource you are looking for is restricted.", "errorCode": 403}, 403),
    )
    server.answer(PREMIER, Response(page(item())))
    found, problems = football_data_org.fetch(keyed, ["2025-26"], known)
    assert len(found) == 1
    assert problems.refused == ["football-data.org: ELC 2025-26 (outside the plan, HTTP 403)"]


def test_an_unknown_club_is_listed_and_its_match_left_out(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item(home="Arsenall"), item())))
    found, problems = football_data_org.fetch(keyed, ["2025-26"], known)
    assert found["home"].to_list() == ["Arsenal FC"]
    assert [(each.name, each.candidates[0]) for each in problems.names] == [("Arsenall", "Arsenal FC")]


def test_a_row_that_cannot_be_read_is_listed_and_left_out(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(
        PREMIER, Response(page(item("INVENTED", matchday=1), item(utcDate="soon", matchday=2), item()))
    )
    found, problems = football_data_org.fetch(keyed, ["2025-26"], known)
    assert len(found) == 1
    assert [row[:3] for row in problems.rows] == [
        ("football-data.org PL 2025-26", 1, "KeyError: 'INVENTED'"),
        (
            "football-data.org PL 2025-26",
            2,
            "UsageError: 'soon' is not an instant. Write it as 2025-04-15T06:00Z.",
        ),
    ]


@pytest.mark.parametrize("answer", [Response({"unexpected": 1}), Response(["list"]), Response(b"<html>")])
def test_another_format_is_a_clear_error(
    answer: Response,
    server: LocalServer,
    keyed: Settings,
    known: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, answer)
    with pytest.raises(SourceUnavailable, match="competitions/PL/matches answered with"):
        football_data_org.fetch(keyed, ["2025-26"], known)


def event(
    home: str = "Arsenal",
    away: str = "West Ham United",
    start: str = "2025-10-04T14:00:00Z",
    draw: float = 4.5,
) -> dict[str, Any]:
    prices = [{"name": away, "price": 6.0}, {"name": home, "price": 1.5}, {"name": "Draw", "price": draw}]
    bookmaker = {
        "key": "pinnacle",
        "title": "Pinnacle",
        "last_update": start,
        "markets": [{"key": "h2h", "outcomes": prices}],
    }
    return {
        "id": "e1",
        "sport_key": "soccer_epl",
        "commence_time": start,
        "home_team": home,
        "away_team": away,
        "bookmakers": [bookmaker],
    }


def test_odds_are_mapped_and_asked_as_documented(
    server: LocalServer, keyed: Settings, known: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()], headers={"x-requests-remaining": "499"}))
    found, problems = the_odds_api.fetch(keyed, ["E0"], known)
    assert found.loc[0].to_dict() == {
        "match_id": "E0-2025-26-arsenal-fc-west-ham-united-fc",
        "bookmaker": "pinnacle",
        "taken": "open",
        "home_odds": 1.5,
        "draw_odds": 4.5,
        "away_odds": 6.0,
        "source": "the-odds-api",
    }
    assert (problems.rows, problems.names, problems.refused) == ([], set(), [])
    assert server.requests[0].query == {
        "apiKey": KEY,
        "regions": "eu",
        "markets": "h2h",
        "oddsFormat": "decimal",
    }


def test_asking_stops_when_the_quota_is_spent_and_names_what_is_left_out(
    server: LocalServer, keyed: Settings, known: pd.DataFrame
) -> None:
    server.answer(EPL, Response([event()], headers={"x-requests-remaining": "0"}))
    found, problems = the_odds_api.fetch(keyed, ["E0", "D1"], known)
    assert len(found) == 1
    assert problems.refused == ["the-odds-api: D1 (the quota of this key is spent)"]
    assert server.paths == [EPL]


def test_a_league_that_the_odds_api_does_not_know_is_named(
    server: LocalServer, keyed: Settings, known: pd.DataFrame
) -> None:
    server.answer(EPL, Response({"message": "Unknown sport", "error_code": "UNKNOWN_SPORT"}, 422))
    found, problems = the_odds_api.fetch(keyed, ["E0", "EC"], known)
    assert (len(found), problems.refused) == (0, ["the-odds-api: E0 (HTTP 422)"])


def test_odds_without_match_with_unknown_club_or_below_one_are_listed(
    server: LocalServer, keyed: Settings, known: pd.DataFrame
) -> None:
    far, stranger, wrong = event(start="2026-03-01T15:00:00Z"), event(home="Wolfs"), event(draw=0.5)
    server.answer(
        EPL, Response([far, stranger, wrong, event(home="Wolves", away="Brighton and Hove Albion")])
    )
    found, problems = the_odds_api.fetch(keyed, ["E0"], known)
    assert found["match_id"].to_list() == ["E0-2025-26-wolverhampton-wanderers-fc-brighton-hove-albion-fc"]
    assert [row[1:3] for row in problems.rows] == [
        (1, "ValueError: no match Arsenal FC - West Ham United FC is known near 2026-03-01T15:00:00Z"),
        (3, "ValueError: odds of 0.5 are not between 1 and 1001"),
    ]
    assert [each.name for each in problems.names] == ["Wolfs"]


def test_a_rate_limit_of_the_odds_api_is_waited_out(
    server: LocalServer, keyed: Settings, known: pd.DataFrame
) -> None:
    server.answer(
        EPL, Response({"error_code": "EXCEEDED_FREQ_LIMIT"}, 429, {"Retry-After": "2"}), Response([event()])
    )
    naps = Naps()
    found, _ = the_odds_api.fetch(keyed, ["E0"], known, RequestPolicy(sleep=naps))
    assert (len(found), naps.seconds) == (1, [2.0])


def told(known: pd.DataFrame) -> results.Results:
    nothing = results.empty()
    return results.Results(known, nothing.unparsed_lines, nothing.refused_rows, nothing.files)


def fetch(
    keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, today: date = date(2025, 10, 1)
) -> Fetched:
    monkeypatch.setattr(results, "read", lambda *_, **__: told(known))
    return sources.fetch(keyed, today=today)


def test_with_keys_both_sources_join_the_public_files(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page(item())))
    server.answer(EPL, Response([event(home="Wolves", away="Brighton")]))
    fetched = fetch(keyed, known, monkeypatch)
    assert fetched.source == "openfootball + football-data.org"
    assert dict(zip(fetched.matches["home"], fetched.matches["source"], strict=True)) == {
        "Wolverhampton Wanderers FC": "openfootball",
        "Arsenal FC": "football-data.org",
    }
    assert fetched.odds["match_id"].to_list() == [
        "E0-2025-26-wolverhampton-wanderers-fc-brighton-hove-albion-fc"
    ]
    assert fetched.skipped_sources == []


def test_seasons_after_the_newest_public_one_are_asked_for(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page()))
    fetch(keyed, known, monkeypatch, today=date(2027, 9, 1))
    assert [asked.query["season"] for asked in server.requests] == ["2026", "2027"]


def test_no_odds_are_asked_for_where_no_match_is_coming(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_premier(monkeypatch)
    server.answer(PREMIER, Response(page()))
    fetch(keyed, known, monkeypatch, today=date(2025, 9, 1))
    assert server.paths == [PREMIER]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_failing_keyed_source_is_named_without_its_key_and_the_rest_goes_on(
    status: int,
    server: LocalServer,
    keyed: Settings,
    known: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    only_premier(monkeypatch)
    server.answer(PREMIER, Response({"message": f"{TOKEN} is invalid"}, status))
    server.answer(EPL, Response({"message": f"{KEY} is invalid"}, status))
    fetched = fetch(keyed, known, monkeypatch)
    assert fetched.source == "openfootball"
    assert [name.split(" ")[0].rstrip(":") for name in fetched.skipped_sources] == [
        "football-data.org",
        "the-odds-api",
    ]
    assert all(str(status) in name for name in fetched.skipped_sources)
    said = "\n".join([*fetched.skipped_sources, caplog.text])
    assert (TOKEN in said, KEY in said) == (False, False)


def test_offline_the_keyed_sources_are_not_asked(
    server: LocalServer, keyed: Settings, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = fetch(keyed.model_copy(update={"offline": True}), known, monkeypatch)
    assert server.requests == []
    assert fetched.skipped_sources == [
        f"{name} (the network is off (ALMANAC_OFFLINE))" for name in ("football-data.org", "the-odds-api")
    ]
