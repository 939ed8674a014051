"""Reads the days of a Football.TXT file: month before day, with or without weekday and year."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

# Not from `calendar`, whose names follow the locale.
MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
WEEKDAY_NAMES = "Mon Tue Wed Thu Fri Sat Sun".split()
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES)}
# A month from July on belongs to the first year of a season.
FIRST_MONTH = 7
HOURS, MINUTES = 24, 60

_MONTH = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?"
    "|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
)
_WEEKDAY = (
    "Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:rs?(?:day)?)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"
)
DAY = (
    rf"(?:(?P<weekday>{_WEEKDAY})\.?,?\s+)?"
    rf"(?P<month>{_MONTH})\.?(?:/|\s+)(?P<day>\d{{1,2}})(?!\d)(?:,?\s+(?P<year>\d{{4}})(?!\d))?"
)
_ZONE = r"(?:\s*\(?(?:(?:UTC|GMT)(?:\s?[+-]\d{1,2}(?::?\d{2})?)?|BST|CES?T|EES?T|WES?T|MSK|[ECMP][SD]T)\)?)?"
TIME = rf"(?P<time>\d{{1,2}}[.:h]\d{{2}})(?:\s*h)?{_ZONE}"
_LAST_DAY = rf"(?:{_WEEKDAY})\s+\w{{3}}[/ ]\d{{1,2}}(?:\s+(?P<last>\d{{4}}))?"
SPAN = re.compile(rf"#\s*Dates?\s+{DAY}(?:\s+-\s+{_LAST_DAY})?")

_SHORT = 5
_WORDS_OF_DATES = re.compile(rf"\b(?:{_WEEKDAY}|{_MONTH})\b")
_MONTH_AND_DAY = re.compile(rf"\b(?:{_MONTH})\.?[/ ]\s*\d|\d{{1,2}}(?:\.|st|nd|rd|th)?\s+(?:{_MONTH})\b")
_NUMERIC_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1(?:\d{2,4}|\s|$)")
_DAY_NUMBER = re.compile(r"(?:0?[1-9]|[12]\d|3[01])(?:\.|,|st|nd|rd|th)?")
_PAIR = re.compile(r"\d\s*[-:–]\s*\d|\s-\s|\d['’]")


@dataclass
class Years:
    """The years of a season, for days that are written without one."""

    first: int
    last: int

    def take_span(self, span: re.Match[str]) -> None:
        """Take the years that the header of the file declares."""
        self.first = int(span["year"] or self.first)
        self.last = int(span["last"] or self.first + 1)

    def date(self, text: re.Match[str]) -> date | None:
        """Return the date of a day, None if the calendar has no such day."""
        month, day = MONTHS[text["month"][:3]], int(text["day"])
        if text["year"]:
            return _date(int(text["year"]), month, day)
        usual = self.first if month >= FIRST_MONTH else self.last
        years = [usual, *range(self.first, self.last + 1)]
        candidates = [_date(year, month, day) for year in years]
        # The weekday tells the year: in 2019-20, August is both the beginning and the end of the season.
        weekday = WEEKDAYS.get((text["weekday"] or "")[:3])
        return next((each for each in candidates if each and each.weekday() == weekday), candidates[0])


def is_on_weekday(day: date, text: re.Match[str]) -> bool:
    """Return whether a day falls on the weekday that was written, if one was."""
    return not text["weekday"] or day.weekday() == WEEKDAYS[text["weekday"][:3]]


def clock(text: str) -> str | None:
    """Return a time of day as HH:MM, None if no day has it.

    >>> clock("9.05"), clock("18h00"), clock("25:00")
    ('09:05', '18:00', None)
    """
    hour, minute = (int(part) for part in re.split(r"[.:h]", text))
    return f"{hour:02d}:{minute:02d}" if hour < HOURS and minute < MINUTES else None


def names_a_day(heading: str) -> bool:
    """Return whether a heading carries a day of the month."""
    return _MONTH_AND_DAY.search(heading) is not None


def may_be_day(line: str) -> bool:
    """Return whether a line that was not understood may have set another day.

    >>> [may_be_day(line) for line in ("Sat 10 Aug 2024", "Samedi 10 août", "10.08.2024", "Kickoff delayed")]
    [True, True, True, False]
    """
    if _NUMERIC_DATE.search(line):
        return True
    if _WORDS_OF_DATES.search(line) and any(map(str.isdigit, line)):
        return True
    words = line.strip("[]()").split()
    return len(words) <= _SHORT and not _PAIR.search(line) and _has_day_and_word(words)


def _has_day_and_word(words: Iterable[str]) -> bool:
    words = list(words)
    return any(map(_DAY_NUMBER.fullmatch, words)) and any(word[:1].isalpha() for word in words)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
