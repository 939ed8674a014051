"""Parses the three layouts of the Football.TXT format: text in, matches and unparsed lines out."""

import re
from dataclasses import dataclass, field
from datetime import date

# Not from `calendar`, whose names follow the locale.
MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
WEEKDAY_NAMES = "Mon Tue Wed Thu Fri Sat Sun".split()
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES)}
# A month from July on belongs to the first year of a season.
FIRST_MONTH = 7
STATUS_OF_NOTE = {
    "awarded": "awarded",
    "walkover": "awarded",
    "cancelled": "cancelled",
    "annulled": "cancelled",
    "void": "cancelled",
    "postponed": "postponed",
    "abandoned": "abandoned",
    "suspended": "abandoned",
}

_ANY_MONTH, _ANY_WEEKDAY = "|".join(MONTHS), "|".join(WEEKDAYS)
_DAY = (
    rf"(?:(?P<weekday>{_ANY_WEEKDAY})[a-z]*\.?,?\s+)?"
    rf"(?P<month>{_ANY_MONTH})[a-z]*[/ ](?P<day>\d{{1,2}})(?:,?\s+(?P<year>\d{{4}}))?"
)
_LAST_DAY = rf"(?:{_ANY_WEEKDAY})\s+\w{{3}}[/ ]\d{{1,2}}(?:\s+(?P<last>\d{{4}}))?"
_TIME = r"(?:(?P<time>\d{1,2}[.:]\d{2})\s+)?"
_PAIR = r"\d+-\d+"
_PENALTIES = rf"(?:{_PAIR}\s+pen\.?\s+)?"
_EARLIER = rf"(?:\s*\((?P<earlier>{_PAIR})(?:,\s*{_PAIR})*\))?"
_SCORE = rf"{_PENALTIES}(?P<score>{_PAIR})(?P<extra>\s+a\.?e\.?t\.?)?{_EARLIER}(?:,?\s+{_PAIR}\s+pen\.?)?"
_NOTE = r"(?:\s*\[(?P<note>[^\]]*)\])?"

DATE = re.compile(rf"\[?{_DAY}\]?")
SPAN = re.compile(rf"#\s*Date\s+{_DAY}(?:\s+-\s+{_LAST_DAY})?")
TOTAL = re.compile(r"#\s*Matches\s+(\d+)")
ROUND = re.compile(r"(?P<mark>={2,}|[▪»]+)?\s*(?P<name>.+)")
BARE_ROUND = re.compile(r"(?:Matchday|Round|Week|Quarterfinals?|Semifinals?|Finals?|Play-?offs?)\b[\w ,/-]*")
BEFORE_AFTER = re.compile(rf"{_TIME}(?P<home>\S.*?)\s+v\s+(?P<away>\S.*?)(?:\s+{_SCORE})?{_NOTE}")
BETWEEN = re.compile(rf"{_TIME}(?P<home>\S.*?)\s+(?:{_SCORE}|\s-\s)\s+(?P<away>\S.*?){_NOTE}")
REGULAR = re.compile(r"^Regular(?: Season)?(?:, |$)")
GOALS = re.compile(r".*\d'.*")


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
    first_year: int
    last_year: int
    rounds: list[tuple[int, str]] = field(default_factory=list)
    day: date | None = None
    kickoff: str | None = None
    declared: int | None = None
    matches: list[Match] = field(default_factory=list)
    unparsed: list[tuple[int, str]] = field(default_factory=list)

    def read(self, line: str, number: int) -> None:
        """Read one line: a header, a day, the heading of a round, a match or its goal scorers."""
        if line.startswith("#"):
            self._read_header(line)
        elif day := DATE.fullmatch(line):
            self.day, self.kickoff = self._date(day), None
        elif line[0] in "=▪»" or BARE_ROUND.fullmatch(line):
            self._read_round(line)
        elif text := (BEFORE_AFTER if " v " in line else BETWEEN).fullmatch(line):
            self._read_match(text, number)
        elif not GOALS.fullmatch(line):
            self.unparsed.append((number, line))

    def _read_header(self, line: str) -> None:
        if span := SPAN.match(line):
            self.first_year = int(span["year"] or self.first_year)
            self.last_year = int(span["last"] or self.first_year + 1)
        elif total := TOTAL.match(line):
            self.declared = int(total[1])

    def _date(self, text: re.Match[str]) -> date | None:
        month = MONTHS[text["month"]]
        day = int(text["day"])
        if text["year"]:
            return _day(int(text["year"]), month, day)
        usual = self.first_year if month >= FIRST_MONTH else self.last_year
        years = [usual, *range(self.first_year, self.last_year + 1)]
        candidates = [_day(year, month, day) for year in years]
        # The weekday tells the year: in 2019-20, August is both the beginning and the end of the season.
        weekday = WEEKDAYS.get(text["weekday"] or "")
        return next((each for each in candidates if each and each.weekday() == weekday), candidates[0])

    def _read_round(self, line: str) -> None:
        heading = ROUND.fullmatch(line)
        if heading is None or _is_title(line):
            return
        mark = heading["mark"] or ""
        depth = 0 if mark.startswith("=") else len(mark) or 1
        above = [(level, name) for level, name in self.rounds if level < depth]
        self.rounds = [*above, (depth, heading["name"].strip())]
        self.kickoff = None

    def _read_match(self, text: re.Match[str], number: int) -> None:
        """Read a match; without a day, a known status or clear goals its line counts as unparsed."""
        status = _status(text)
        score = text["earlier"] if text["extra"] else text["score"]
        if self.day is None or status is None or (text["extra"] and not score):
            self.unparsed.append((number, text[0]))
            return
        # A match without a time starts with the one above it, if that is on the same day.
        self.kickoff = _time(text["time"]) if text["time"] else self.kickoff
        home_goals, away_goals = map(int, score.split("-")) if score else (None, None)
        setting = (self._round_name(), self.day, self.kickoff, text["home"], text["away"])
        self.matches.append(Match(*setting, home_goals, away_goals, status, number))

    def _round_name(self) -> str | None:
        names = ", ".join(name for _, name in self.rounds)
        return REGULAR.sub("", names) or None


def _is_title(line: str) -> bool:
    return line.startswith("=") and not line.startswith("==")


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _time(text: str) -> str:
    return text.replace(".", ":").zfill(5)


def _status(text: re.Match[str]) -> str | None:
    if text["note"] is not None:
        return STATUS_OF_NOTE.get(text["note"].strip().lower())
    return "played" if text["score"] else "scheduled"


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
    parser = _Parser(first_year, first_year + 1)
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        if line.strip():
            parser.read(line.strip(), number)
    return Parsed(parser.matches, parser.declared, parser.unparsed)
