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
    odds,
    openfootball,
    results,
    simulated,
    the_odds_api,
)
from almanac.workloads.football.sources.linking import Problems, unmatched_frame
from almanac.workloads.football.sources.selection import club, cut_off, select

__all__ = ["Fetched", "club", "combined", "commits", "cut_off", "fetch", "select"]

COMING = timedelta(days=14)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """Everything one collect brought in.

    `matches` and `odds` are as declared in the contract. `unparsed` holds file, line, text; `skipped` holds file, line, reason, text of
    refused rows; `files` holds repository, commit, path, sha256, where, league, season, promised and found matches; `unmatched` holds
    country, name, candidates of clubs that only another source knows. `skipped_sources` names each source, or part of one, that told nothing.
    """

    matches: pd.DataFrame
    unparsed: pd.DataFrame
    skipped: pd.DataFrame
    files: pd.DataFrame
    odds: pd.DataFrame
    unmatched: pd.DataFrame
    source: str
    simulated: bool
    skipped_sources: list[str]


def fetch(
    settings: Settings,
    *,
    sample: Literal["full", "mock"] = "full",
    today: date | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch all matches, and with the user's keys fresher ones and odds.

    Without mirror, cache and network a generated sample takes their place, said loudly and in `simulated`; never so where the
    head of the source was asked for. Raises SourceUnavailable, SourceCorrupt, UsageError.
    """
    if sample == "mock":
        return _generated()
    today = today or datetime.now(UTC).date()
    try:
        told = results.read(settings, today, progress=progress)
    except NoFilesAvailable as error:
        if settings.source_head:
            raise
        log.warning(
            "NO REAL DATA: %s A GENERATED SAMPLE is used; every answer will say 'source: simulated'.", error
        )
        return replace(_generated(), skipped_sources=[f"{results.SOURCE} ({error})"])
    return _with_odds(settings, today, _with_fresher(settings, today, _fetched(told, results.SOURCE)))


def commits(files: pd.DataFrame) -> dict[str, str]:
    """Return the commit of each public repository that was read."""
    return dict(zip(files["repository"], files["commit"], strict=True)) if len(files) else {}


def combined(leading: pd.DataFrame, fresher: pd.DataFrame) -> pd.DataFrame:
    """Return the matches of both; of a match in both the fresher row stays, unless only the leading one has a result."""
    decided = ["played", "awarded"]
    without = fresher.loc[~fresher["status"].isin(decided), "match_id"]
    stays = leading["status"].isin(decided) & leading["match_id"].isin(without)
    kept = leading[stays | ~leading["match_id"].isin(fresher["match_id"])]
    return pd.concat([kept, fresher[~fresher["match_id"].isin(kept["match_id"])]], ignore_index=True)


def _fetched(told: results.Results, source: str) -> Fetched:
    nothing = odds.frame([]), unmatched_frame(set())
    return Fetched(
        told.matches,
        told.unparsed,
        told.skipped,
        told.files,
        *nothing,
        source,
        source == simulated.SOURCE,
        [],
    )


def _generated() -> Fetched:
    return replace(_fetched(results.nothing(), simulated.SOURCE), matches=simulated.matches())


def _with_fresher(settings: Settings, today: date, told: Fetched) -> Fetched:
    reason = _why_not(settings, settings.football_data_org_token is not None, "FOOTBALL_DATA_ORG_TOKEN")
    if reason:
        return _without(told, football_data_org.SOURCE, reason)
    now, newest = openfootball.season_of(today), told.matches["season"].max()
    try:
        matches, problems = football_data_org.fetch(
            settings, openfootball.seasons_after(newest, now) or [now], told.matches
        )
    except SourceUnavailable as error:
        return _without(told, football_data_org.SOURCE, str(error))
    source = f"{told.source} + {football_data_org.SOURCE}" if len(matches) else told.source
    return _with_problems(replace(told, matches=combined(told.matches, matches), source=source), problems)


def _with_odds(settings: Settings, today: date, told: Fetched) -> Fetched:
    reason = _why_not(settings, settings.odds_api_key is not None, "ODDS_API_KEY")
    if reason:
        return _without(told, the_odds_api.SOURCE, reason)
    is_coming = (told.matches["status"] == "scheduled") & told.matches["date"].between(
        pd.Timestamp(today), pd.Timestamp(today + COMING)
    )
    try:
        found, problems = the_odds_api.fetch(
            settings, sorted(set(told.matches.loc[is_coming, "league"])), told.matches
        )
    except SourceUnavailable as error:
        return _without(told, the_odds_api.SOURCE, str(error))
    return _with_problems(replace(told, odds=found), problems)


def _why_not(settings: Settings, has_key: bool, variable: str) -> str:
    if not has_key:
        return f"{variable} is not set"
    return "the network is off (ALMANAC_OFFLINE)" if settings.offline else ""


def _without(told: Fetched, source: str, reason: str) -> Fetched:
    log.warning("%s is skipped: %s", source, reason)
    return replace(told, skipped_sources=[*told.skipped_sources, f"{source} ({reason})"])


def _with_problems(told: Fetched, problems: Problems) -> Fetched:
    rows = pd.DataFrame(problems.rows, columns=results.SKIPPED)
    names = pd.concat([told.unmatched, unmatched_frame(problems.names)], ignore_index=True).drop_duplicates(
        ignore_index=True
    )
    skipped = pd.concat([told.skipped, rows], ignore_index=True) if problems.rows else told.skipped
    return replace(
        told, skipped=skipped, unmatched=names, skipped_sources=[*told.skipped_sources, *problems.refused]
    )
