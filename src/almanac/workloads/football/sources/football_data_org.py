"""Reads matches from football-data.org (v4) with the user's token."""

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.football.sources import matches as frames
from almanac.workloads.football.sources.linking import Directory, Problems
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
ZONES = {
    "England": "Europe/London",
    "Germany": "Europe/Berlin",
    "Italy": "Europe/Rome",
    "Spain": "Europe/Madrid",
    "France": "Europe/Paris",
    "Netherlands": "Europe/Amsterdam",
    "Portugal": "Europe/Lisbon",
}

log = logging.getLogger(__name__)


def fetch(
    settings: Settings, seasons: Iterable[str], known: pd.DataFrame, policy: RequestPolicy | None = None
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the matches of every competition of the plan in these seasons ('2025-26').

    A competition outside the plan is named among the refused. Waits as the headers of the source say.
    Raises SourceUnavailable, which never repeats the token.
    """
    token = settings.football_data_org_token.get_secret_value() if settings.football_data_org_token else ""
    directory, problems, rows = Directory.of(known), Problems(), list[dict[str, Any]]()
    with Client(
        settings.football_data_org_url,
        headers={"X-Auth-Token": token},
        policy=policy or RequestPolicy(pause_after=pause),
    ) as client:
        for league, season in [(league, season) for season in seasons for league in COMPETITIONS]:
            rows += _rows(_told(client, league, season, problems), (league, season), directory, problems)
    return frames.frame(rows), problems


def pause(response: httpx.Response) -> float:
    """Return how long to stay silent: until the counter's reset when no request of this minute is left."""
    left, reset = (
        response.headers.get("x-requests-available-minute", ""),
        response.headers.get("x-requestcounter-reset", ""),
    )
    spent = response.status_code == 429 or (left.isdigit() and int(left) == 0)
    return float(reset) if spent and reset.isdigit() else 0.0


def _told(client: Client, league: str, season: str, problems: Problems) -> list[dict[str, Any]]:
    code = COMPETITIONS[league]
    try:
        return list(_pages(client, f"competitions/{code}/matches", season))
    except RequestRefused as error:
        if error.status not in {403, 404}:
            raise
        log.warning("football-data.org does not tell %s %s under this token: %s", code, season, error)
        problems.refused.append(f"{SOURCE}: {code} {season} (outside the plan, HTTP {error.status})")
        return []


def _pages(client: Client, path: str, season: str) -> Iterator[dict[str, Any]]:
    seen, total = 0, 1
    while seen < total:
        page = client.json(path, {"season": season[:4]} | ({"offset": str(seen)} if seen else {}))
        found = page.get("matches") if isinstance(page, dict) else None
        if not isinstance(found, list):
            raise SourceUnavailable(
                f"{client.base_url}/{path} answered without 'matches'; the source may have changed its format."
            )
        yield from found
        seen += len(found)
        total = int(page.get("resultSet", {}).get("count", seen)) if found else seen


def _rows(
    told: Iterable[dict[str, Any]], where: tuple[str, str], directory: Directory, problems: Problems
) -> Iterator[dict[str, Any]]:
    league, season = where
    for number, item in enumerate(sorted(told, key=_place), start=1):
        try:
            row = _row(item, league, season)
        except (KeyError, TypeError, ValueError) as error:
            problems.rows.append(
                (
                    f"{SOURCE} {COMPETITIONS[league]} {season}",
                    number,
                    f"{type(error).__name__}: {error}",
                    str(item)[:200],
                )
            )
            continue
        pair = directory.pairing(league, row["home"], row["away"])
        if isinstance(pair, tuple):
            yield row | {"home": pair[0], "away": pair[1]}
        else:
            problems.names |= pair


def _place(item: dict[str, Any]) -> tuple[int, str]:
    return item.get("matchday") or 99, str(item.get("utcDate"))


def _row(item: dict[str, Any], league: str, season: str) -> dict[str, Any]:
    day, kickoff = _when(item["utcDate"], LEAGUES[league].country, timed=item["status"] != "SCHEDULED")
    status = STATUSES[item["status"]]
    home_goals, away_goals = _goals(item["score"]) if status in {"played", "awarded"} else (None, None)
    stage = str(item.get("stage") or "").replace("_", " ").capitalize()
    return {
        "league": league,
        "season": season,
        "round": f"Matchday {item['matchday']}" if item.get("matchday") else stage or None,
        "date": day,
        "kickoff": kickoff,
        "home": str(item["homeTeam"]["name"]),
        "away": str(item["awayTeam"]["name"]),
        "home_goals": home_goals,
        "away_goals": away_goals,
        "status": status,
        "source": SOURCE,
    }


def _goals(score: dict[str, Any]) -> tuple[int, int]:
    # Where extra time followed, fullTime counts it and regularTime does not.
    goals = score.get("regularTime") or score["fullTime"]
    return int(goals["home"]), int(goals["away"])


def _when(text: str, country: str, *, timed: bool) -> tuple[date, str | None]:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not timed:
        return moment.date(), None
    local = moment.astimezone(ZoneInfo(ZONES[country]))
    return local.date(), local.strftime("%H:%M")
