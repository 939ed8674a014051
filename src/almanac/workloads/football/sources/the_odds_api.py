"""Reads odds of coming matches from The Odds API (v4) with the user's key."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable, UsageError
from almanac.fields import parse_instant
from almanac.settings import Settings
from almanac.workloads.football.sources.linking import Directory, Problems
from almanac.workloads.football.sources.odds_frame import OddsRow, decimal_odds, odds_frame

SOURCE = "the-odds-api"
SPORTS = {
    "E0": "soccer_epl",
    "E1": "soccer_efl_champ",
    "E2": "soccer_england_league1",
    "E3": "soccer_england_league2",
    "SC0": "soccer_spl",
    "D1": "soccer_germany_bundesliga",
    "D2": "soccer_germany_bundesliga2",
    "D3": "soccer_germany_liga3",
    "I1": "soccer_italy_serie_a",
    "I2": "soccer_italy_serie_b",
    "SP1": "soccer_spain_la_liga",
    "SP2": "soccer_spain_segunda_division",
    "F1": "soccer_france_ligue_one",
    "F2": "soccer_france_ligue_two",
    "N1": "soccer_netherlands_eredivisie",
    "P1": "soccer_portugal_primeira_liga",
    "A1": "soccer_austria_bundesliga",
    "SZ1": "soccer_switzerland_superleague",
    "G1": "soccer_greece_super_league",
    "T1": "soccer_turkey_super_league",
}
QUERY = {"regions": "eu", "markets": "h2h", "oddsFormat": "decimal"}
UNKNOWN_SPORT = {404, 422}

log = logging.getLogger(__name__)


def fetch(
    settings: Settings, leagues: Iterable[str], matches: pd.DataFrame, policy: RequestPolicy | None = None
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the odds of the coming matches of these leagues.

    Each league costs one request of the user's quota. Stops when the quota is spent and lists the remaining
    leagues in `Problems.refused`. Raises SourceUnavailable, which never repeats the key.
    """
    directory, problems = Directory.of(matches), Problems()
    rows: list[OddsRow] = []
    is_spent = False
    with _client(settings, policy) as client:
        for league in leagues:
            if league not in SPORTS:
                continue
            if is_spent:
                problems.refused.append(f"{SOURCE}: {league} (the quota of this key is spent)")
                continue
            response = _request(client, league, problems)
            if response is not None:
                rows += _rows(_events(response, client, league), league, directory, problems)
                is_spent = _is_spent(response)
    return odds_frame(rows), problems


def _client(settings: Settings, policy: RequestPolicy | None) -> Client:
    secret = settings.odds_api_key
    params = {"apiKey": secret.get_secret_value() if secret else ""}
    return Client(settings.odds_api_url, params=params, policy=policy)


def _request(client: Client, league: str, problems: Problems) -> httpx.Response | None:
    try:
        return client.get(f"sports/{SPORTS[league]}/odds", QUERY)
    except RequestRefused as error:
        if error.status not in UNKNOWN_SPORT:
            raise
        log.warning("The Odds API has no %s: %s", SPORTS[league], error)
        problems.refused.append(f"{SOURCE}: {league} (HTTP {error.status})")
        return None


def _events(response: httpx.Response, client: Client, league: str) -> list[Any]:
    try:
        events = response.json()
    except ValueError:
        events = None
    if isinstance(events, list):
        return events
    raise SourceUnavailable(
        f"{client.base_url} answered without a list of events for {SPORTS[league]};"
        " the source may have changed its format."
    )


def _is_spent(response: httpx.Response) -> bool:
    left = response.headers.get("x-requests-remaining", "")
    return left.replace(".", "", 1).isdigit() and float(left) < 1


def _rows(events: list[Any], league: str, directory: Directory, problems: Problems) -> Iterator[OddsRow]:
    for number, event in enumerate(events, start=1):
        try:
            yield from _event_rows(event, league, directory, problems)
        except (KeyError, TypeError, ValueError, UsageError) as error:
            problems.add_row(f"{SOURCE} {SPORTS[league]}", number, error, event)


def _event_rows(
    event: dict[str, Any], league: str, directory: Directory, problems: Problems
) -> list[OddsRow]:
    pair = directory.pairing(league, event["home_team"], event["away_team"])
    if isinstance(pair, set):
        problems.names |= pair
        return []
    start = parse_instant(event["commence_time"])
    match_id = directory.match_id(league, *pair, start.date())
    if match_id is None:
        raise ValueError(f"no match {pair[0]} - {pair[1]} is known near {event['commence_time']}")
    return [
        (match_id, bookmaker, "open", *_odds(market, event), SOURCE) for bookmaker, market in _markets(event)
    ]


def _markets(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each bookmaker's market of home, draw and away."""
    for bookmaker in event["bookmakers"]:
        for market in bookmaker["markets"]:
            if market["key"] == "h2h":
                yield str(bookmaker["key"]), market


def _odds(market: dict[str, Any], event: dict[str, Any]) -> tuple[float, float, float]:
    odds = {outcome["name"]: decimal_odds(outcome["price"]) for outcome in market["outcomes"]}
    return odds[event["home_team"]], odds["Draw"], odds[event["away_team"]]
