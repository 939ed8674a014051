"""Reads the three layouts of the Football.TXT format: text in, matches and unparsed lines out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

# Not from `calendar`, whose names follow the locale.
MONTHS = dict(
    zip(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        range(1, 13),
        strict=True,
    )
)
WEEKDAYS = dict(zip(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), range(7), strict=True))
NOTES = {
    "awarded": "awarded",
    "walkover": "awarded",
    "cancelled": "cancelled",
    "annulled": "cancelled",
    "void": "cancelled",
    "postponed": "postponed",
    "abandoned": "abandoned",
    "suspended": "abandoned",
}

_DAY = rf"(?:(?P<weekday>{'|'.join(WEEKDAYS)})[a-z]*\.?,?\s+)?(?P<month>{'|'.join(MONTHS)})[a-z]*[/ ](?P<day>\d{{1,2}})(?:,?\s+(?P<year>\d{{4}}))?"
_TIME = r"(?:(?P<time>\d{1,2}[.:]\d{2})\s+)?"
_PAIR = r"\d+-\d+"
_PENALTIES = rf"(?:{_PAIR}\s+pen\.?\s+)?"
_EARLIER = rf"(?:\s*\((?P<earlier>{_PAIR})(?:,\s*{_PAIR})*\))?"
_SCORE = rf"{_PENALTIES}(?P<score>{_PAIR})(?P<extra>\s+a\.?e\.?t\.?)?{_EARLIER}(?:,?\s+{_PAIR}\s+pen\.?)?"
_NOTE = r"(?:\s*\[(?P<note>[^\]]*)\])?"

DATE = re.compile(rf"\[?{_DAY}\]?")
SPAN = re.compile(
    rf"#\s*Date\s+{_DAY}(?:\s+-\s+(?:{'|'.join(WEEKDAYS)})\s+\w{{3}}[/ ]\d{{1,2}}(?:\s+(?P<last>\d{{4}}))?)?"
)
TOTAL = re.compile(r"#\s*Matches\s+(\d+)")
ROUND = re.compile(r"(?P<mark>={2,}|[▪»]+)?\s*(?P<name>.+)")
BARE_ROUND = re.compile(r"(?:Matchday|Round|Week|Quarterfinals?|Semifinals?|Finals?|Play-?offs?)\b[\w ,/-]*")
BEFORE_AFTER = re.compile(rf"{_TIME}(?P<home>\S.*?)\s+v\s+(?P<away>\S.*?)(?:\s+{_SCORE})?{_NOTE}")
BETWEEN = re.compile(rf"{_TIME}(?P<home>\S.*?)\s+(?:{_SCORE}|\s-\s)\s+(?P<away>\S.*?){_NOTE}")
REGULAR = re.compile(r"^Regular(?: Season)?(?:, |$)")
GOALS = re.compile(r".*\d'.*")


@dataclass(frozen=True)
class Match:
    """One match as written; goals are those after 90 minutes, also where extra time or penalties followed."""

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
    """The matches of one file, the number of matches its header promises, and every line that was not understood."""

    matches: list[Match]
    promised: int | None
    unparsed: list[tuple[int, str]]


@dataclass
class _Reader:
    first_year: int
    last_year: int
    rounds: list[tuple[int, str]] = field(default_factory=list)
    day: date | None = None
    kickoff: str | None = None
    promised: int | None = None

    def take(self, line: str, number: int) -> Iterator[Match | None]:
        """Yield the match of this line, nothing where the line only sets the scene, None where it is not understood."""
        if line.startswith("#"):
            self._header(line)
        elif line[0] == "=" and not line.startswith("=="):
            return
        elif found := DATE.fullmatch(line):
            self.day, self.kickoff = self._date(found), None
        elif line[0] in "=▪»" or BARE_ROUND.fullmatch(line):
            self._round(line)
        elif found := (BEFORE_AFTER if " v " in line else BETWEEN).fullmatch(line):
            yield self._match(found, number)
        elif not GOALS.fullmatch(line):
            yield None

    def _header(self, line: str) -> None:
        if found := SPAN.match(line):
            self.first_year = int(found["year"] or self.first_year)
            self.last_year = int(found["last"] or self.first_year + 1)
        elif found := TOTAL.match(line):
            self.promised = int(found[1])

    def _date(self, found: re.Match[str]) -> date | None:
        month, day = MONTHS[found["month"]], int(found["day"])
        if found["year"]:
            return _day(int(found["year"]), month, day)
        usual = self.first_year if month >= 7 else self.last_year
        candidates = [_day(year, month, day) for year in (usual, *range(self.first_year, self.last_year + 1))]
        # The weekday tells the year: it is what keeps a season that ran into August apart from its beginning.
        wanted = WEEKDAYS.get(found["weekday"] or "")
        return next((each for each in candidates if each and each.weekday() == wanted), candidates[0])

    def _round(self, line: str) -> None:
        found = ROUND.fullmatch(line)
        if found is None:
            return
        mark = found["mark"] or ""
        depth = 0 if mark.startswith("=") else len(mark) or 1
        above = [(level, name) for level, name in self.rounds if level < depth]
        self.rounds = [*above, (depth, found["name"].strip())]
        self.kickoff = None

    def _match(self, found: re.Match[str], number: int) -> Match | None:
        status = _status(found)
        score = found["earlier"] if found["extra"] else found["score"]
        if self.day is None or status is None or (found["extra"] and not score):
            return None
        # A match without a time starts with the one above it, if that is on the same day.
        self.kickoff = found["time"].replace(".", ":").zfill(5) if found["time"] else self.kickoff
        home_goals, away_goals = map(int, score.split("-")) if score else (None, None)
        home, away = found["home"], found["away"]
        return Match(
            self._round_name(), self.day, self.kickoff, home, away, home_goals, away_goals, status, number
        )

    def _round_name(self) -> str | None:
        return REGULAR.sub("", ", ".join(name for _, name in self.rounds)) or None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _status(found: re.Match[str]) -> str | None:
    if found["note"] is not None:
        return NOTES.get(found["note"].strip().lower())
    return "played" if found["score"] else "scheduled"


def parse(text: str, season: str) -> Parsed:
    """Parse one file of the season '2024-25', which gives the years of dates written without one.

    >>> text = "Matchday 1\\n[Sat Aug/8]\\n  12.45  Manchester United  1-0 (1-0)  Tottenham Hotspur\\n  what is this?"
    >>> parsed = parse(text, "2015-16")
    >>> parsed.matches[0].date, parsed.matches[0].kickoff, parsed.matches[0].home_goals, parsed.matches[0].away
    (datetime.date(2015, 8, 8), '12:45', 1, 'Tottenham Hotspur')
    >>> parsed.unparsed
    [(4, 'what is this?')]
    """
    reader = _Reader(first_year=int(season[:4]), last_year=int(season[:4]) + 1)
    lines = [
        (number, line.strip()) for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1)
    ]
    taken = [((number, line), list(reader.take(line, number))) for number, line in lines if line]
    unparsed = [where for where, found in taken if found == [None]]
    matches = [match for match in chain.from_iterable(found for _, found in taken) if match is not None]
    return Parsed(matches, reader.promised, unparsed)
