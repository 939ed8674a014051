"""Reads the public football files into frames: matches, unparsed lines, refused rows, files."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import Copy, Progress
from almanac.errors import SourceCorrupt
from almanac.settings import Settings
from almanac.workloads.football.sources import clubs, openfootball, schedule
from almanac.workloads.football.sources.football_txt import Match, Parsed, parse
from almanac.workloads.football.sources.linking import BadRow
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import SeasonFile
from almanac.workloads.football.sources.schedule import Listing

SOURCE = "openfootball"
UNPARSED_COLUMNS = ["file", "line", "text"]
REFUSED_COLUMNS = list(BadRow._fields)
FILE_COLUMNS = [
    *("repository", "commit", "path", "sha256", "where"),
    *("league", "season", "matches_declared", "matches_parsed"),
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """The content of the public files. `files` counts the declared and the parsed matches of each."""

    matches: pd.DataFrame
    unparsed_lines: pd.DataFrame
    refused_rows: pd.DataFrame
    files: pd.DataFrame


@dataclass(frozen=True)
class _ParsedFile:
    season_file: SeasonFile
    copy: Copy
    parsed: Parsed

    @property
    def name(self) -> str:
        file = self.copy.file
        return f"{file.repository}/{file.path}"

    @property
    def country(self) -> str:
        return self.season_file.league.country


def read(settings: Settings, today: date, *, progress: Progress | None = None) -> Results:
    """Read every season, pinned or (ALMANAC_SOURCE_HEAD) at the head of the source.

    Raises SourceUnavailable, SourceCorrupt.
    """
    seasons = _head_seasons(settings, today) if settings.source_head else openfootball.pinned()
    copies = mirror.read_existing([each.file for each in seasons], settings, progress=progress)
    pairs = list(zip(seasons, copies, strict=True))
    existing = [(season, copy) for season, copy in pairs if copy is not None]
    existing += _from_pins([season for season, copy in pairs if copy is None], settings)
    return _results([_parsed(season, copy) for season, copy in existing])


def empty() -> Results:
    """Return results without a row."""
    return _results([])


def _head_seasons(settings: Settings, today: date) -> list[SeasonFile]:
    commits = {
        repository: mirror.head(repository, openfootball.BRANCH, settings)
        for repository in openfootball.COMMITS
    }
    return openfootball.at_head(commits, today)


def _from_pins(missing: Sequence[SeasonFile], settings: Settings) -> list[tuple[SeasonFile, Copy]]:
    """Return the pinned file of each missing season. A season later than the pins may not exist yet."""
    seasons = {(each.league.code, each.season) for each in missing}
    pins = [pin for pin in openfootball.pinned() if (pin.league.code, pin.season) in seasons]
    for pin in pins:
        log.warning("%s is gone from the head of its source; read at its pin", pin.file.name)
    copies = mirror.read_all([pin.file for pin in pins], settings)
    return list(zip(pins, copies, strict=True))


def _parsed(season_file: SeasonFile, copy: Copy) -> _ParsedFile:
    return _ParsedFile(season_file, copy, parse(_text(copy), season_file.season))


def _text(copy: Copy) -> str:
    try:
        return copy.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{copy.file.name} is not UTF-8 ({error}).") from None


def _results(files: Sequence[_ParsedFile]) -> Results:
    names = _canonical_names(files)
    pairs = list(_matches(files))
    listings = [Listing(file.name, match.line, _match_row(file, match, names)) for file, match in pairs]
    written = [match.home for _, match in pairs]
    faults = [schedule.fault(listing.row, name) for listing, name in zip(listings, written, strict=True)]
    possible = [listing for listing, fault in zip(listings, faults, strict=True) if not fault]
    distinct, twins = schedule.without_twins(possible)
    refused = [_refused_row(*pair) for pair in zip(listings, faults, strict=True) if pair[1]]
    refused += [_refused_row(twin.listing, twin.reason) for twin in twins]
    unparsed = [(file.name, line, text) for file in files for line, text in file.parsed.unparsed]
    return Results(
        matches=match_frame(listing.row for listing in distinct),
        unparsed_lines=pd.DataFrame(unparsed, columns=UNPARSED_COLUMNS),
        refused_rows=pd.DataFrame(refused, columns=REFUSED_COLUMNS),
        files=pd.DataFrame(map(_file_row, files), columns=FILE_COLUMNS),
    )


def _matches(files: Sequence[_ParsedFile]) -> Iterator[tuple[_ParsedFile, Match]]:
    for file in files:
        for match in file.parsed.matches:
            yield file, match


def _canonical_names(files: Sequence[_ParsedFile]) -> dict[tuple[str, str], str]:
    """Return the canonical name of each (country, name) in these files."""
    names = ((file.country, name) for file, match in _matches(files) for name in (match.home, match.away))
    return clubs.canonical_names(names)


def _match_row(file: _ParsedFile, match: Match, names: dict[tuple[str, str], str]) -> dict[str, Any]:
    return {
        "league": file.season_file.league.code,
        "season": file.season_file.season,
        "round": match.round,
        "date": match.date,
        "kickoff": match.kickoff,
        "home": names[file.country, match.home],
        "away": names[file.country, match.away],
        "home_goals": match.home_goals,
        "away_goals": match.away_goals,
        "status": match.status,
        "source": SOURCE,
    }


def _refused_row(listing: Listing, reason: str) -> BadRow:
    return BadRow(listing.file, listing.line, reason, f"{listing.row['home']} - {listing.row['away']}")


def _file_row(file: _ParsedFile) -> tuple[object, ...]:
    public, season_file, parsed = file.copy.file, file.season_file, file.parsed
    origin = (public.repository, public.commit, public.path, file.copy.sha256, file.copy.where)
    counts = (parsed.declared, len(parsed.matches))
    return (*origin, season_file.league.code, season_file.season, *counts)
