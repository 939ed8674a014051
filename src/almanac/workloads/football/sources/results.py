"""Reads the public football files into frames: matches, lines not understood, rows refused, files used."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import Copy, Progress
from almanac.errors import SourceCorrupt
from almanac.settings import Settings
from almanac.workloads.football.sources import clubs, matches, openfootball
from almanac.workloads.football.sources.football_txt import Match, Parsed, parse
from almanac.workloads.football.sources.openfootball import Season

SOURCE = "openfootball"
MOST_GOALS = 30
# 2019-20 ended in August 2020; no season strays further from its two summers.
SLACK = timedelta(days=75)
UNPARSED = ["file", "line", "text"]
SKIPPED = ["file", "line", "reason", "text"]
FILES = ["repository", "commit", "path", "sha256", "where", "league", "season", "promised", "found"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """What the public files tell; `files` has the matches each header promises beside those found."""

    matches: pd.DataFrame
    unparsed: pd.DataFrame
    skipped: pd.DataFrame
    files: pd.DataFrame


@dataclass(frozen=True)
class _Told:
    season: Season
    copy: Copy
    parsed: Parsed

    @property
    def file(self) -> str:
        return f"{self.season.file.repository}/{self.season.file.path}"


def read(settings: Settings, today: date, *, progress: Progress | None = None) -> Results:
    """Read every season, pinned or (ALMANAC_SOURCE_HEAD) at the head of the source; raises SourceUnavailable, SourceCorrupt."""
    seasons = _head_seasons(settings, today) if settings.source_head else openfootball.pinned()
    copies = mirror.read_existing([each.file for each in seasons], settings, progress=progress)
    found = [(each, copy) for each, copy in zip(seasons, copies, strict=True) if copy is not None]
    found += _from_pins([each for each, copy in zip(seasons, copies, strict=True) if copy is None], settings)
    return _results([_Told(each, copy, parse(_text(copy), each.season)) for each, copy in found])


def nothing() -> Results:
    """Return results without a row."""
    return _results([])


def _head_seasons(settings: Settings, today: date) -> list[Season]:
    commits = {
        repository: mirror.head(repository, openfootball.BRANCH, settings)
        for repository in openfootball.COMMITS
    }
    return openfootball.at_head(commits, today)


def _from_pins(gone: Sequence[Season], settings: Settings) -> list[tuple[Season, Copy]]:
    """Return the pinned file of each season that the source does not hold any more; a later season may not exist yet."""
    pins = {(pin.league.code, pin.season): pin for pin in openfootball.pinned()}
    kept = [pins[each.league.code, each.season] for each in gone if (each.league.code, each.season) in pins]
    for pin in kept:
        log.warning("%s is gone from the head of its source; read at its pin", mirror.name(pin.file))
    return list(zip(kept, mirror.read_all([pin.file for pin in kept], settings), strict=True))


def _text(copy: Copy) -> str:
    try:
        return copy.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{mirror.name(copy.file)} is not UTF-8 ({error}).") from None


def _results(told: Sequence[_Told]) -> Results:
    names = (
        (each.season.league.country, name)
        for each in told
        for match in each.parsed.matches
        for name in (match.home, match.away)
    )
    settled = clubs.settle(names)
    rows = [(each, match, _fault(each.season, match)) for each in told for match in each.parsed.matches]
    return Results(
        matches=matches.frame(_row(each.season, match, settled) for each, match, fault in rows if not fault),
        unparsed=pd.DataFrame(
            [(each.file, line, text) for each in told for line, text in each.parsed.unparsed],
            columns=UNPARSED,
        ),
        skipped=pd.DataFrame(
            [
                (each.file, match.line, fault, f"{match.home} - {match.away}")
                for each, match, fault in rows
                if fault
            ],
            columns=SKIPPED,
        ),
        files=pd.DataFrame(_files(told), columns=FILES),
    )


def _row(season: Season, match: Match, settled: dict[tuple[str, str], str]) -> dict[str, Any]:
    country = season.league.country
    return {
        "league": season.league.code,
        "season": season.season,
        "round": match.round,
        "date": match.date,
        "kickoff": match.kickoff,
        "home": settled[country, match.home],
        "away": settled[country, match.away],
        "home_goals": match.home_goals,
        "away_goals": match.away_goals,
        "status": match.status,
        "source": SOURCE,
    }


def _fault(season: Season, match: Match) -> str:
    first = date(int(season.season[:4]), 7, 1)
    if match.home == match.away:
        return f"{match.home} cannot meet itself"
    if max(match.home_goals or 0, match.away_goals or 0) > MOST_GOALS:
        return f"more than {MOST_GOALS} goals"
    if not first - SLACK <= match.date <= first.replace(year=first.year + 1) + SLACK:
        return f"{match.date} is outside the season {season.season}"
    return ""


def _files(told: Iterable[_Told]) -> list[tuple[object, ...]]:
    return [
        (
            *(
                each.copy.file.repository,
                each.copy.file.commit,
                each.copy.file.path,
                each.copy.sha256,
                each.copy.where,
            ),
            *(each.season.league.code, each.season.season, each.parsed.promised, len(each.parsed.matches)),
        )
        for each in told
    ]
