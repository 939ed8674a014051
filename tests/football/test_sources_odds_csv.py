"""A CSV of odds that the user owns."""

from pathlib import Path

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.workloads.football.contract import ODDS
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.odds_csv import OddsImport, read_odds

HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,AvgH,AvgD,AvgA,PSCH,PSCD,PSCA"
UNITED = "E0-2024-25-manchester-united-fc-nottingham-forest-fc"
CLUBS = "Man United,Nott'm Forest"


@pytest.fixture
def matches() -> pd.DataFrame:
    row = {"season": "2024-25", "status": "played", "source": "openfootball"}
    england = {"league": "E0", "home": "Manchester United FC", "away": "Nottingham Forest FC"}
    spain = {"league": "SP2", "home": "Málaga CF", "away": "Deportivo La Coruña"}
    return match_frame([row | england | {"date": "2024-12-07"}, row | spain | {"date": "2024-12-08"}])


def read(matches: pd.DataFrame, *lines: str, header: str = HEADER) -> OddsImport:
    return read_odds("\n".join([header, *lines]), matches)


def rows(imported: OddsImport) -> list[list[object]]:
    return imported.odds.drop(columns="source").to_numpy().tolist()


def test_each_bookmaker_and_time_becomes_a_row(matches: pd.DataFrame) -> None:
    line = f"E0,07/12/2024,17:30,{CLUBS},2,3,A,1.62,4.2,5.0,1.6,4.1,5.1,1.55,4.3,5.6"
    imported = read(matches, line)
    assert rows(imported) == [
        [UNITED, "B365", "open", 1.62, 4.2, 5.0],
        [UNITED, "Avg", "open", 1.6, 4.1, 5.1],
        [UNITED, "PS", "close", 1.55, 4.3, 5.6],
    ]
    assert list(imported.odds.columns) == ODDS.column_names
    assert set(imported.odds["source"]) == {"csv"}
    assert len(imported.bad_rows) == len(imported.unmatched_clubs) == 0


@pytest.mark.parametrize("text", ["07/12/2024", "07/12/24", "7/12/24", "06/12/2024", "08/12/2024"])
def test_years_have_two_or_four_digits(text: str, matches: pd.DataFrame) -> None:
    assert len(read(matches, f"E0,{text},,{CLUBS},,,,1.62,4.2,5,,,,,,").odds) == 1


@pytest.mark.parametrize(("status", "count"), [("played", 0), ("scheduled", 1), ("postponed", 1)])
def test_only_a_match_to_come_may_have_moved(status: str, count: int, matches: pd.DataFrame) -> None:
    imported = read(matches.assign(status=status), f"E0,20/12/2024,,{CLUBS},,,,1.62,4.2,5,,,,,,")
    assert (len(imported.odds), len(imported.bad_rows)) == (count, 1 - count)


@pytest.mark.parametrize(
    "prices", ["11.8,75,130", "1.01,1.01,1.01", "1.1,1.1,9", "2.0,4.5,9.0", "1001,1001,1001"]
)
def test_prices_that_do_not_fit_together_are_refused(prices: str, matches: pd.DataFrame) -> None:
    imported = read(matches, f"E0,07/12/2024,,{CLUBS},,,,{prices},2,3,4,,,")
    assert [row[1] for row in rows(imported)] == ["Avg"]
    assert "imply chances that add up to" in imported.bad_rows["reason"][0]


@pytest.mark.parametrize(("name", "count"), [("Max", 1), ("Avg", 0)])
def test_the_best_prices_of_all_bookmakers_may_add_up_to_less(
    name: str, count: int, matches: pd.DataFrame
) -> None:
    header = f"Div,Date,HomeTeam,AwayTeam,{name}H,{name}D,{name}A"
    assert len(read(matches, f"E0,07/12/2024,{CLUBS},2.3,3.6,4.8", header=header).odds) == count


