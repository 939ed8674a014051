"""Fetching: pins, head, the fresher source, and what happens without any source."""

import hashlib
import logging
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from almanac.download import mirror
from almanac.errors import SourceCorrupt, SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.football import sources
from almanac.workloads.football.contract import MATCHES, ODDS
from almanac.workloads.football.sources import openfootball
from almanac.workloads.football.sources.match_frame import match_frame
from tests.local_server import LocalServer, Response

TODAY = date(2025, 10, 1)
PREMIER = """\
# Date       Fri Aug/16 2024 - Sun May/25 2025 (282d)
# Matches    2
» Matchday 1
  Fri Aug/16 2024
    20.00  Man United    v Fulham FC      1-0 (0-0)
    some stray words
» Matchday 2
  Sat Jan/4
           Fulham FC     v Manchester United FC
"""
CHAMPIONSHIP = """\
# Matches    3
Matchday 1
[Fri Aug/9]
  20.00  Blackburn Rovers        4-2 (1-0)  Derby County FC
         Derby County            1-1        Derby County
[Sat Jun/28]
  15.00  Blackburn Rovers        0-0        Luton Town FC
"""
NEXT_SEASON = """\
▪ Matchday 1
  Sun Oct 5 2025
    15:00  Fulham FC      v Testbury Town FC
"""


