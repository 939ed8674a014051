"""Football.TXT: a line is understood whole, or it stands among the unparsed ones; no club is made up."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from almanac.workloads.football.sources.football_txt import Parsed, parse
from almanac.workloads.football.sources.txt_names import is_club_name

HOME, AWAY = "North Rovers", "South Town"


def read(*lines: str, season: str = "2024-25") -> Parsed:
    """Parse lines below a round and a day; the first of them has number 3."""
    return parse("\n".join(["Matchday 1", "Sat Aug 10 2024", *lines]), season)


def row(line: str) -> tuple[object, ...]:
    """Return clubs, goals and status of the one match of a line."""
    parsed = read(line)
    assert parsed.unparsed == []
    (match,) = parsed.matches
    return match.home, match.away, match.home_goals, match.away_goals, match.status


def unparsed(*lines: str) -> list[str]:
    parsed = read(*lines)
    assert parsed.matches == []
    return [text for _, text in parsed.unparsed]


@pytest.mark.parametrize(
    ("line", "goals", "status"),
    [
        (f"{HOME} v {AWAY} 3-0 awd.", (3, 0), "awarded"),
        (f"{HOME}  3-0awd  {AWAY}", (3, 0), "awarded"),
        (f"{HOME} 0-3 awd. {AWAY} [originally 1-0]", (0, 3), "awarded"),
        (f"{HOME} v {AWAY}  0-3 [awarded - {HOME} withdrew]", (0, 3), "awarded"),
        (f"{HOME} 3-0 {AWAY}  [WO - {AWAY} withdrew]", (3, 0), "awarded"),
        (f"{HOME} v {AWAY} (w/o)", (None, None), "awarded"),
        (f"{HOME}  W/O  {AWAY}", (None, None), "awarded"),
        (f"{HOME} v {AWAY}  1-0 abd.", (1, 0), "abandoned"),
        (f"{HOME} abd. {AWAY} [at 1-1, replay ordered]", (None, None), "abandoned"),
        (f"{HOME} v {AWAY} 1-1 [Abandoned - crowd trouble]", (1, 1), "abandoned"),
        (f"{HOME}  ppd.  {AWAY}", (None, None), "postponed"),
        (f"{HOME} v {AWAY} (postponed)", (None, None), "postponed"),
        (f"{HOME} P-P {AWAY}", (None, None), "postponed"),
        (f"{HOME} canc. {AWAY} [competition void]", (None, None), "cancelled"),
        (f"{HOME} v {AWAY} [canceled]", (None, None), "cancelled"),
        (f"{HOME} 2-0 {AWAY} [void - result expunged]", (2, 0), "cancelled"),
    ],
)
def test_a_status_in_the_line_or_in_its_note_is_read(
    line: str, goals: tuple[int | None, int | None], status: str
) -> None:
    assert row(line) == (HOME, AWAY, *goals, status)


@pytest.mark.parametrize(
    ("score", "goals"),
    [
        ("4-3 pen. (1-1, 0-1)", (1, 1)),
        ("2-4 pen. (0-0)", (0, 0)),
        ("9-10 pen (2-2, 0-1)", (2, 2)),
        ("4-3 pen. 1-1 a.e.t. (1-1, 0-1)", (1, 1)),
        ("10-11 pen. 0-0 a.e.t. (0-0)", (0, 0)),
        ("1-1 a.e.t. (1-1), 5-4 pen.", (1, 1)),
        ("2-1 aet (1-1, 0-0)", (1, 1)),
        ("1-2 AET (1-2, 1-0)", (1, 2)),
        ("3-2 pen. (2-1, 1-0)", (2, 1)),
    ],
)
@pytest.mark.parametrize("layout", ["{home} v {away} {score}", "{home}  {score}  {away}"])
def test_extra_time_and_shoot_outs_are_not_counted(score: str, goals: tuple[int, int], layout: str) -> None:
    line = layout.format(home=HOME, away=AWAY, score=score)
    assert row(line) == (HOME, AWAY, *goals, "played")


@pytest.mark.parametrize(
    "line",
    [
        f"1. {HOME} 22 14 4 4  21-16  46 [2 0 2 0]",
        f"1.{HOME}           3  1  2  0   4- 2   5  Qualified",
        f"{HOME} 22 14  21-16  46 {AWAY}",
        f"{HOME}  4-3 pen. (1-0)  {AWAY}",
        f"{HOME}  4-4 pen. (1-1, 0-1)  {AWAY}",
        f"{HOME} v {AWAY} 2-1 a.e.t.",
        f"{HOME} v {AWAY} 1-1 a.e.t. (2-1, 0-0)",
        f"{HOME} 2-2 {AWAY} (AET, 4-3 pens)",
        f"{HOME} 2-2 (4-3) {AWAY}",
        f"{HOME} 2-1 {AWAY} (4-3 pens)",
        f"{HOME} 2-1 {AWAY} (HT)",
        f"{HOME} 1-0 {AWAY} [65']",
        f"{HOME} v {AWAY} 1-0 0-1",
        f"{HOME} 3-0 {AWAY} 2-1",
        f"{HOME} v {AWAY} 1 - 0",
        f"{HOME}  1 - 0  {AWAY}",
        f"{HOME} v {AWAY} 100-0",
        f"{HOME} v {AWAY} ?-?",
        f"{HOME} v {AWAY} 15:00",
        f"{HOME} v {AWAY} #1",
        f"{HOME} v {AWAY}@home 1-0",
        f"{HOME} v {AWAY} @ The Ground 1-0",
        f"{HOME} v {AWAY} @",
        f"{HOME} v {AWAY} (1) 1-0",
        f"{HOME} v {AWAY} v East United 1-0",
        f"{HOME} v {AWAY} 0-0 [postponed]",
        f"{HOME} v {AWAY} 1-0 abd. [awarded]",
        f"{HOME} v {AWAY} 2-1 [moved somewhere]",
        f"25:00 {HOME} v {AWAY} 1-0",
        f"{HOME}: Neuer  -  Kimmich, Tah",
        f"{HOME}  -  Winner Match 45",
        f"W45  -  {AWAY}",
        f"Runner-up Group A v {AWAY}",
        f"{HOME}  -  TBD",
        f"{HOME} v None",
        f"{HOME} v 1-0",
        f"{HOME} v ?",
    ],
)
def test_a_half_understood_line_is_unparsed(line: str) -> None:
    assert unparsed(line) == [line]


@pytest.mark.parametrize(
    ("line", "kickoff"),
    [
        (f"15:00 UTC+1  {HOME} v {AWAY} 2-1", "15:00"),
        (f"9.05  {HOME} v {AWAY} 2-1", "09:05"),
        (f"18h30  {HOME} v {AWAY} 2-1", "18:30"),
        (f"21:00 CET {HOME} 2-1 {AWAY}", "21:00"),
        (f"(14) Sat Aug/10 18:00  {HOME}  2-1 (1-0)  {AWAY}  @ Ground Arena, Town", "18:00"),
        (f"Aug 10 2024   {HOME}  2-1  {AWAY}   @ Town, ARG  (att: 50,580)", None),
        (f"{HOME} v {AWAY} 2-1 Att: 60315", None),
        (f"{HOME} v {AWAY} 2-1 (1-0)  [agg 3-2]  # a comment", None),
        (f"{HOME} 2-1 {AWAY} (FT)", None),
        (f"@ The Ground (Town)   {HOME} 2-1 {AWAY}", None),
        (f"15:00 AFC {HOME} v {AWAY} 2-1", "15:00"),
    ],
)
def test_what_stands_around_a_match_is_understood(line: str, kickoff: str | None) -> None:
    (match,) = read(line).matches
    assert (match.kickoff, match.date, match.home_goals, match.away_goals) == (
        kickoff,
        date(2024, 8, 10),
        2,
        1,
    )
    assert (match.home.removeprefix("AFC "), match.away) == (HOME, AWAY)


@pytest.mark.parametrize(
    "name",
    [
        *("1. FC Heidenheim 1846", "1899 Hoffenheim", "FC Twente '65", "SV 07 Elversberg", "Hannover 96 II"),
        *("Real Madrid (ESP)", "Brighton & Hove Albion FC", "SV Stripfing/Weiden", "'s-Hertogenbosch"),
        *(
            "Atlético 3 de Febrero",
            "1.FC Köln",
            "EB/Streymur",
            "B36 Tórshavn",
            "Queen's Park",
            "Finale Ligure",
        ),
        *("C'Chartres Football", "FC 93 Bobigny", "St. Louis City SC", "9 de Octubre", "FC Bourg-Péronnas"),
    ],
)
def test_names_of_real_clubs_are_names(name: str) -> None:
    assert is_club_name(name)
    assert row(f"{name} v {AWAY} 1-0")[0] == name


EURO = """\
= Euro 2024
Group A  |  Germany   Scotland     Hungary   Switzerland
Matchday 1 | Fri Jun/14 - Tue Jun/18
Group A:
 (1) Fri Jun/14 21:00         Germany   5-1 (3-0)  Scotland     @ Arena, München
        [One 10' Two 45+1' (pen.); Three 87' (o.g.)]
  Germany:    Keeper - Back, Other [Y] (46' Sub),
              Middle   -   Wing (63' Second).
  Scotland:   Keeper – Back [R 44'],
              Last
Round of 16
(41) Mon Jul/1 21:00     Portugal  3-0 pen. 0-0 a.e.t. (0-0, 0-0)  Slovenia  @ Waldstadion, Frankfurt  # Win
Quarter-finals
(45) Fri Jul/5 18:00   Spain        -  Germany        @ Arena, Stuttgart     # Winner Match 39
(49) Tue Jul/9 21:00   Winner Match 45  - Winner Match 46  @ Arena, München
"""


def test_a_tournament_is_read_with_groups_grounds_and_line_ups() -> None:
    parsed = parse(EURO, "2024")
    assert [(match.line, match.round, f"{match.date}", match.home) for match in parsed.matches] == [
        (5, "Group A", "2024-06-14", "Germany"),
        (12, "Round of 16", "2024-07-01", "Portugal"),
        (14, "Quarter-finals", "2024-07-05", "Spain"),
    ]
    assert [number for number, _ in parsed.unparsed] == [15]


def test_a_day_line_may_hold_time_ground_and_attendance() -> None:
    lines = ["Fri Aug 16 19:00 UTC+1 @ The Ground, Town, Att: 60315", f"{HOME} v {AWAY}  4-2 (1-0)"]
    lines += ["   (ONE 37', Two 49';", "    Three 64', 76')", "Refs: Some One, Another", f"{HOME}: A - B [c]"]
    parsed = read(*lines)
    assert parsed.unparsed == []
    assert [(f"{match.date}", match.kickoff) for match in parsed.matches] == [("2024-08-16", "19:00")]


def test_a_note_below_a_match_gives_it_its_status() -> None:
    parsed = read(f"{HOME} v {AWAY} 3-0", "[awarded; originally 0-1]", f"{AWAY} v {HOME} 1-0")
    assert [match.status for match in parsed.matches] == ["awarded", "played"]


def test_details_without_a_match_above_are_listed() -> None:
    assert unparsed("(Someone 12')") == ["(Someone 12')"]


def test_an_open_list_of_scorers_swallows_no_match() -> None:
    parsed = read(f"{HOME} v {AWAY} 1-0", "(Someone 12',", f"{AWAY} v {HOME} 2-0")
    assert [match.home for match in parsed.matches] == [HOME, AWAY]


@pytest.mark.parametrize(
    "line",
    [
        *("Sat 10 Aug 2024", "Samedi 10 août", "10.08.2024", "2024-08-10", "10/8/24", "Sat Foo 31"),
        *("[Sat Aug/10", "Saturday 10th August", "Sa 10. Aug.", "Sat Aug 10 - Sun"),
        *("Matchday 2 - Sat Aug 10", "▪ Matchday 2, Aug 10", "10 Aug"),
    ],
)
def test_behind_a_day_that_is_not_understood_no_match_has_a_day(line: str) -> None:
    lines = ["Fri Aug 9 2024", line, f"{HOME} v {AWAY} 1-0"]
    assert unparsed(*lines) == [line, f"{HOME} v {AWAY} 1-0"]
    assert len(read(*lines, "Sun Aug 11", f"{AWAY} v {HOME} 1-0").matches) == 1


@pytest.mark.parametrize("line", ["Fri Aug 10 2024", "[Sun Aug/10 2024]", "Monday, August 10, 2024"])
def test_a_wrong_weekday_is_listed_and_the_day_stays(line: str) -> None:
    parsed = read(line, f"{HOME} v {AWAY} 1-0")
    assert parsed.unparsed == [(3, line)]
    assert [match.date for match in parsed.matches] == [date(2024, 8, 10)]


def test_a_line_that_is_not_understood_hands_its_time_to_no_other_match() -> None:
    lines = ["15:00 A Town v B Town 1-0", "17:30 C Town v Winner Match 3", "D Town v E Town 1-0"]
    assert [match.kickoff for match in read(*lines).matches] == ["15:00", None]


WORDS = st.sampled_from(
    f"{HOME}|{AWAY}|v|-|3-0|(1-0)|(1-1, 0-1)|pen.|4-3 pen.|a.e.t.|awd.|abd.|@|Ground|#|[awarded]|[2 0]|22"
    "|14|1.|15:00|Sat Aug 10|(w/o)|vs|,|:|12'|Att: 5|\t|  ".split("|")
)


@given(st.lists(WORDS, min_size=1, max_size=9))
@example([HOME, "v", AWAY, "3-0", "awd."])
@example(["1.", HOME, "22", "14", "3-0", "22"])
def test_whatever_a_line_holds_its_clubs_are_clubs(words: list[str]) -> None:
    line = " ".join(words)
    parsed = read(line)
    assert {name for match in parsed.matches for name in (match.home, match.away)} <= {
        *(HOME, AWAY, f"{HOME} {AWAY}", f"{AWAY} {HOME}", f"{HOME} {HOME}", f"{AWAY} {AWAY}", "Ground"),
        *(name for name in _runs(words) if is_club_name(name)),
    }


def _runs(words: list[str]) -> set[str]:
    return {
        " ".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)
    }


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    parsed = read(text)
    assert all(is_club_name(match.home) and is_club_name(match.away) for match in parsed.matches)


def test_a_line_of_a_megabyte_is_cut_and_listed() -> None:
    assert [len(text) for text in unparsed("a b " * 250_000)] == [500]
