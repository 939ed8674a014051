"""One club, one name: aliases, spellings, and clubs that only look alike."""

import csv
from importlib.resources import files

import pandas as pd
import pytest

from almanac.workloads.football.sources import clubs
from almanac.workloads.football.sources.linking import Directory
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import LEAGUES


def rows() -> list[dict[str, str]]:
    with (files("almanac.workloads.football.sources") / "clubs.tsv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table, delimiter="\t"))


@pytest.mark.parametrize(
    ("country", "spellings", "club"),
    [
        (
            "England",
            ["Manchester United", "Man United", "MANCHESTER UNITED", "Manchester United FC"],
            "Manchester United FC",
        ),
        ("England", ["Nott'm Forest", "Nottingham Forest"], "Nottingham Forest FC"),
        ("England", ["Charlton Athletic FC", "Charlton"], "Charlton Athletic"),
        ("England", ["Bournemouth"], "AFC Bournemouth"),
        ("Germany", ["Bayern Munich", "Bayern München", "FC BAYERN MUNCHEN"], "FC Bayern München"),
        ("Germany", ["Bor. Mönchengladbach", "M'gladbach"], "Borussia Mönchengladbach"),
        ("Germany", ["VfL Bochum", "Bochum"], "VfL Bochum 1848"),
        ("Italy", ["Vicenza Calcio", "L.R. Vicenza"], "L.R. Vicenza Virtus"),
        ("Italy", ["US Palermo", "Palermo"], "Palermo FC"),
        ("Spain", ["Ath Madrid", "Atlético Madrid"], "Club Atlético de Madrid"),
        ("France", ["ES Troyes AC", "Troyes"], "ESTAC Troyes"),
        ("Netherlands", ["sc Heerenveen", "SC Heerenveen"], "SC Heerenveen"),
        ("Portugal", ["B-SAD"], "Belenenses SAD"),
        ("Turkey", ["Beşiktaş", "Besiktas"], "Beşiktaş"),
        ("Turkey", ["Fatih Karagümrük", "KARAGUMRUK"], "Fatih Karagümrük"),
        ("Turkey", ["Kasimpasa", "Kasımpaşa"], "Kasımpaşa SK"),
        ("Austria", ["WSG Wattens"], "WSG Tirol"),
    ],
)
def test_every_spelling_leads_to_the_one_name(country: str, spellings: list[str], club: str) -> None:
    assert {clubs.canonical(country, spelling) for spelling in spellings} == {club}


@pytest.mark.parametrize(
    ("country", "one", "other"),
    [
        ("Portugal", "Belenenses SAD", "Os Belenenses"),
        ("Portugal", "CD Aves", "AVS"),
        ("Portugal", "Académica de Coimbra", "Académico de Viseu"),
        ("Netherlands", "AZ", "AZ Alkmaar J"),
        ("Netherlands", "FC Utrecht", "FC Utrecht J"),
        ("Germany", "Borussia Dortmund", "Borussia Dortmund II"),
        ("Germany", "FC Bayern München", "Bayern München II"),
        ("Spain", "Sevilla FC", "Sevilla Atlético"),
        ("Spain", "Villarreal CF", "Villarreal CF B"),
        ("France", "AC Ajaccio", "Gazélec FC Ajaccio"),
        ("France", "Paris FC", "Paris Saint-Germain FC"),
        ("England", "Oxford United FC", "Oxford City"),
        ("Scotland", "Dundee FC", "Dundee United"),
        ("Italy", "Chievo Verona", "Hellas Verona FC"),
    ],
)
def test_clubs_that_only_look_alike_stay_apart(country: str, one: str, other: str) -> None:
    assert (clubs.canonical(country, one), clubs.canonical(country, other)) == (one, other)


def test_no_spelling_in_the_table_fits_two_clubs_of_a_country() -> None:
    owners: dict[tuple[str, str], set[str]] = {}
    for row in rows():
        for spelling in [row["club"], *filter(None, row["aliases"].split("|"))]:
            owners.setdefault((row["country"], clubs.key(spelling)), set()).add(row["club"])
    assert {key: clubs for key, clubs in owners.items() if len(clubs) > 1 or not key[1]} == {}


def test_the_table_has_only_countries_with_a_league() -> None:
    assert {row["country"] for row in rows()} == {league.country for league in LEAGUES.values()}


def test_no_two_clubs_of_a_country_share_a_slug() -> None:
    slugs = [(row["country"], clubs.slug(row["club"])) for row in rows()]
    assert len(slugs) == len(set(slugs))


def test_an_unknown_name_is_not_guessed() -> None:
    assert clubs.canonical("England", "Manchester") is None
    assert clubs.canonical("Germany", "Arsenal FC") is None
    assert clubs.canonical("England", "FC") is None


def test_a_new_club_of_the_leading_source_keeps_its_first_spelling() -> None:
    names = [
        ("England", "Testbury Town"),
        ("England", "Testbury Town FC"),
        ("Scotland", "Testbury Town FC"),
        ("England", "Man City"),
    ]
    assert list(clubs.canonical_names(names).values()) == [
        "Testbury Town",
        "Testbury Town",
        "Testbury Town FC",
        "Manchester City FC",
    ]


def meetings(status: str = "played") -> pd.DataFrame:
    pair = {
        "league": "E0",
        "season": "2024-25",
        "home": "Arsenal FC",
        "away": "Chelsea FC",
        "status": status,
        "source": "openfootball",
    }
    return match_frame(
        [
            pair | {"date": "2024-08-31", "home_goals": 1, "away_goals": 0},
            pair | {"date": "2025-03-01", "home_goals": 2, "away_goals": 2},
            pair | {"date": "2025-03-08", "home": "Chelsea FC", "away": "Testbury Town"},
        ]
    )


def test_an_unmatched_name_comes_with_its_nearest_candidates() -> None:
    club = Directory.of(meetings()).club("E0", "Manchster City")
    assert isinstance(club, clubs.UnmatchedClub)
    assert (club.country, club.name, club.candidates[0]) == (
        "England",
        "Manchster City",
        "Manchester City FC",
    )
    assert len(club.candidates) <= 3


def test_a_club_that_only_matches_have_is_linked() -> None:
    assert Directory.of(meetings()).club("E3", "TESTBURY TOWN FC") == "Testbury Town"


FIRST, SECOND = "E0-2024-25-arsenal-fc-chelsea-fc", "E0-2024-25-arsenal-fc-chelsea-fc-2"


def linked(directory: Directory, day: str, league: str = "E0") -> str | None:
    return directory.match_id(league, "Arsenal FC", "Chelsea FC", pd.Timestamp(day).date())


@pytest.mark.parametrize("status", ["scheduled", "postponed"])
def test_a_match_to_come_is_linked_by_its_nearest_date_within_thirty_days(status: str) -> None:
    directory = Directory.of(meetings(status))
    days = ["2024-07-31", "2024-08-01", "2024-08-31", "2024-09-30", "2024-10-01", "2025-02-20"]
    assert [linked(directory, day) for day in days] == [None, FIRST, FIRST, FIRST, None, SECOND]
    assert linked(directory, "2024-08-31", "E1") is None


@pytest.mark.parametrize("status", ["played", "awarded", "abandoned", "cancelled"])
def test_a_match_of_a_certain_day_is_linked_within_a_day(status: str) -> None:
    directory = Directory.of(meetings(status))
    days = ["2024-08-29", "2024-08-30", "2024-08-31", "2024-09-01", "2024-09-02", "2024-09-17"]
    assert [linked(directory, day) for day in days] == [None, FIRST, FIRST, FIRST, None, None]


def test_a_match_that_is_gone_is_linked_to_nothing() -> None:
    assert linked(Directory.of(meetings("gone")), "2024-08-31") is None


def test_a_played_match_leaves_the_quote_to_the_return_match_that_is_to_come() -> None:
    matches = meetings("scheduled")
    matches.loc[0, "status"] = "played"
    directory = Directory.of(matches.assign(date=pd.to_datetime(["2025-02-20", "2025-03-01", "2025-03-08"])))
    assert [linked(directory, day) for day in ("2025-02-20", "2025-02-23")] == [FIRST, SECOND]


def test_a_moved_match_keeps_its_id_and_a_second_meeting_gets_its_own() -> None:
    ids = meetings()["match_id"].to_list()
    assert ids == [
        "E0-2024-25-arsenal-fc-chelsea-fc",
        "E0-2024-25-arsenal-fc-chelsea-fc-2",
        "E0-2024-25-chelsea-fc-testbury-town",
    ]


@pytest.mark.parametrize(
    ("country", "spelling", "club"),
    [
        ("Netherlands", "For Sittard", "Fortuna Sittard"),
        ("Germany", "Frankfurt FSV", "FSV Frankfurt"),
        ("Italy", "Lanciano", "Virtus Lanciano"),
        ("Spain", "Leonesa", "Cultural Leonesa"),
        ("Austria", "A. Klagenfurt", "SK Austria Klagenfurt"),
        ("Austria", "A. Lustenau", "Austria Lustenau"),
        ("Austria", "Tirol", "WSG Tirol"),
        ("Switzerland", "Lausanne Ouchy", "Stade Lausanne-Ouchy"),
    ],
)
def test_spellings_of_files_with_odds_are_known(country: str, spelling: str, club: str) -> None:
    assert clubs.canonical(country, spelling) == club
