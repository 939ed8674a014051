"""Parses the Football.TXT format: text in, matches and lines that were not understood out."""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date

from almanac.workloads.football.sources import txt_days
from almanac.workloads.football.sources.txt_days import DAY, SPAN, TIME, Years, clock
from almanac.workloads.football.sources.txt_details import Details
from almanac.workloads.football.sources.txt_matches import MatchLine, read_match

MOST_CHARACTERS = 500
DAY_LINE = re.compile(rf"(?P<open>\[)?{DAY}(?:,?\s+{TIME})?(?:\s+@\s*(?P<place>\S.*))?(?(open)\])")
TOTAL = re.compile(r"#\s*Matches\s+(\d+)")
COMMENT = re.compile(r"\s#+(?:\s.*)?$")
ROUND = re.compile(r"(?P<mark>={2,}|[▪»]+)?\s*(?P<name>.+?):?")
BARE_ROUND = re.compile(
    r"(?:Matchday|Gameweek|Round|Week|Group|Regular Season|(?:Quarter|Semi)[- ]?finals?|Finals?|Play-?offs?"
    r"|Third[ -]place|Preliminary|Qualifying|Knockout|1/\d{1,2} Finals?"
    r"|\d{1,2}(?:\.|st|nd|rd|th) (?:Round|Runde|Spieltag))"
    r"\b[\w ,/-]*:?",
    re.IGNORECASE,
)
DEFINITION = re.compile(r"(?:Group|Matchday|Round|Week|Stage)\b[^|]*\|[^|]*", re.IGNORECASE)
RULE = re.compile(r"[-_*~.]{3,}")
PAIRING = re.compile(r"\s(?:v|vs\.?)\s|\s\d{1,2}[-–]\d{1,2}(?:\s|$)")
REGULAR = re.compile(r"^Regular(?: Season)?(?:, |$)")


@dataclass(frozen=True)
class Match:
    """One match as written. Goals are those after 90 minutes, also if extra time or penalties followed."""

    round: str | None
    date: date
    kickoff: str | None
    home: str
    away: str
    home_goals: int | None
    away_goals: int | None
    status: str
    line: int


@dataclass(frozen=True)
class Parsed:
    """The content of one file: its matches, the count that its header declares, and every other line."""

    matches: list[Match]
    declared: int | None
    unparsed: list[tuple[int, str]]


@dataclass
class _Parser:
    years: Years
    rounds: list[tuple[int, str]] = field(default_factory=list)
    round_name: str | None = None
    day: date | None = None
    kickoff: str | None = None
    declared: int | None = None
    matches: list[Match] = field(default_factory=list)
    unparsed: list[tuple[int, str]] = field(default_factory=list)
    details: Details = field(default_factory=Details)

    def read(self, line: str, number: int) -> None:
        """Read one line: a header, a day, the heading of a round, a match or details of it."""
        if len(line) > MOST_CHARACTERS:
            self._refuse(line[:MOST_CHARACTERS], number)
        elif line.startswith("#"):
            self._read_header(line)
        elif not self._read_structure(line, number):
            self._read_content(line, number)

    def _read_header(self, line: str) -> None:
        if span := SPAN.match(line):
            self.years.take_span(span)
        elif total := TOTAL.match(line):
            self.declared = int(total[1])

    def _read_structure(self, line: str, number: int) -> bool:
        """Read a day or a heading; return False if the line is neither."""
        if (day := DAY_LINE.fullmatch(line)) and not PAIRING.search(day["place"] or ""):
            self._read_day(day, line, number)
        elif line[0] in "=▪»" or (BARE_ROUND.fullmatch(line) and not PAIRING.search(line)):
            self._read_round(line, number)
        elif not (("|" in line and DEFINITION.fullmatch(line)) or RULE.fullmatch(line)):
            return False
        self.details.close()
        return True

    def _read_day(self, text: re.Match[str], line: str, number: int) -> None:
        self.day = self.years.date(text)
        self.kickoff = clock(text["time"]) if text["time"] else None
        is_other_weekday = self.day is not None and not txt_days.is_on_weekday(self.day, text)
        if is_other_weekday or (text["time"] and self.kickoff is None):
            # A day of another weekday is a day all the same: its matches stay, the contradiction is listed.
            self.unparsed.append((number, line))

    def _read_round(self, line: str, number: int) -> None:
        heading = ROUND.fullmatch(line)
        if heading is None or _is_title(line):
            return
        if PAIRING.search(heading["name"]) or txt_days.names_a_day(heading["name"]):
            self._refuse(line, number)
            return
        mark = heading["mark"] or ""
        depth = 0 if mark.startswith("=") else len(mark) or 1
        above = [(level, name) for level, name in self.rounds if level < depth]
        self.rounds = [*above, (depth, heading["name"].strip())]
        names = ", ".join(name for _, name in self.rounds)
        self.round_name = REGULAR.sub("", names) or None
        self.kickoff = None

    def _read_content(self, line: str, number: int) -> None:
        match = read_match(line)
        if self.details.is_open and (match is None or match.is_fixture_with_dash):
            self.details.go_on(line)
        elif match is not None:
            self._read_match(match, line, number)
        elif self.details.take(line):
            self._take_status()
        else:
            self._refuse(line, number)

    def _read_match(self, match: MatchLine, line: str, number: int) -> None:
        """Read a match; without a clear day its line counts as unparsed."""
        if match.day:
            self.day, self.kickoff = self.years.date(match.day), None
            if self.day and not txt_days.is_on_weekday(self.day, match.day):
                self.day = None
        if self.day is None:
            self.unparsed.append((number, line))
            self.details.close()
            return
        # A match without a time starts with the one above it, if that is on the same day.
        self.kickoff = match.time or self.kickoff
        home_goals, away_goals = match.goals or (None, None)
        setting = (self.round_name, self.day, self.kickoff, match.home, match.away)
        self.matches.append(Match(*setting, home_goals, away_goals, match.status, number))
        self.details.follow(match)

    def _take_status(self) -> None:
        if self.details.status:
            self.matches[-1] = replace(self.matches[-1], status=self.details.status)

    def _refuse(self, line: str, number: int) -> None:
        """List a line. What it may have said of day and time is unknown from here on."""
        self.unparsed.append((number, line))
        self.details.close()
        if txt_days.may_be_day(line):
            self.day = None
        if re.match(TIME, line):
            self.kickoff = None


def _is_title(line: str) -> bool:
    return line.startswith("=") and not line.startswith("==")


def _content(line: str) -> str:
    """Return a line without the comment behind it."""
    if "#" not in line or line.startswith("#"):
        return line
    return COMMENT.sub("", line).rstrip()


def parse(text: str, season: str) -> Parsed:
    """Parse one file of the season '2024-25', which gives the years of dates written without one.

    >>> lines = ["Matchday 1", "[Sat Aug/8]", "  12.45  Manchester United  1-0 (1-0)  Spurs", "  what?"]
    >>> parsed = parse("\\n".join(lines), "2015-16")
    >>> match = parsed.matches[0]
    >>> match.date, match.kickoff, match.home_goals, match.away
    (datetime.date(2015, 8, 8), '12:45', 1, 'Spurs')
    >>> parsed.unparsed
    [(4, 'what?')]
    """
    first_year = int(season[:4])
    parser = _Parser(Years(first_year, first_year + 1))
    plain = unicodedata.normalize("NFC", text.lstrip("\ufeff")).replace("\u00a0", " ")
    for number, line in enumerate(plain.splitlines(), start=1):
        if content := _content(line.strip()):
            parser.read(content, number)
    return Parsed(parser.matches, parser.declared, parser.unparsed)
