"""Brings football data in: results of the public files and of football-data.org, odds of The Odds API."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pandas as pd

from almanac.download.mirror import NoFilesAvailable, Progress
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.football.sources import (
    football_data_org,
    openfootball,
    results,
    schedule,
    simulated,
    the_odds_api,
)
from almanac.workloads.football.sources.linking import Problems, unmatched_frame
from almanac.workloads.football.sources.odds_frame import first_open, odds_frame
from almanac.workloads.football.sources.selection import club, cut_off, select

__all__ = ["Fetched", "club", "combined", "commits", "cut_off", "fetch", "first_open", "gone", "select"]

ODDS_AHEAD = timedelta(days=14)
DECIDED = ["played", "awarded"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """Everything that one collect brought in.

    `matches` and `odds` are as declared in the contract. `unparsed_lines` has file, line, text;
    `refused_rows` has file, line, reason, text. `files` has repository, commit, path, sha256, where, league,
    season, matches_declared, matches_parsed. `unmatched_clubs` has country, name, candidates of clubs that
    only another source has. `skipped_sources` names each source, or part of one, that brought nothing.
    """

    matches: pd.DataFrame
    unparsed_lines: pd.DataFrame
    refused_rows: pd.DataFrame
    files: pd.DataFrame
    odds: pd.DataFrame
    unmatched_clubs: pd.DataFrame
    source: str
    simulated: bool
    skipped_sources: list[str]

    @property
    def doubtful_matches(self) -> pd.DataFrame:
        """Clubs that play twice on a day; their matches are stored, and one of them is wrong."""
        return schedule.doubtful(self.matches)


def fetch(
    settings: Settings,
    *,
    sample: Literal["full", "mock"] = "full",
    today: date | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch all matches and, with the user's keys, fresher matches and odds.

    Without mirror, cache and network a generated sample takes their place; a warning and `simulated` say so.
    With ALMANAC_SOURCE_HEAD nothing takes their place. Raises SourceUnavailable, SourceCorrupt, UsageError.
    """
    if sample == "mock":
        return _simulated()
    today = today or datetime.now(UTC).date()
    try:
        public = results.read(settings, today, progress=progress)
    except NoFilesAvailable as error:
        if settings.source_head:
            raise
        return _simulated_instead(error)
    fetched = _with_fresher_matches(_public(public), settings, today)
    return _with_odds(fetched, settings, today)


def commits(files: pd.DataFrame) -> dict[str, str]:
    """Return the commit of each public repository that was read."""
    if files.empty:
        return {}
    return dict(zip(files["repository"], files["commit"], strict=True))


