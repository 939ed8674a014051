"""Fetching: pins, head, fresher sources, and a generated sample without any source."""

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
from almanac.workloads.football.sources import Fetched, openfootball
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import SeasonFile
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


ENGLAND = "openfootball/england"
PIN, HEAD = "a" * 40, "b" * 40
FILES = {"E0": "1-premierleague.txt", "E1": "2-championship.txt"}
TEXTS = {"E0": PREMIER, "E1": CHAMPIONSHIP}
NO_KEYS = {"football_data_org_token": None, "odds_api_key": None}


def url(code: str, commit: str = PIN, season: str = "2024-25") -> str:
    """Return the path of a league's file on the server."""
    return f"/{ENGLAND}/{commit}/{season}/{FILES[code]}"


def pin(code: str, text: str) -> SeasonFile:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return openfootball.season_file(code, "2024-25", PIN, sha256)


@pytest.fixture
def network(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """The server in the place of GitHub, with two seasons pinned instead of 205."""
    monkeypatch.setattr(mirror, "RAW_URL", server.url)
    monkeypatch.setattr(mirror, "API_URL", server.url)
    pins = [pin(code, text) for code, text in TEXTS.items()]
    monkeypatch.setattr(openfootball, "pinned", lambda: pins)
    monkeypatch.setattr(openfootball, "COMMITS", {ENGLAND: PIN})
    monkeypatch.setattr(openfootball, "LEAGUES", {code: openfootball.LEAGUES[code] for code in FILES})
    for code, text in TEXTS.items():
        server.answer(url(code), Response(text.encode()))
        server.answer(url(code, HEAD), Response(text.encode()))
    server.answer(f"/repos/{ENGLAND}/commits/master", Response({"sha": HEAD}))
    return server


def settings(folder: Path, *, offline: bool = False, source_head: bool = False) -> Settings:
    places = {"home": folder, "state": Path("state"), "mirror": ""}
    return Settings(offline=offline, source_head=source_head, **places, **NO_KEYS)  # type: ignore[arg-type]


def fetch(folder: Path, *, offline: bool = False, source_head: bool = False) -> Fetched:
    return sources.fetch(settings(folder, offline=offline, source_head=source_head), today=TODAY)


def test_the_pinned_files_become_one_frame_with_one_name_per_club(
    tmp_path: Path, network: LocalServer
) -> None:
    fetched = fetch(tmp_path)
    assert list(fetched.matches.columns) == MATCHES.column_names
    assert list(fetched.odds.columns) == ODDS.column_names
    columns = ["match_id", "date", "kickoff", "home_goals", "away_goals", "status"]
    rows = fetched.matches[columns].astype({"date": "str"}).astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [
        ["E0-2024-25-manchester-united-fc-fulham-fc", "2024-08-16", "20:00", 1, 0, "played"],
        ["E0-2024-25-fulham-fc-manchester-united-fc", "2025-01-04", None, None, None, "scheduled"],
        ["E1-2024-25-blackburn-rovers-fc-derby-county-fc", "2024-08-09", "20:00", 4, 2, "played"],
        ["E1-2024-25-blackburn-rovers-fc-luton-town-fc", "2025-06-28", "15:00", 0, 0, "played"],
    ]
    assert (fetched.source, fetched.simulated) == ("openfootball", False)


def test_stray_lines_bad_rows_and_files_are_listed(tmp_path: Path, network: LocalServer) -> None:
    fetched = fetch(tmp_path)
    premier, championship = (f"{ENGLAND}/2024-25/{name}" for name in FILES.values())
    assert fetched.unparsed_lines.to_numpy().tolist() == [[premier, 6, "some stray words"]]
    refused = fetched.refused_rows[["file", "line", "reason"]].to_numpy().tolist()
    assert refused == [[championship, 5, "Derby County cannot meet itself"]]
    counts = fetched.files[["league", "matches_declared", "matches_parsed"]].to_numpy().tolist()
    assert counts == [["E0", 2, 2], ["E1", 3, 3]]
    assert fetched.files["where"].to_list() == ["network", "network"]
    assert fetched.files["commit"].to_list() == [PIN, PIN]


def test_sources_without_their_key_are_named(tmp_path: Path, network: LocalServer) -> None:
    assert fetch(tmp_path).skipped_sources == [
        "football-data.org (FOOTBALL_DATA_ORG_TOKEN is not set)",
        "the-odds-api (ODDS_API_KEY is not set)",
    ]


def test_a_second_fetch_comes_from_the_cache_and_is_the_same(tmp_path: Path, network: LocalServer) -> None:
    first = fetch(tmp_path)
    count = len(network.requests)
    second = fetch(tmp_path)
    assert len(network.requests) == count
    assert second.files["where"].to_list() == ["cache", "cache"]
    pd.testing.assert_frame_equal(first.matches, second.matches)


def test_the_head_is_read_with_its_commit_recorded_and_with_later_seasons(
    tmp_path: Path, network: LocalServer
) -> None:
    network.answer(url("E0", HEAD, "2025-26"), Response(NEXT_SEASON.encode()))
    network.answer(url("E0", HEAD), Response(PREMIER.replace("1-0", "7-0").encode()))
    fetched = fetch(tmp_path, source_head=True)
    assert fetched.files[["commit", "league", "season"]].to_numpy().tolist() == [
        [HEAD, "E0", "2024-25"],
        [HEAD, "E0", "2025-26"],
        [HEAD, "E1", "2024-25"],
    ]
    assert fetched.matches["home_goals"].max() == 7
    assert "E0-2025-26-fulham-fc-testbury-town-fc" in set(fetched.matches["match_id"])
    assert network.paths.count(f"/repos/{ENGLAND}/commits/master") == 1


def test_a_pinned_file_that_left_the_head_is_read_at_its_pin(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    network.answer(url("E1", HEAD), Response({}, 404))
    files = fetch(tmp_path, source_head=True).files
    assert files.set_index("league")["commit"].to_dict() == {"E0": HEAD, "E1": PIN}
    assert "2-championship.txt at aaaaaaa is gone from the head" in caplog.text


def test_without_any_source_a_generated_sample_is_used_with_a_warning(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    fetched = fetch(tmp_path, offline=True)
    assert (fetched.source, fetched.simulated) == ("simulated", True)
    assert set(fetched.matches["source"]) == {"simulated"}
    assert fetched.skipped_sources[0].startswith("openfootball (2 of 2 public files cannot be read")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "NO REAL DATA" in caplog.text


def test_the_mock_sample_sends_no_request(
    tmp_path: Path, network: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    fetched = sources.fetch(settings(tmp_path), sample="mock")
    assert fetched.simulated
    lists = [fetched.files, fetched.unparsed_lines, fetched.refused_rows, fetched.unmatched_clubs]
    assert [len(rows) for rows in [*lists, fetched.odds]] == [0] * 5
    assert (network.requests, caplog.text) == ([], "")


def test_the_head_is_never_replaced_by_a_generated_sample(tmp_path: Path, network: LocalServer) -> None:
    with pytest.raises(SourceUnavailable, match="ALMANAC_SOURCE_HEAD"):
        fetch(tmp_path, source_head=True, offline=True)


def test_a_missing_file_is_an_error_and_no_sample_takes_its_place(
    tmp_path: Path, network: LocalServer
) -> None:
    network.answer(url("E1"), Response({}, 404))
    with pytest.raises(SourceUnavailable, match="1 of 1 files do not exist"):
        fetch(tmp_path)


def test_a_changed_file_is_an_error_and_no_sample_takes_its_place(
    tmp_path: Path, network: LocalServer
) -> None:
    for code in FILES:
        network.answer(url(code), Response(b"changed"))
    with pytest.raises(SourceCorrupt, match="expected"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("main_status", "fresher_status", "winner"),
    [
        ("scheduled", "played", "fresher"),
        ("played", "played", "fresher"),
        ("played", "scheduled", "main"),
        ("scheduled", "postponed", "fresher"),
        ("awarded", "cancelled", "main"),
    ],
)
def test_the_fresher_row_wins_unless_only_the_other_has_a_result(
    main_status: str, fresher_status: str, winner: str
) -> None:
    row = {"league": "E0", "season": "2024-25", "home": "Arsenal FC", "away": "Chelsea FC"}
    row |= {"date": "2024-09-01"}
    main, fresher = (
        match_frame([row | {"status": status, "source": name}, row | {"home": only, "source": name}])
        for name, status, only in (
            ("main", main_status, "Fulham FC"),
            ("fresher", fresher_status, "Everton FC"),
        )
    )
    origins = sources.combined(main, fresher).set_index("match_id")["source"]
    assert origins["E0-2024-25-arsenal-fc-chelsea-fc"] == winner
    assert len(origins) == 3