@pytest.fixture
def network(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """The server in the place of GitHub, with two seasons pinned instead of 205."""
    monkeypatch.setattr(mirror, "RAW_URL", server.url)
    monkeypatch.setattr(mirror, "API_URL", server.url)
    pins = [
        openfootball.season_file(code, "2024-25", "a" * 40, hashlib.sha256(text.encode()).hexdigest())
        for code, text in (("E0", PREMIER), ("E1", CHAMPIONSHIP))
    ]
    monkeypatch.setattr(openfootball, "pinned", lambda: pins)
    monkeypatch.setattr(openfootball, "COMMITS", {"openfootball/england": "a" * 40})
    monkeypatch.setattr(openfootball, "LEAGUES", {code: openfootball.LEAGUES[code] for code in ("E0", "E1")})
    for commit in ("a" * 40, "b" * 40):
        server.answer(
            f"/openfootball/england/{commit}/2024-25/1-premierleague.txt", Response(PREMIER.encode())
        )
        server.answer(
            f"/openfootball/england/{commit}/2024-25/2-championship.txt", Response(CHAMPIONSHIP.encode())
        )
    server.answer("/repos/openfootball/england/commits/master", Response({"sha": "b" * 40}))
    return server


def settings(folder: Path, **changes: object) -> Settings:
    nothing = {
        "mirror": "",
        "offline": False,
        "source_head": False,
        "football_data_org_token": None,
        "odds_api_key": None,
    }
    return Settings(home=folder, state=Path("state"), **{**nothing, **changes})  # type: ignore[arg-type]


def test_the_pinned_files_become_one_frame_with_one_name_per_club(
    tmp_path: Path, network: LocalServer
) -> None:
    fetched = sources.fetch(settings(tmp_path), today=TODAY)
    assert list(fetched.matches.columns) == MATCHES.column_names
    assert list(fetched.odds.columns) == ODDS.column_names
    told = fetched.matches[["match_id", "date", "kickoff", "home_goals", "away_goals", "status"]].astype(
        object
    )
    assert told.where(told.notna(), None).to_numpy().tolist() == [
        ["E0-2024-25-manchester-united-fc-fulham-fc", pd.Timestamp("2024-08-16"), "20:00", 1, 0, "played"],
        [
            "E0-2024-25-fulham-fc-manchester-united-fc",
            pd.Timestamp("2025-01-04"),
            None,
            None,
            None,
            "scheduled",
        ],
        [
            "E1-2024-25-blackburn-rovers-fc-derby-county-fc",
            pd.Timestamp("2024-08-09"),
            "20:00",
            4,
            2,
            "played",
        ],
        ["E1-2024-25-blackburn-rovers-fc-luton-town-fc", pd.Timestamp("2025-06-28"), "15:00", 0, 0, "played"],
    ]
    assert (fetched.source, fetched.simulated) == ("openfootball", False)


def test_stray_lines_bad_rows_and_files_are_listed(tmp_path: Path, network: LocalServer) -> None:
    fetched = sources.fetch(settings(tmp_path), today=TODAY)
    premier, championship = (
        f"openfootball/england/2024-25/{name}.txt" for name in ("1-premierleague", "2-championship")
    )
    assert fetched.unparsed_lines.to_numpy().tolist() == [[premier, 6, "some stray words"]]
    assert fetched.refused_rows[["file", "line", "reason"]].to_numpy().tolist() == [
        [championship, 5, "Derby County cannot meet itself"]
    ]
    assert fetched.files["where"].to_list() == ["network", "network"]
    assert fetched.files[["league", "matches_declared", "matches_parsed"]].to_numpy().tolist() == [
        ["E0", 2, 2],
        ["E1", 3, 3],
    ]
    assert fetched.files["commit"].to_list() == ["a" * 40] * 2


def test_sources_without_their_key_are_named(tmp_path: Path, network: LocalServer) -> None:
    fetched = sources.fetch(settings(tmp_path), today=TODAY)
    assert fetched.skipped_sources == [
        "football-data.org (FOOTBALL_DATA_ORG_TOKEN is not set)",
        "the-odds-api (ODDS_API_KEY is not set)",
    ]


def test_a_second_fetch_comes_from_the_cache_and_is_the_same(tmp_path: Path, network: LocalServer) -> None:
    first = sources.fetch(settings(tmp_path), today=TODAY)
    count = len(network.requests)
    second = sources.fetch(settings(tmp_path), today=TODAY)
    assert len(network.requests) == count
    assert second.files["where"].to_list() == ["cache", "cache"]
    pd.testing.assert_frame_equal(first.matches, second.matches)


def test_the_head_is_read_with_its_commit_recorded_and_later_seasons_found(
    tmp_path: Path, network: LocalServer
) -> None:
    network.answer(
        f"/openfootball/england/{'b' * 40}/2025-26/1-premierleague.txt", Response(NEXT_SEASON.encode())
    )
    network.answer(
        f"/openfootball/england/{'b' * 40}/2024-25/1-premierleague.txt",
        Response(PREMIER.replace("1-0", "7-0").encode()),
    )
    fetched = sources.fetch(settings(tmp_path, source_head=True), today=TODAY)
    assert fetched.files[["commit", "league", "season"]].to_numpy().tolist() == [
        ["b" * 40, "E0", "2024-25"],
        ["b" * 40, "E0", "2025-26"],
        ["b" * 40, "E1", "2024-25"],
    ]
    assert fetched.matches["home_goals"].max() == 7
    assert "E0-2025-26-fulham-fc-testbury-town-fc" in set(fetched.matches["match_id"])
    assert network.paths.count("/repos/openfootball/england/commits/master") == 1


def test_a_pinned_file_that_left_the_head_is_read_at_its_pin(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    network.answer(f"/openfootball/england/{'b' * 40}/2024-25/2-championship.txt", Response({}, 404))
    fetched = sources.fetch(settings(tmp_path, source_head=True), today=TODAY)
    assert dict(zip(fetched.files["league"], fetched.files["commit"], strict=True)) == {
        "E0": "b" * 40,
        "E1": "a" * 40,
    }
    assert "2-championship.txt at aaaaaaa is gone from the head" in caplog.text


def test_without_any_source_a_generated_sample_is_used_and_said_loudly(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    fetched = sources.fetch(settings(tmp_path, offline=True), today=TODAY)
    assert (fetched.source, fetched.simulated) == ("simulated", True)
    assert set(fetched.matches["source"]) == {"simulated"}
    assert fetched.skipped_sources[0].startswith("openfootball (2 of 2 public files cannot be read")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "NO REAL DATA" in caplog.text


def test_the_mock_sample_asks_nobody(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    fetched = sources.fetch(settings(tmp_path), sample="mock")
    assert fetched.simulated
    assert (
        len(fetched.files)
        == len(fetched.unparsed_lines)
        == len(fetched.refused_rows)
        == len(fetched.odds)
        == len(fetched.unmatched_clubs)
        == 0
    )
    assert (network.requests, caplog.text) == ([], "")


def test_the_head_is_never_replaced_by_a_generated_sample(tmp_path: Path, network: LocalServer) -> None:
    with pytest.raises(SourceUnavailable, match="ALMANAC_SOURCE_HEAD"):
        sources.fetch(settings(tmp_path, source_head=True, offline=True), today=TODAY)


def test_half_the_data_is_an_error_and_no_reason_to_make_some_up(
    tmp_path: Path, network: LocalServer
) -> None:
    network.answer(f"/openfootball/england/{'a' * 40}/2024-25/2-championship.txt", Response({}, 404))
    with pytest.raises(SourceUnavailable, match="1 of 1 files do not exist"):
        sources.fetch(settings(tmp_path), today=TODAY)


def test_a_changed_file_is_an_error_and_no_reason_to_make_some_up(
    tmp_path: Path, network: LocalServer
) -> None:
    for name in ("1-premierleague", "2-championship"):
        network.answer(f"/openfootball/england/{'a' * 40}/2024-25/{name}.txt", Response(b"changed"))
    with pytest.raises(SourceCorrupt, match="expected"):
        sources.fetch(settings(tmp_path), today=TODAY)


@pytest.mark.parametrize(
    ("league_status", "fresher_status", "winner"),
    [
        ("scheduled", "played", "fresher"),
        ("played", "played", "fresher"),
        ("played", "scheduled", "leading"),
        ("scheduled", "postponed", "fresher"),
        ("awarded", "cancelled", "leading"),
    ],
)
def test_the_fresher_row_wins_unless_only_the_other_has_a_result(
    league_status: str, fresher_status: str, winner: str
) -> None:
    row = {
        "league": "E0",
        "season": "2024-25",
        "home": "Arsenal FC",
        "away": "Chelsea FC",
        "date": "2024-09-01",
    }
    leading = match_frame(
        [
            row | {"status": league_status, "source": "leading"},
            row | {"home": "Fulham FC", "source": "leading"},
        ]
    )
    fresher = match_frame(
        [
            row | {"status": fresher_status, "source": "fresher"},
            row | {"home": "Everton FC", "source": "fresher"},
        ]
    )
    both = sources.combined(leading, fresher).set_index("match_id")["source"]
    assert both["E0-2024-25-arsenal-fc-chelsea-fc"] == winner
    assert len(both) == 3
