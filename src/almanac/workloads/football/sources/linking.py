"""Links rows of other sources to known matches: clubs by their spellings, matches by their days."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Self

import pandas as pd

from almanac.errors import UsageError
from almanac.fields import printable
from almanac.workloads.football.sources import clubs
from almanac.workloads.football.sources.clubs import UnmatchedClub
from almanac.workloads.football.sources.openfootball import LEAGUES

# A match to come may still move; the return match is months away. A match that was played stays on its day,
# which a time zone shifts by one at most.
NEAR_DAYS = {"scheduled": 30, "postponed": 30, "gone": -1}
OWN_DAYS = 1
MOST_CHARACTERS = 200
UNMATCHED_COLUMNS = ["country", "name", "candidates"]

# What reading a member of an item raises where the item is not as its source documents it.
UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, UsageError)


class BadRow(NamedTuple):
    """An item of a source that cannot be used."""

    file: str
    line: int
    reason: str
    text: str


@dataclass
class Problems:
    """What a source sent that cannot be used: rows, club names, and parts that the source refused."""

    rows: list[BadRow] = field(default_factory=list)
    names: set[UnmatchedClub] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def add_row(self, file: str, number: int, error: Exception, item: object) -> None:
        """Record an item that cannot be parsed."""
        self.add(file, number, f"{type(error).__name__}: {printable(str(error))}", item)

    def add(self, file: str, number: int, reason: str, item: object) -> None:
        """Record an item that is left out for this reason."""
        self.rows.append(BadRow(file, number, reason, printable(str(item))[:MOST_CHARACTERS]))


def name_of(value: object) -> str:
    """Return a name that a source sent; raises ValueError where it sent none or one that cannot be stored."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a club is not decided yet")
    if not value.isprintable():
        raise ValueError(f"the name '{printable(value)}' holds characters that no name has")
    return value.strip()


class Meeting(NamedTuple):
    """One match of a pairing, and by how many days another source may write its day differently."""

    day: date
    match_id: str
    near_days: int


@dataclass(frozen=True)
class Directory:
    """Every club by country and key, and the matches of each pairing."""

    clubs: Mapping[tuple[str, str], str]
    meetings: Mapping[tuple[str, str, str], list[Meeting]]

    @classmethod
    def of(cls, matches: pd.DataFrame) -> Self:
        """Return the directory of these matches and of the table of spellings."""
        meetings: dict[tuple[str, str, str], list[Meeting]] = defaultdict(list)
        for league, home, away, match_id, status, day in _meetings(matches):
            near_days = NEAR_DAYS.get(status, OWN_DAYS)
            meetings[league, home, away].append(Meeting(day, match_id, near_days))
        seen = {(LEAGUES[league].country, club) for league, *pair in meetings for club in pair}
        by_key = {(country, clubs.key(club)): club for country, club in seen}
        return cls(by_key | clubs.spellings(), meetings)

    def club(self, league: str, name: str) -> str | UnmatchedClub:
        """Return the club that is spelt `name` in the country of this league, or the nearest candidates."""
        country = LEAGUES[league].country
        club = self.clubs.get((country, clubs.key(name)))
        return club or clubs.unmatched(country, name, self._clubs_of(country))

    def _clubs_of(self, country: str) -> set[str]:
        return {club for (where, _), club in self.clubs.items() if where == country}

    def pairing(self, league: str, home: str, away: str) -> tuple[str, str] | set[UnmatchedClub]:
        """Return the two clubs, or those of the two names that match no club."""
        pair = self.club(league, home), self.club(league, away)
        if isinstance(pair[0], str) and isinstance(pair[1], str):
            return pair[0], pair[1]
        return {club for club in pair if isinstance(club, UnmatchedClub)}

    def match_id(self, league: str, home: str, away: str, day: date) -> str | None:
        """Return the id of the pairing's match nearest to `day`.

        A match to come is at most 30 days away, a match that was played at most one.
        """
        meetings = self.meetings.get((league, home, away), [])
        distances = [(abs((meeting.day - day).days), meeting) for meeting in meetings]
        near = [(days, meeting.match_id) for days, meeting in distances if days <= meeting.near_days]
        return min(near)[1] if near else None


def _meetings(matches: pd.DataFrame) -> Iterator[tuple[str, str, str, str, str, date]]:
    """Yield league, home, away, match id, status and day of each match."""
    columns = [matches[name].to_list() for name in ("league", "home", "away", "match_id", "status")]
    days = pd.to_datetime(matches["date"]).dt.date.to_list()
    return zip(*columns, days, strict=True)


def unmatched_frame(names: Iterable[UnmatchedClub]) -> pd.DataFrame:
    """Return the names that match no club: country, name, candidates (joined by ' | '), sorted."""
    rows = [(each.country, each.name, " | ".join(each.candidates)) for each in names]
    return pd.DataFrame(sorted(rows), columns=UNMATCHED_COLUMNS)
