"""What no schedule allows: a match listed twice, a club twice on a day, and fixtures that went."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from almanac.workloads.football.sources import results, schedule
from almanac.workloads.football.sources.football_txt import parse
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import season_file
from almanac.workloads.football.sources.results import _ParsedFile, _results
from almanac.workloads.football.sources.schedule import Listing

COMMIT = "a" * 40


def row(**changes: Any) -> dict[str, Any]:
    usual = {
        "league": "E3",
        "season": "2025-26",
        "round": None,
        "date": date(2026, 1, 1),
        "kickoff": None,
        "home": "A Town",
        "away": "B Town",
        "home_goals": None,
        "away_goals": None,
        "status": "scheduled",
        "source": "openfootball",
    }
    return usual | changes


def distinct(*rows: dict[str, Any]) -> tuple[list[int], list[tuple[int, str]]]:
    """Return the lines that stay, and those left out with their reasons."""
    stay, twins = schedule.without_twins(Listing("f", line, each) for line, each in enumerate(rows, start=1))
    return [listing.line for listing in stay], [(twin.listing.line, twin.reason) for twin in twins]


PLAYED = {"home_goals": 2, "away_goals": 1, "status": "played"}


def test_a_fixture_listed_twice_is_one() -> None:
    reason = "A Town - B Town on 2026-01-01 is listed in line 1 already"
    assert distinct(row(), row(), row(home="C Town")) == ([1, 3], [(2, reason)])


def test_the_twin_with_a_result_stays() -> None:
    assert distinct(row(), row(**PLAYED))[0] == [2]
    assert distinct(row(**PLAYED), row())[0] == [1]
    assert distinct(row(), row(status="postponed"), row())[0] == [2]


def test_twins_with_different_scores_are_told_apart_in_the_reason() -> None:
    stay, left_out = distinct(row(**PLAYED), row(**PLAYED | {"home_goals": 3}))
    assert stay == [1]
    assert left_out[0][1].endswith("in line 1 already, with another score")


def test_a_second_meeting_on_another_day_is_another_match() -> None:
    assert distinct(row(), row(date=date(2026, 2, 1)), row(home="B Town", away="A Town")) == ([1, 2, 3], [])


ROUND_TWICE = """\
» 24. Round
  Thu Jan/1 2026
    14.00  Barrow AFC              v Salford City
           Bromley FC              v Newport County
» 24. Round
  Thu Jan/1 2026
    14.00  Barrow AFC              v Salford City FC
           Bromley FC              v Newport County
"""


def read(text: str, code: str = "E3", season: str = "2025-26") -> results.Results:
    file = season_file(code, season, COMMIT)
    copy = results.Copy(file.file, text.encode(), "network")
    return _results([_ParsedFile(file, copy, parse(text, season))])


def test_a_round_that_a_file_lists_twice_is_read_once() -> None:
    read_once = read(ROUND_TWICE)
    assert read_once.matches["match_id"].str.endswith("-2").sum() == 0
    assert len(read_once.matches) == 2
    assert read_once.refused_rows["line"].to_list() == [7, 8]


def test_a_club_that_plays_twice_on_a_day_is_named() -> None:
    rows = [
        row(home="A Town", away="B Town"),
        row(home="B Town", away="A Town"),
        row(home="C Town", away="D Town"),
        row(home="A Town", away="C Town", status="cancelled"),
        row(home="A Town", away="D Town", league="SC0"),
    ]
    doubtful = schedule.doubtful(match_frame(rows))
    assert doubtful[["country", "club"]].to_numpy().tolist() == [["England", "A Town"], ["England", "B Town"]]
    ids = "E3-2025-26-a-town-b-town, E3-2025-26-b-town-a-town"
    assert set(doubtful["matches"]) == {ids}


def test_without_a_club_that_plays_twice_nothing_is_doubtful() -> None:
    assert schedule.doubtful(match_frame([row()])).empty
    assert list(schedule.doubtful(match_frame([])).columns) == schedule.DOUBTFUL_COLUMNS


FILES = pd.DataFrame({"league": ["E3"], "season": ["2025-26"]})
OLD_TWIN = "E3-2025-26-a-town-b-town-2"


def test_fixtures_that_the_source_no_longer_lists_are_gone() -> None:
    stored = match_frame([row(), row(), row(home="C Town"), row(home="D Town", **PLAYED)])
    listed = match_frame([row(), row(home="C Town")])
    gone = schedule.gone(listed, FILES, stored)
    assert gone[["match_id", "status"]].to_numpy().tolist() == [[OLD_TWIN, "gone"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"season": "2024-25"},
        {"league": "E2"},
        {"source": "football-data.org"},
        {"source": "simulated"},
        PLAYED,
    ],
)
def test_what_was_not_read_or_is_decided_stays(changes: dict[str, Any]) -> None:
    stored = match_frame([row(), row(home="C Town", **changes)])
    assert schedule.gone(match_frame([row()]), FILES, stored).empty


def test_a_file_of_which_little_was_understood_proves_nothing() -> None:
    stored = match_frame([row(home=f"{name} Town") for name in ("A", "C", "D", "E")])
    assert schedule.gone(match_frame([row()]), FILES, stored).empty
    assert len(schedule.gone(match_frame([row(), row(home="C Town")]), FILES, stored)) == 2


def test_without_anything_stored_or_fetched_nothing_is_gone() -> None:
    nothing = match_frame([])
    assert schedule.gone(nothing, results.empty().files, nothing).empty
    assert schedule.gone(nothing, FILES, match_frame([row()])).empty


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"away": "A Town"}, "A Town cannot meet itself"),
        ({"home_goals": 31, "away_goals": 0}, "more than 30 goals"),
        ({"home_goals": 0, "away_goals": -1}, "fewer than no goals"),
        ({"date": date(2205, 1, 1)}, "2205-01-01 is outside the season 2025-26"),
        ({"date": date(2024, 1, 1)}, "2024-01-01 is outside the season 2025-26"),
        ({}, ""),
    ],
)
def test_a_row_that_cannot_be_a_match_has_a_fault(changes: dict[str, Any], fault: str) -> None:
    assert schedule.fault(row(**changes)) == fault