def test_a_bookmaker_whose_name_ends_in_c_does_not_count_as_closing_odds(matches: pd.DataFrame) -> None:
    header = "Div,Date,HomeTeam,AwayTeam,VCH,VCD,VCA,VCCH,VCCD,VCCA,B365CH,B365CD,B365CA,XYCH,XYCD,XYCA"
    line = f"E0,07/12/2024,{CLUBS},2,3,4,2.1,3.1,4.1,2.2,3.2,4.2,2.3,3.3,4.3"
    markets = [row[1:3] for row in rows(read(matches, line, header=header))]
    assert markets == [["VC", "open"], ["VC", "close"], ["B365", "close"], ["XYC", "open"]]


def test_an_empty_bookmaker_is_ignored(matches: pd.DataFrame) -> None:
    imported = read(matches, f"E0,07/12/2024,17:30,{CLUBS},2,3,A,,,,1.6,4.1,5.1,,,")
    assert [row[1] for row in rows(imported)] == ["Avg"]
    assert len(imported.bad_rows) == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("B1,07/12/2024,,Genk,Gent,,,,2,3,4,,,,,,", "league 'B1' is not known; known are E0, E1"),
        (
            f"E0,2024-12-07,,{CLUBS},,,,2,3,4,,,,,,",
            "date '2024-12-07' is not written as dd/mm/yyyy or dd/mm/yy",
        ),
        (f"E0,31/02/2024,,{CLUBS},,,,2,3,4,,,,,,", "date '31/02/2024' is not written"),
        (
            f"E0,07/03/2025,,{CLUBS},,,,2,3,4,,,,,,",
            "no match Manchester United FC - Nottingham Forest FC is known near 2025-03-07",
        ),
        (
            "E0,07/12/2024,,Nott'm Forest,Man United,,,,2,3,4,,,,,,",
            "no match Nottingham Forest FC - Manchester United FC is known",
        ),
        ("E0,07/12/2024,,Man Untied,Nott'm Forest,,,,2,3,4,,,,,,", "club 'Man Untied' is not known"),
        (f"E0,07/12/2024,,{CLUBS},,,,,,,,,,,,", "the line has no odds"),
        (f"E0,07/12/2024,,{CLUBS},,,,2,x,4,,,,,,", "B365H, D, A: could not convert string to float: 'x'"),
        (f"E0,07/12/2024,,{CLUBS},,,,2,,4,,,,,,", "B365H, D, A: could not convert string to float: ''"),
        (f"E0,07/12/2024,,{CLUBS},,,,2,1.0,4,,,,,,", "B365H, D, A: odds of 1.0 are not between 1 and 1001"),
        (f"E0,07/12/2024,,{CLUBS},,,,2,nan,4,,,,,,", "B365H, D, A: odds of nan are not between 1 and 1001"),
        ("E0,07/12/2024", "club '' is not known"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_left_out(
    line: str, reason: str, matches: pd.DataFrame
) -> None:
    imported = read(matches, "SP2,08/12/2024,,Malaga,La Coruna,,,,2,3,4,,,,,,", line)
    assert imported.bad_rows["line"].to_list() == [3]
    assert imported.bad_rows["reason"][0].startswith(reason)
    assert imported.odds["match_id"].to_list() == ["SP2-2024-25-malaga-cf-deportivo-la-coruna"]


def test_unknown_clubs_come_with_their_nearest_candidates(matches: pd.DataFrame) -> None:
    clubs = read(matches, "E0,07/12/2024,,Man Untied,Nott'm Forest,,,,2,3,4,,,,,,").unmatched_clubs
    assert clubs[["country", "name"]].to_numpy().tolist() == [["England", "Man Untied"]]
    assert clubs["candidates"][0] != ""


def test_a_repeated_match_is_reported_and_its_first_odds_stay(matches: pd.DataFrame) -> None:
    first, second = (f"E0,07/12/2024,,{CLUBS},,,,{price},3,4,,,,,," for price in (2, 9))
    imported = read(matches, first, second)
    assert rows(imported) == [[UNITED, "B365", "open", 2.0, 3.0, 4.0]]
    reason = f"{UNITED} has odds of B365 (open) in an earlier line already"
    assert imported.bad_rows.to_numpy().tolist() == [[3, reason]]


def test_empty_lines_at_the_end_are_no_bad_rows(matches: pd.DataFrame) -> None:
    assert len(read(matches, ",,,,,,,,,,,,,,,,", "").bad_rows) == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "latin-1"])
