"""Links rows of other sources to known matches: clubs by their spellings, matches by the nearest date."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Self

import pandas as pd

from almanac.workloads.football.sources import clubs
from almanac.workloads.football.sources.clubs import UnmatchedClub
from almanac.workloads.football.sources.openfootball import LEAGUES

# A postponed match of the same pairing is the same match; the return match is months away.
NEAR_DAYS = 30
MOST_CHARACTERS = 200
UNMATCHED_COLUMNS = ["country", "name", "candidates"]


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
        reason = f"{type(error).__name__}: {error}"
        self.rows.append(BadRow(file, number, reason, str(item)[:MOST_CHARACTERS]))


@dataclass(frozen=True)
class Directory:
    """Every club by country and key, and the dates and ids of the matches of each pairing."""

    clubs: Mapping[tuple[str, str], str]
    meetings: Mapping[tuple[str, str, str], list[tuple[date, str]]]

    @classmethod
    def of(cls, matches: pd.DataFrame) -> Self:
        """Return the directory of these matches and of the table of spellings."""
        meetings: dict[tuple[str, str, str], list[tuple[date, str]]] = defaultdict(list)
        for league, home, away, match_id, day in _meetings(matches):
            meetings[league, home, away].append((day, match_id))
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
        """Return the id of the pairing's match nearest to `day`, at most 30 days from it."""
        meetings = self.meetings.get((league, home, away), [])
        distances = [(abs((when - day).days), match_id) for when, match_id in meetings]
        days, nearest = min(distances, default=(NEAR_DAYS + 1, ""))
        return nearest if days <= NEAR_DAYS else None


def _meetings(matches: pd.DataFrame) -> Iterator[tuple[str, str, str, str, date]]:
    """Yield league, home, away, match id and day of each match."""
    columns = [matches[name].to_list() for name in ("league", "home", "away", "match_id")]
    days = pd.to_datetime(matches["date"]).dt.date.to_list()
    return zip(*columns, days, strict=True)


def unmatched_frame(names: Iterable[UnmatchedClub]) -> pd.DataFrame:
    """Return the names that match no club: country, name, candidates (joined by ' | '), sorted."""
    rows = [(each.country, each.name, " | ".join(each.candidates)) for each in names]
    return pd.DataFrame(sorted(rows), columns=UNMATCHED_COLUMNS)
