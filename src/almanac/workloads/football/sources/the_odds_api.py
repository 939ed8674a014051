"""Reads odds of coming matches from The Odds API (v4) with the user's key."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.football.sources import odds
from almanac.workloads.football.sources.linking import Directory, Problems

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
QUESTION = {"regions": "eu", "markets": "h2h", "oddsFormat": "decimal"}

log = logging.getLogger(__name__)


def fetch(
    settings: Settings, leagues: Iterable[str], known: pd.DataFrame, policy: RequestPolicy | None = None
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the odds of the coming matches of these leagues; each league costs one request of the user's quota.

    Stops, and names what is left out, when the quota is spent. Raises SourceUnavailable, which never repeats the key.
    """
    key = settings.odds_api_key.get_secret_value() if settings.odds_api_key else ""
    directory, problems, rows = Directory.of(known), Problems(), list[odds.Row]()
    is_spent = False
    with Client(settings.odds_api_url, params={"apiKey": key}, policy=policy) as client:
        for league in [league for league in leagues if league in SPORTS]:
            if is_spent:
                problems.refused.append(f"{SOURCE}: {league} (the quota of this key is spent)")
                continue
            response = _ask(client, league, problems)
            if response is not None:
                rows += _rows(_events(response, client, league), league, directory, problems)
                is_spent = _is_spent(response)
    return odds.frame(rows), problems


def _ask(client: Client, league: str, problems: Problems) -> httpx.Response | None:
    try:
        return client.get(f"sports/{SPORTS[league]}/odds", QUESTION)
    except RequestRefused as error:
        if error.status not in {404, 422}:
            raise
        log.warning("The Odds API does not tell %s: %s", SPORTS[league], error)
        problems.refused.append(f"{SOURCE}: {league} (HTTP {error.status})")
        return None


def _events(response: httpx.Response, client: Client, league: str) -> list[Any]:
    try:
        events = response.json()
    except ValueError:
        events = None
    if not isinstance(events, list):
        raise SourceUnavailable(
            f"{client.base_url} told no list of events for {SPORTS[league]}; the source may have changed its format."
        )
    return events


def _is_spent(response: httpx.Response) -> bool:
    left = response.headers.get("x-requests-remaining", "")
    return left.replace(".", "", 1).isdigit() and float(left) < 1


def _rows(events: list[Any], league: str, directory: Directory, problems: Problems) -> Iterator[odds.Row]:
    for number, event in enumerate(events, start=1):
        try:
            yield from _event(event, league, directory, problems)
        except (KeyError, TypeError, ValueError) as error:
            problems.rows.append(
                (f"{SOURCE} {SPORTS[league]}", number, f"{type(error).__name__}: {error}", str(event)[:200])
            )


def _event(event: dict[str, Any], league: str, directory: Directory, problems: Problems) -> list[odds.Row]:
    pair = directory.pairing(league, event["home_team"], event["away_team"])
    if isinstance(pair, set):
        problems.names |= pair
        return []
    match_id = directory.match_id(league, *pair, datetime.fromisoformat(event["commence_time"]).date())
    if match_id is None:
        raise ValueError(f"no match {pair[0]} - {pair[1]} is known near {event['commence_time']}")
    return [
        (match_id, str(bookmaker["key"]), "open", *_prices(market, event), SOURCE)
        for bookmaker in event["bookmakers"]
        for market in bookmaker["markets"]
        if market["key"] == "h2h"
    ]


def _prices(market: dict[str, Any], event: dict[str, Any]) -> tuple[float, float, float]:
    prices = {outcome["name"]: odds.price(outcome["price"]) for outcome in market["outcomes"]}
    return prices[event["home_team"]], prices["Draw"], prices[event["away_team"]]
