"""Reads a CSV of odds that the user owns, with columns as in the files of football-data.co.uk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from almanac import csv_rows
from almanac.errors import UsageError
from almanac.fields import printable
from almanac.workloads.football.sources import clubs
from almanac.workloads.football.sources.clubs import UnmatchedClub
from almanac.workloads.football.sources.linking import Directory, unmatched_frame
from almanac.workloads.football.sources.odds_frame import OddsRow, odds_frame, three_way
from almanac.workloads.football.sources.openfootball import LEAGUES

SOURCE = "csv"
MOST_ECHO = 600
MANDATORY = ("Div", "Date", "HomeTeam", "AwayTeam")
# The files of single countries, such as AUT.csv and SWZ.csv, name country and league instead.
OF_COUNTRIES = ("Country", "Date", "Home", "Away")
DATE_FORMATS = ("%d/%m/%Y", "%d/%m/%y")
# Closing odds carry a C before H, D and A, and VC is a bookmaker.
# Only these names may be read as closing odds without their opening columns.
BOOKMAKERS = frozenset("B365 BF BFD BFE BMGM BS BV BW CL GB IW LB PS WH VC 1XB Max Avg".split())


@dataclass(frozen=True)
class OddsImport:
    """The odds of the contract, unmatched clubs (country, name, candidates) and bad rows (line, reason)."""

    odds: pd.DataFrame
    unmatched_clubs: pd.DataFrame
    bad_rows: pd.DataFrame


@dataclass(frozen=True)
class _Market:
    """Three columns of odds: their common prefix, the bookmaker, and 'open' or 'close'."""

    column: str
    bookmaker: str
    taken: str


@dataclass
class _Import:
    directory: Directory
    markets: list[_Market]
    rows: dict[tuple[str, str, str], OddsRow] = field(default_factory=dict)
    names: set[UnmatchedClub] = field(default_factory=set)
    bad: list[tuple[int, str]] = field(default_factory=list)

    def read(self, row: Mapping[str, str], line: int) -> None:
        """Read the odds of one line; everything that cannot be used becomes a bad row."""
        try:
            match_id = self._match_id(row)
        except ValueError as error:
            self.bad.append((line, str(error)))
            return
        quotes = list(_quotes(row, self.markets))
        if not quotes:
            self.bad.append((line, "the line has no odds"))
        for market, texts in quotes:
            self._read_quote(match_id, market, texts, line)

    def _read_quote(self, match_id: str, market: _Market, texts: list[str], line: int) -> None:
        key = (match_id, market.bookmaker, market.taken)
        if key in self.rows:
            reason = f"{match_id} has odds of {market.bookmaker} ({market.taken}) in an earlier line already"
            self.bad.append((line, reason))
            return
        try:
            self.rows[key] = (*key, *three_way(texts, market.bookmaker), SOURCE)
        except ValueError as error:
            self.bad.append((line, f"{market.column}H, D, A: {error}"))

    def _match_id(self, row: Mapping[str, str]) -> str:
        league = _league(row)
        day = _day(row.get("Date", ""))
        if league not in LEAGUES:
            raise ValueError(f"league '{league}' is not known; known are {', '.join(LEAGUES)}")
        pair = self._pair(league, row)
        match_id = self.directory.match_id(league, *pair, day)
        if match_id is None:
            raise ValueError(f"no match {pair[0]} - {pair[1]} is known near {day}")
        return match_id

    def _pair(self, league: str, row: Mapping[str, str]) -> tuple[str, str]:
        home, away = (row.get(f"{side}Team", "") or row.get(side, "") for side in ("Home", "Away"))
        pair = self.directory.pairing(league, home, away)
        if isinstance(pair, tuple):
            return pair
        self.names.update(pair)
        reasons = [f"club '{club.name}' is not known" for club in pair]
        raise ValueError("; ".join(sorted(reasons)))

    def result(self) -> OddsImport:
        return OddsImport(
            odds=odds_frame(self.rows.values()),
            unmatched_clubs=unmatched_frame(self.names),
            bad_rows=pd.DataFrame(sorted(self.bad), columns=["line", "reason"]),
        )


def read_odds(source: Path | str, matches: pd.DataFrame) -> OddsImport:
    """Read odds of these matches from a file (Path) or its text (str).

    Bad rows are reported by line and left out. Raises UsageError if the file cannot be read, or with the
    names of the columns it lacks.
    """
    rows = csv_rows.read(source, fallback="latin-1")
    reading = _Import(Directory.of(matches), _markets(rows.header), bad=rows.bad_rows)
    for line, row in rows:
        reading.read(row, line)
    return reading.result()


def _markets(header: list[str]) -> list[_Market]:
    home_columns = [name for name in header if name.endswith("H")]
    prefixes = [name[:-1] for name in home_columns if _has_market(name[:-1], header)]
    mandatory = OF_COUNTRIES if {"Country", "Home", "Away"} <= set(header) else MANDATORY
    missing = [name for name in mandatory if name not in header]
    if not prefixes:
        missing.append("three columns of odds, for example B365H, B365D, B365A")
    if missing:
        needed = f"{', '.join(mandatory)} and odds ending in H, D, A"
        columns = printable(", ".join(header))[:MOST_ECHO] or "nothing"
        raise UsageError(f"The file lacks {', '.join(missing)}. Needed: {needed}. It has: {columns}.")
    return [_market(prefix, prefixes) for prefix in prefixes]


def _league(row: Mapping[str, str]) -> str:
    """Return the code of a row's league; in the files of countries, that of its country and league name."""
    if "Div" in row or "Country" not in row:
        return row.get("Div", "")
    country, name = row["Country"], row.get("League", "")
    leagues = [league for league in LEAGUES.values() if league.country == country]
    named = [league.code for league in leagues if clubs.key(league.name) == clubs.key(name)]
    highest = [league.code for league in leagues if league.tier == 1 and not name]
    return next(iter(named + highest), f"{country}, {name}")


def _has_market(prefix: str, header: list[str]) -> bool:
    return bool(prefix) and f"{prefix}D" in header and f"{prefix}A" in header


def _market(prefix: str, prefixes: list[str]) -> _Market:
    opening = prefix.removesuffix("C")
    if opening != prefix and (opening in prefixes or opening in BOOKMAKERS):
        return _Market(prefix, opening, "close")
    return _Market(prefix, prefix, "open")


def _quotes(row: Mapping[str, str], markets: list[_Market]) -> Iterator[tuple[_Market, list[str]]]:
    """Yield the markets that have a text in this row, with the texts of home, draw and away."""
    for market in markets:
        texts = [row.get(f"{market.column}{outcome}", "") for outcome in "HDA"]
        if any(texts):
            yield market, texts


def _day(text: str) -> date:
    for pattern in DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise ValueError(f"date '{text}' is not written as dd/mm/yyyy or dd/mm/yy")
