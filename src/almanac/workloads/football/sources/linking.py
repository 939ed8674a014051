"""Finds the known match that another source means: club names by alias, the date nearby, nothing guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import pandas as pd

from almanac.workloads.football.sources import clubs
from almanac.workloads.football.sources.clubs import Unmatched
from almanac.workloads.football.sources.openfootball import LEAGUES

# A postponed match of the same pairing is the same match; the return match is months away.
NEAR_DAYS = 30


@dataclass
class Problems:
    """What could not be used: rows (file, line, reason, text), names of clubs, and parts that a source would not tell."""

    rows: list[tuple[str, int, str, str]] = field(default_factory=list)
    names: set[Unmatched] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Directory:
    """Who is known: every club by country and key, and the matches of each pairing by date."""

    clubs: Mapping[tuple[str, str], str]
    meetings: Mapping[tuple[str, str, str], list[tuple[date, str]]]

    @classmethod
    def of(cls, known: pd.DataFrame) -> Self:
        """Make the directory of the known matches and the known spellings of clubs."""
        meetings: dict[tuple[str, str, str], list[tuple[date, str]]] = {}
        columns = [known[name].to_list() for name in ("league", "home", "away", "match_id")]
        for league, home, away, match_id, day in zip(
            *columns, pd.to_datetime(known["date"]).dt.date.to_list(), strict=True
        ):
            meetings.setdefault((league, home, away), []).append((day, match_id))
        seen = {(LEAGUES[league].country, club) for league, *pair in meetings for club in pair}
        return cls({(country, clubs.key(club)): club for country, club in seen} | clubs.known(), meetings)

    def club(self, league: str, name: str) -> str | Unmatched:
        """Return the club that is spelt `name` in the country of this league, or the nearest candidates."""
        country = LEAGUES[league].country
        club = self.clubs.get((country, clubs.key(name)))
        return club or clubs.unmatched(
            country, name, {club for (where, _), club in self.clubs.items() if where == country}
        )

    def pairing(self, league: str, home: str, away: str) -> tuple[str, str] | set[Unmatched]:
        """Return the two clubs, or those names of the two that are not known."""
        pair = self.club(league, home), self.club(league, away)
        if isinstance(pair[0], str) and isinstance(pair[1], str):
            return pair[0], pair[1]
        return {club for club in pair if isinstance(club, Unmatched)}

    def match_id(self, league: str, home: str, away: str, day: date) -> str | None:
        """Return the id of the pairing's match nearest to `day`, at most 30 days from it."""
        meetings = [
            (abs((when - day).days), match_id)
            for when, match_id in self.meetings.get((league, home, away), [])
        ]
        nearest = min(meetings, default=(NEAR_DAYS + 1, ""))
        return nearest[1] if nearest[0] <= NEAR_DAYS else None


def unmatched_frame(names: set[Unmatched]) -> pd.DataFrame:
    """Return the names that no club answers to: country, name, candidates (joined by ' | '), sorted."""
    rows = sorted((each.country, each.name, " | ".join(each.candidates)) for each in names)
    return pd.DataFrame(rows, columns=["country", "name", "candidates"])
