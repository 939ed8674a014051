"""The Football.TXT format: three layouts, headings, notes and unparsed lines."""

from datetime import date

import pytest

from almanac.workloads.football.sources.football_txt import Match, Parsed, parse

SCORE_BETWEEN = """\
= Some League 2015/16

# Date       Sat Aug/8 2015 - Tue May/17 2016 (283d)
# Teams      4
# Matches    4

Matchday 1
[Sat Aug/8]
  12.45  North Rovers        1-0 (1-0)  South Town
         East United         2-2 (0-1)  West & Sons FC
[Sun Jan/3]
  9.05   South Town          0-0  North Rovers
         West & Sons FC      -    East United          [cancelled]
"""

SCORE_AFTER = """\
= Some League 2024/25

# Date       Fri Aug/16 2024 - Sun May/25 2025 (282d)
# Matches    3

» Matchday 1
  Fri Aug/16 2024
    20.00  North Rovers            v South Town               1-0 (0-0)
  Sat Aug/17
           East United 1898 Very Long Name v West & Sons FC  0-2
  Sat Jan/4
    15.30  South Town              v North Rovers
"""

SPELT_DAYS = """\
= Some League 2019/20

# Date       Fri Aug 9 2019 - Sun Aug 2 2020 (359d)

▪ Matchday 1
  Fri Aug 9 2019
    20:45  North Rovers            v South Town               3-0    [awarded]
  Sat Aug 10
    17:30  East United             v West & Sons FC           0-0
▪ Matchday 38
  Sat Aug 1
    20:45  South Town              v North Rovers             1-4 (1-2)
"""


def only(parsed: Parsed) -> Match:
    assert parsed.unparsed == []
    assert len(parsed.matches) == 1
    return parsed.matches[0]


def match_of(line: str) -> Match:
    return only(parse(f"Matchday 1\nSat Aug 10 2024\n{line}", "2024-25"))


def rows(parsed: Parsed) -> list[tuple[object, ...]]:
    """Return line, day, kick-off, home, away, goals and status of each match."""
    return [
        (
            each.line,
            f"{each.date}",
            each.kickoff,
            each.home,
            each.away,
            each.home_goals,
            each.away_goals,
            each.status,
        )
        for each in parsed.matches
    ]


def test_the_score_may_be_between_the_clubs() -> None:
    parsed = parse(SCORE_BETWEEN, "2015-16")
    assert (parsed.unparsed, parsed.declared) == ([], 4)
    assert {match.round for match in parsed.matches} == {"Matchday 1"}
    assert rows(parsed) == [
        (9, "2015-08-08", "12:45", "North Rovers", "South Town", 1, 0, "played"),
        (10, "2015-08-08", "12:45", "East United", "West & Sons FC", 2, 2, "played"),
        (12, "2016-01-03", "09:05", "South Town", "North Rovers", 0, 0, "played"),
        (13, "2016-01-03", "09:05", "West & Sons FC", "East United", None, None, "cancelled"),
    ]


def test_the_score_may_be_after_the_clubs() -> None:
    parsed = parse(SCORE_AFTER, "2024-25")
    assert (parsed.unparsed, parsed.declared) == ([], 3)
    assert {match.round for match in parsed.matches} == {"Matchday 1"}
    assert rows(parsed) == [
        (8, "2024-08-16", "20:00", "North Rovers", "South Town", 1, 0, "played"),
        (10, "2024-08-17", None, "East United 1898 Very Long Name", "West & Sons FC", 0, 2, "played"),
        (12, "2025-01-04", "15:30", "South Town", "North Rovers", None, None, "scheduled"),
    ]


def test_the_weekday_tells_the_year_of_a_season_that_ran_into_august() -> None:
    parsed = parse(SPELT_DAYS, "2019-20")
    assert [(match.date, match.round, match.status) for match in parsed.matches] == [
        (date(2019, 8, 9), "Matchday 1", "awarded"),
        (date(2019, 8, 10), "Matchday 1", "played"),
        (date(2020, 8, 1), "Matchday 38", "played"),
    ]


@pytest.mark.parametrize(
    ("text", "day"),
    [("Jul 20", date(2024, 7, 20)), ("Jun/30", date(2025, 6, 30)), ("[Feb 28]", date(2025, 2, 28))],
)
def test_a_date_without_weekday_and_year_takes_the_year_of_its_half_of_the_season(
    text: str, day: date
) -> None:
    lines = f"Matchday 1\n{text}\n  North Rovers v South Town  1-1"
    assert only(parse(lines, "2024-25")).date == day


@pytest.mark.parametrize(
    ("line", "status", "goals"),
    [
        ("North Rovers  v South Town   3-0    [awarded]", "awarded", (3, 0)),
        ("North Rovers  0-3  South Town          [awarded]", "awarded", (0, 3)),
        ("North Rovers   -  South Town        [cancelled]", "cancelled", (None, None)),
        ("North Rovers  v South Town    [postponed]", "postponed", (None, None)),
        ("North Rovers  v South Town    1-0 [abandoned]", "abandoned", (1, 0)),
        ("North Rovers  v South Town    [suspended]", "abandoned", (None, None)),
        ("North Rovers  v South Town    [Annulled]", "cancelled", (None, None)),
        ("North Rovers  v South Town", "scheduled", (None, None)),
        ("North Rovers  -  South Town", "scheduled", (None, None)),
    ],
)
def test_a_note_says_what_became_of_a_match(
    line: str, status: str, goals: tuple[int | None, int | None]
) -> None:
    match = match_of(line)
    assert (match.status, (match.home_goals, match.away_goals)) == (status, goals)
    assert (match.home, match.away) == ("North Rovers", "South Town")