def test_a_file_may_have_any_of_the_usual_encodings(
    encoding: str, matches: pd.DataFrame, tmp_path: Path
) -> None:
    text = f"{HEADER}\r\nSP2,08/12/2024,,Málaga,La Coruña,,,,2,3,4,,,,,,\r\n"
    path = tmp_path / "odds.csv"
    path.write_bytes(text.encode(encoding))
    assert len(read_odds(path, matches).odds) == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Div,Date,HomeTeam,B365H,B365D,B365A", "The file lacks AwayTeam."),
        (
            "Div,Date,HomeTeam,AwayTeam,B365H,B365D",
            "The file lacks three columns of odds, for example B365H, B365D, B365A.",
        ),
        ("Country,League", "The file lacks Div, Date, HomeTeam, AwayTeam, three columns of odds"),
        ("", "It has: nothing"),
    ],
)
def test_missing_columns_are_named(header: str, message: str, matches: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=message):
        read(matches, header=header)


def test_a_file_that_does_not_exist_is_named(matches: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv' cannot be read: No such file"):
        read_odds(tmp_path / "nowhere.csv", matches)


def of_countries() -> pd.DataFrame:
    row = {"season": "2024-25", "status": "played", "source": "openfootball", "date": "2024-12-07"}
    austria = {"league": "A1", "home": "Austria Wien", "away": "RB Salzburg"}
    swiss = {"league": "SZ1", "home": "FC Zürich", "away": "FC Basel 1893"}
    return match_frame([row | austria, row | swiss])


COUNTRIES = "Country,League,Season,Date,Time,Home,Away,HG,AG,Res,PSCH,PSCD,PSCA,AvgCH,AvgCD,AvgCA"


@pytest.mark.parametrize(
    ("line", "league"),
    [
        (
            "Austria,Bundesliga,2024/2025,07/12/2024,17:00,Austria Vienna,Salzburg,1,0,H,2.1,3.4,3.4,2,3,4",
            "A1",
        ),
        ("Switzerland,Super League,2024/2025,07/12/2024,17:00,Zurich,Basel,1,0,H,2.1,3.4,3.4,2,3,4", "SZ1"),
        ("Switzerland,,2024/2025,07/12/2024,17:00,Zurich,Basel,1,0,H,2.1,3.4,3.4,2,3,4", "SZ1"),
    ],
)
def test_files_of_single_countries_are_read(line: str, league: str) -> None:
    imported = read(of_countries(), line, header=COUNTRIES)
    assert len(imported.bad_rows) == 0
    assert [row[1:3] for row in rows(imported)] == [["PS", "close"], ["Avg", "close"]]
    assert set(imported.odds["match_id"].str.split("-").str[0]) == {league}


@pytest.mark.parametrize("place", ["Austria,2. Bundesliga,", "Brazil,Serie A,", "Atlantis,,"])
def test_a_league_of_a_country_that_is_not_ours_is_named(place: str) -> None:
    line = f"{place}2024/2025,07/12/2024,17:00,Austria Vienna,Salzburg,1,0,H,2.1,3.4,3.4,2,3,4"
    reason = read(of_countries(), line, header=COUNTRIES).bad_rows["reason"][0]
    assert reason.startswith(f"league '{place.split(',')[0]}, ")


def test_a_file_of_a_country_without_a_date_is_refused() -> None:
    with pytest.raises(UsageError, match=r"The file lacks Date\. Needed: Country, Date, Home, Away and odds"):
        read(of_countries(), header="Country,League,Home,Away,PSCH,PSCD,PSCA")