def gone(fetched: Fetched, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored matches to come that their source no longer lists, with the status 'gone'."""
    return schedule.gone(fetched.matches, fetched.files, stored)


def combined(main: pd.DataFrame, fresher: pd.DataFrame) -> pd.DataFrame:
    """Return the matches of both. A fresher row replaces a main one unless only the main one has a result."""
    undecided = fresher.loc[~fresher["status"].isin(DECIDED), "match_id"]
    stays = main["status"].isin(DECIDED) & main["match_id"].isin(undecided)
    remaining = main[stays | ~main["match_id"].isin(fresher["match_id"])]
    added = fresher[~fresher["match_id"].isin(remaining["match_id"])]
    return pd.concat([remaining, added], ignore_index=True)


def _public(public: results.Results) -> Fetched:
    return Fetched(
        matches=public.matches,
        unparsed_lines=public.unparsed_lines,
        refused_rows=public.refused_rows,
        files=public.files,
        odds=odds_frame([]),
        unmatched_clubs=unmatched_frame([]),
        source=results.SOURCE,
        simulated=False,
        skipped_sources=[],
    )


def _simulated() -> Fetched:
    nothing = _public(results.empty())
    return replace(nothing, matches=simulated.matches(), source=simulated.SOURCE, simulated=True)


def _simulated_instead(error: NoFilesAvailable) -> Fetched:
    log.warning(
        "NO REAL DATA: %s A GENERATED SAMPLE is used; every answer will say 'source: simulated'.", error
    )
    return replace(_simulated(), skipped_sources=[f"{results.SOURCE} ({error})"])


def _with_fresher_matches(fetched: Fetched, settings: Settings, today: date) -> Fetched:
    has_key = settings.football_data_org_token is not None
    if reason := _why_skipped(settings, "FOOTBALL_DATA_ORG_TOKEN", has_key=has_key):
        return _without(fetched, football_data_org.SOURCE, reason)
    seasons = {code: _missing(fetched.matches, code, today) for code in football_data_org.COMPETITIONS}
    try:
        matches, problems = football_data_org.fetch(settings, seasons, fetched.matches)
    except SourceUnavailable as error:
        return _without(fetched, football_data_org.SOURCE, str(error))
    return _with_problems(_with_matches(fetched, matches), problems)


def _missing(matches: pd.DataFrame, league: str, today: date) -> list[str]:
    """Return the seasons of a league to ask for: those without a file, the current, an unfinished last one.

    Each league counts for itself, because the public files of some come months after those of others.
    """
    rows = matches[matches["league"] == league]
    current = openfootball.season_of(today)
    last = openfootball.season_name(int(current[:4]) - 1)
    newest = rows["season"].max() if len(rows) else last
    overdue = rows["status"].isin(schedule.UNPLAYED) & (rows["date"] < pd.Timestamp(today))
    seasons = set(openfootball.seasons_after(newest, current)) or {current}
    if (overdue & (rows["season"] == last)).any():
        seasons.add(last)
    return sorted(seasons)


def _with_matches(fetched: Fetched, matches: pd.DataFrame) -> Fetched:
    if matches.empty:
        return fetched
    source = f"{fetched.source} + {football_data_org.SOURCE}"
    return replace(fetched, matches=combined(fetched.matches, matches), source=source)


def _with_odds(fetched: Fetched, settings: Settings, today: date) -> Fetched:
    has_key = settings.odds_api_key is not None
    if reason := _why_skipped(settings, "ODDS_API_KEY", has_key=has_key):
        return _without(fetched, the_odds_api.SOURCE, reason)
    leagues = _coming_leagues(fetched.matches, today)
    try:
        odds, problems = the_odds_api.fetch(settings, leagues, fetched.matches)
    except SourceUnavailable as error:
        return _without(fetched, the_odds_api.SOURCE, str(error))
    return _with_problems(replace(fetched, odds=odds), problems)


def _coming_leagues(matches: pd.DataFrame, today: date) -> list[str]:
    first = pd.Timestamp(today)
    last = pd.Timestamp(today + ODDS_AHEAD)
    coming = (matches["status"] == "scheduled") & matches["date"].between(first, last)
    return sorted(matches.loc[coming, "league"].unique())


def _why_skipped(settings: Settings, variable: str, *, has_key: bool) -> str:
    """Return why a source that needs a key is skipped; an empty text if it is not."""
    if not has_key:
        return f"{variable} is not set"
    return "the network is off (ALMANAC_OFFLINE)" if settings.offline else ""


def _without(fetched: Fetched, source: str, reason: str) -> Fetched:
    log.warning("%s is skipped: %s", source, reason)
    return replace(fetched, skipped_sources=[*fetched.skipped_sources, f"{source} ({reason})"])


def _with_problems(fetched: Fetched, problems: Problems) -> Fetched:
    clubs = pd.concat([fetched.unmatched_clubs, unmatched_frame(problems.names)])
    refused = fetched.refused_rows
    if problems.rows:
        rows = pd.DataFrame(problems.rows, columns=results.REFUSED_COLUMNS)
        refused = pd.concat([refused, rows], ignore_index=True)
    return replace(
        fetched,
        refused_rows=refused,
        unmatched_clubs=clubs.drop_duplicates(ignore_index=True),
        skipped_sources=[*fetched.skipped_sources, *problems.refused],
    )