@pytest.mark.parametrize(
    ("line", "goals"),
    [
        ("North Rovers  v South Town   1-1 a.e.t. (0-1, 0-0)", (0, 1)),
        ("North Rovers  v South Town   1-1 a.e.t. (0-0)", (0, 0)),
        ("North Rovers  v South Town   2-4 pen. 1-0 a.e.t. (1-0, 1-0)", (1, 0)),
        ("North Rovers  3-2 pen. 1-2 a.e.t. (1-2, 1-0)  South Town", (1, 2)),
        ("North Rovers  v South Town   2-2 (1-0), 4-3 pen.", (2, 2)),
        ("North Rovers  v South Town   4-3 pen. 2-2 (1-0)", (2, 2)),
    ],
)
def test_goals_are_those_after_90_minutes(line: str, goals: tuple[int, int]) -> None:
    match = match_of(line)
    assert (match.home_goals, match.away_goals) == goals
    assert (match.home, match.away, match.status) == ("North Rovers", "South Town", "played")


def test_extra_time_without_the_score_after_90_minutes_is_not_guessed() -> None:
    parsed = parse("Matchday 1\nSat Aug 10 2024\n  North Rovers v South Town  2-1 a.e.t.", "2024-25")
    assert (parsed.matches, parsed.unparsed) == ([], [(3, "North Rovers v South Town  2-1 a.e.t.")])


@pytest.mark.parametrize(
    ("headings", "name"),
    [
        ("▪ Matchday 7", "Matchday 7"),
        ("» Regular, Matchday 7", "Matchday 7"),
        ("== Regular\nMatchday 7", "Matchday 7"),
        ("▪ Relegation\n▪▪ Matchday 23", "Relegation, Matchday 23"),
        ("▪ Relegation\n▪▪ Matchday 23\n▪▪ Matchday 24", "Relegation, Matchday 24"),
        ("▪ Relegation\n▪▪ Matchday 32\n▪ Final", "Final"),
        ("== Playoffs\nSemifinals", "Playoffs, Semifinals"),
        ("== Playoffs - Relegation\n▪ Final", "Playoffs - Relegation, Final"),
        ("== Finals", "Finals"),
        ("# Regular Season", None),
    ],
)
def test_the_round_is_named_by_the_headings_above(headings: str, name: str | None) -> None:
    assert (
        only(parse(f"{headings}\nSat Aug 10 2024\n  North Rovers v South Town  1-1", "2024-25")).round == name
    )


def test_a_match_without_time_starts_with_the_one_above_on_the_same_day() -> None:
    saturday = ["Sat Aug 10", "15:00 A Town v B Town 1-0", "C Town v D Town 1-0"]
    lines = ["Matchday 1", *saturday, "Sun Aug 11", "E Town v F Town 1-0"]
    assert [match.kickoff for match in parse("\n".join(lines), "2024-25").matches] == ["15:00", "15:00", None]


def test_goal_scorers_and_comments_are_ignored() -> None:
    scorers = ["    (Someone 12', 90+1' Other 45')", "     [Third 7']"]
    lines = ["Matchday 1", "Sat Aug 10", "  A Town v B Town 2-1 (1-1)", *scorers, "# a comment", "= A Title"]
    assert only(parse("\n".join(lines), "2024-25")).home_goals == 2


@pytest.mark.parametrize(
    "line",
    ["Attendance was low", "A Town v B Town  [moved somewhere]", "A Town  1:0  B Town", "no day at all"],
)
def test_an_unparsed_line_is_listed_with_its_number(line: str) -> None:
    parsed = parse(f"Matchday 1\nSat Aug 10\n\n  {line}\n  A Town v C Town 0-0", "2024-25")
    assert parsed.unparsed == [(4, line)]
    assert len(parsed.matches) == 1


def test_the_date_of_a_match_before_any_date_is_not_guessed() -> None:
    assert parse("Matchday 1\n  A Town v B Town 1-0", "2024-25").unparsed == [(2, "A Town v B Town 1-0")]


def test_a_day_that_does_not_exist_leaves_its_matches_unparsed() -> None:
    parsed = parse("Matchday 1\nFeb 30\n  A Town v B Town 1-0", "2024-25")
    assert (parsed.matches, parsed.unparsed) == ([], [(3, "A Town v B Town 1-0")])


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing() -> None:
    assert parse("\ufeff" + SCORE_AFTER.replace("\n", "\r\n"), "2024-25") == parse(SCORE_AFTER, "2024-25")


def test_an_empty_file_has_nothing() -> None:
    assert parse("", "2024-25") == Parsed([], None, [])
