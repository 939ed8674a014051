"""Reads matches from football-data.org (v4) with the user's token."""

import logging
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable, UsageError
from almanac.fields import parse_instant
from almanac.settings import Settings
from almanac.workloads.football.sources.linking import Directory, Problems
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import LEAGUES

SOURCE = "football-data.org"
COMPETITIONS = {
    "E0": "PL",
    "E1": "ELC",
    "D1": "BL1",
    "I1": "SA",
    "SP1": "PD",
    "F1": "FL1",
    "N1": "DED",
    "P1": "PPL",
}
STATUSES = {
    "FINISHED": "played",
    "AWARDED": "awarded",
    "SCHEDULED": "scheduled",
    "TIMED": "scheduled",
    "IN_PLAY": "scheduled",
    "PAUSED": "scheduled",
    "POSTPONED": "postponed",
    "SUSPENDED": "abandoned",
    "CANCELLED": "cancelled",
}
WITH_GOALS = {"played", "awarded"}
ZONES = {
    "England": "Europe/London",
    "Germany": "Europe/Berlin",
    "Italy": "Europe/Rome",
    "Spain": "Europe/Madrid",
    "France": "Europe/Paris",
    "Netherlands": "Europe/Amsterdam",
    "Portugal": "Europe/Lisbon",
}
TOO_MANY_REQUESTS = 429
OUTSIDE_THE_PLAN = {403, 404}
LAST_MATCHDAY = 99

log = logging.getLogger(__name__)


def fetch(
    settings: Settings, seasons: Iterable[str], matches: pd.DataFrame, policy: RequestPolicy | None = None
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the matches of every competition of the plan in these seasons ('2025-26').

    Clubs are linked to those of `matches`. A competition outside the plan is listed in `Problems.refused`.
    Waits as the headers of the source say. Raises SourceUnavailable, which never repeats the token.
    """
    directory, problems = Directory.of(matches), Problems()
    rows: list[dict[str, Any]] = []
    with _client(settings, policy) as client:
        for season in seasons:
            for league in COMPETITIONS:
                items = _items(client, league, season, problems)
                rows += _rows(items, (league, season), directory, problems)
    return match_frame(rows), problems


def _client(settings: Settings, policy: RequestPolicy | None) -> Client:
    secret = settings.football_data_org_token
    headers = {"X-Auth-Token": secret.get_secret_value() if secret else ""}
    patient = RequestPolicy(pause_after=pause)
    return Client(settings.football_data_org_url, headers=headers, policy=policy or patient)


def pause(response: httpx.Response) -> float:
    """Return the seconds to wait: until the counter's reset if no request of this minute is left."""
    left = response.headers.get("x-requests-available-minute", "")
    reset = response.headers.get("x-requestcounter-reset", "")
    is_last = left.isdigit() and int(left) == 0
    is_spent = is_last or response.status_code == TOO_MANY_REQUESTS
    return float(reset) if is_spent and reset.isdigit() else 0.0


def _items(client: Client, league: str, season: str, problems: Problems) -> list[dict[str, Any]]:
    code = COMPETITIONS[league]
    try:
        return list(_pages(client, f"competitions/{code}/matches", season))
    except RequestRefused as error:
        if error.status not in OUTSIDE_THE_PLAN:
            raise
        log.warning("football-data.org refuses %s %s for this token: %s", code, season, error)
        problems.refused.append(f"{SOURCE}: {code} {season} (outside the plan, HTTP {error.status})")
        return []


def _pages(client: Client, path: str, season: str) -> Iterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        page = _page(client, path, season, offset)
        items = page["matches"]
        yield from items
        offset += len(items)
        # A page without items ends the list, whatever the source says about its length.
        total = int(page.get("resultSet", {}).get("count", offset)) if items else offset


def _page(client: Client, path: str, season: str, offset: int) -> dict[str, Any]:
    query = {"season": season[:4]}
    if offset:
        query["offset"] = str(offset)
    page = client.json(path, query)
    if isinstance(page, dict) and isinstance(page.get("matches"), list):
        return page
    raise SourceUnavailable(
        f"{client.base_url}/{path} answered without 'matches'; the source may have changed its format."
    )


def _rows(
    items: Iterable[dict[str, Any]], where: tuple[str, str], directory: Directory, problems: Problems
) -> Iterator[dict[str, Any]]:
    league, season = where
    file = f"{SOURCE} {COMPETITIONS[league]} {season}"
    for number, item in enumerate(sorted(items, key=_place), start=1):
        try:
            row = _row(item, league, season)
        except (KeyError, TypeError, ValueError, UsageError) as error:
            problems.add_row(file, number, error, item)
            continue
        pair = directory.pairing(league, row["home"], row["away"])
        if isinstance(pair, tuple):
            yield row | {"home": pair[0], "away": pair[1]}
        else:
            problems.names |= pair


def _place(item: dict[str, Any]) -> tuple[int, str]:
    return item.get("matchday") or LAST_MATCHDAY, str(item.get("utcDate"))


def _row(item: dict[str, Any], league: str, season: str) -> dict[str, Any]:
    is_timed = item["status"] != "SCHEDULED"
    day, kickoff = _when(item["utcDate"], LEAGUES[league].country, is_timed=is_timed)
    status = STATUSES[item["status"]]
    home_goals, away_goals = _goals(item["score"]) if status in WITH_GOALS else (None, None)
    return {
        "league": league,
        "season": season,
        "round": _round(item),
        "date": day,
        "kickoff": kickoff,
        "home": str(item["homeTeam"]["name"]),
        "away": str(item["awayTeam"]["name"]),
        "home_goals": home_goals,
        "away_goals": away_goals,
        "status": status,
        "source": SOURCE,
    }


def _round(item: dict[str, Any]) -> str | None:
    if item.get("matchday"):
        return f"Matchday {item['matchday']}"
    stage = str(item.get("stage") or "")
    return stage.replace("_", " ").capitalize() or None


def _goals(score: dict[str, Any]) -> tuple[int, int]:
    # After extra time, fullTime includes its goals and regularTime does not.
    goals = score.get("regularTime") or score["fullTime"]
    return int(goals["home"]), int(goals["away"])


def _when(text: str, country: str, *, is_timed: bool) -> tuple[date, str | None]:
    """Return the day and the local time of the kick-off; without a fixed time the day in UTC and None."""
    instant = parse_instant(text)
    if not is_timed:
        return instant.date(), None
    local = instant.astimezone(ZoneInfo(ZONES[country]))
    return local.date(), local.strftime("%H:%M")
