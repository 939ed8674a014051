"""Reads matches from football-data.org (v4) with the user's token."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable
from almanac.fields import parse_instant
from almanac.settings import Settings
from almanac.workloads.football.sources import schedule
from almanac.workloads.football.sources.linking import UNREADABLE, Directory, Problems, name_of
from almanac.workloads.football.sources.match_frame import match_frame
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.sources.schedule import Listing

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
    "EXTRA_TIME": "scheduled",
    "PENALTY_SHOOTOUT": "scheduled",
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
# This source writes midnight where it has no time; no league kicks off then.
NO_TIME = time(0)
# The score at the end of these matches is that after 90 minutes.
ENDED_IN_TIME = {None, "REGULAR"}

log = logging.getLogger(__name__)


def fetch(
    settings: Settings,
    seasons: Iterable[str] | Mapping[str, Iterable[str]],
    matches: pd.DataFrame,
    policy: RequestPolicy | None = None,
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the matches of every competition of the plan in these seasons ('2025-26') or in each league's.

    Clubs are linked to those of `matches`. What the source refuses is listed in `Problems.refused`, and the
    rest is kept. Waits as the headers of the source say. Raises SourceUnavailable, which never repeats the
    token, where nothing could be read at all.
    """
    directory, problems = Directory.of(matches), Problems()
    of_league = seasons if isinstance(seasons, Mapping) else {each: list(seasons) for each in COMPETITIONS}
    rows: list[dict[str, Any]] = []
    reading = _Reading(problems)
    with _client(settings, policy) as client:
        for league in COMPETITIONS:
            for season in of_league.get(league, []):
                items = reading.items(client, league, season)
                rows += _rows(items, (league, season), directory, problems)
    reading.raise_if_nothing_was_read()
    return match_frame(rows), problems


@dataclass
class _Reading:
    """Reads competitions, and remembers what went wrong."""

    problems: Problems
    failures: list[SourceUnavailable] = field(default_factory=list)
    has_read: bool = False

    def items(self, client: Client, league: str, season: str) -> list[dict[str, Any]]:
        """Return the matches of one season as far as the source tells them."""
        items: list[dict[str, Any]] = []
        code = COMPETITIONS[league]
        try:
            for page in _pages(client, f"competitions/{code}/matches", season):
                items += page
            self.has_read = True
        except SourceUnavailable as error:
            self._take(error, f"{code} {season}", len(items))
        return items

    def _take(self, error: SourceUnavailable, part: str, count: int) -> None:
        log.warning("football-data.org does not answer for %s: %s", part, error)
        status = error.status if isinstance(error, RequestRefused) else None
        if status in OUTSIDE_THE_PLAN:
            reason = f"outside the plan, HTTP {status}"
        else:
            self.failures.append(error)
            reason = str(error) if status is None else f"HTTP {status}"
        if count:
            self.has_read = True
            reason = f"{count} matches read, then {reason}"
        self.problems.refused.append(f"{SOURCE}: {part} ({reason})")

    def raise_if_nothing_was_read(self) -> None:
        """Raise the first failure if there is nothing else."""
        if self.failures and not self.has_read:
            raise self.failures[0]


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


def _pages(client: Client, path: str, season: str) -> Iterator[list[dict[str, Any]]]:
    offset, total = 0, 1
    while offset < total:
        page = _page(client, path, season, offset)
        items = page["matches"]
        yield items
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
) -> list[dict[str, Any]]:
    file = f"{SOURCE} {COMPETITIONS[where[0]]} {where[1]}"
    listings = []
    for number, item in enumerate(sorted(items, key=_place), start=1):
        try:
            row = _linked(_row(item, *where), directory, problems)
        except UNREADABLE as error:
            problems.add_row(file, number, error, item)
            continue
        if row is None:
            continue
        if reason := schedule.fault(row):
            problems.add(file, number, reason, item)
        else:
            listings.append(Listing(file, number, row))
    distinct, twins = schedule.without_twins(listings)
    for twin in twins:
        problems.add(file, twin.listing.line, twin.reason, twin.listing.row)
    return [dict(listing.row) for listing in distinct]


def _linked(row: dict[str, Any], directory: Directory, problems: Problems) -> dict[str, Any] | None:
    """Return a row with the names of our clubs, None if a name matches none."""
    pair = directory.pairing(row["league"], row["home"], row["away"])
    if isinstance(pair, tuple):
        return row | {"home": pair[0], "away": pair[1]}
    problems.names |= pair
    return None


def _place(item: Any) -> tuple[int, str]:
    if not isinstance(item, dict):
        return LAST_MATCHDAY, ""
    matchday = item.get("matchday")
    place = matchday if isinstance(matchday, int) and matchday > 0 else LAST_MATCHDAY
    return place, str(item.get("utcDate"))


def _row(item: dict[str, Any], league: str, season: str) -> dict[str, Any]:
    is_timed = item["status"] != "SCHEDULED"
    day, kickoff = _when(str(item["utcDate"]), LEAGUES[league].country, is_timed=is_timed)
    status = STATUSES[item["status"]]
    home_goals, away_goals = _goals(item["score"], status) if status in WITH_GOALS else (None, None)
    return {
        "league": league,
        "season": season,
        "round": _round(item),
        "date": day,
        "kickoff": kickoff,
        "home": name_of(item["homeTeam"]["name"]),
        "away": name_of(item["awayTeam"]["name"]),
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


def _goals(score: dict[str, Any], status: str) -> tuple[int | None, int | None]:
    """Return the goals after 90 minutes; of an awarded match, none if none were given."""
    goals = score.get("regularTime") or {}
    # After extra time, fullTime includes its goals and those of a shoot-out; regularTime does not.
    if score.get("duration") in ENDED_IN_TIME and goals.get("home") is None:
        goals = score["fullTime"]
    home, away = goals.get("home"), goals.get("away")
    if status == "awarded" and home is None and away is None:
        return None, None
    if type(home) is not int or type(away) is not int:
        raise ValueError(f"no goals after 90 minutes in {score}")
    return home, away


def _when(text: str, country: str, *, is_timed: bool) -> tuple[date, str | None]:
    """Return the day and the local time of the kick-off; without a fixed time the day in UTC and None."""
    instant = parse_instant(text)
    if not is_timed or instant.time() == NO_TIME:
        return instant.date(), None
    local = instant.astimezone(ZoneInfo(ZONES[country]))
    return local.date(), local.strftime("%H:%M")
