"""Reads odds of coming matches from The Odds API (v4) with the user's key."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import pandas as pd

from almanac.download.client import Client, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable
from almanac.fields import parse_instant
from almanac.settings import Settings
from almanac.workloads.football.sources.linking import UNREADABLE, Directory, Problems, name_of
from almanac.workloads.football.sources.odds_frame import OddsRow, odds_frame, three_way

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
KEY_REFUSED = {401, 403, 429}

Prices = tuple[float, float, float]

log = logging.getLogger(__name__)


def fetch(
    settings: Settings, leagues: Iterable[str], matches: pd.DataFrame, policy: RequestPolicy | None = None
) -> tuple[pd.DataFrame, Problems]:
    """Fetch the odds of the coming matches of these leagues.

    Each league costs one request of the user's quota. Stops when the quota is spent or the key is refused,
    lists the remaining leagues in `Problems.refused`, and keeps what was read. Raises SourceUnavailable,
    which never repeats the key, where nothing could be read at all.
    """
    with _client(settings, policy) as client:
        reading = _Reading(client, Directory.of(matches))
        for league in leagues:
            if league in SPORTS:
                reading.read(league)
    if reading.failure and not reading.has_read:
        raise reading.failure
    return odds_frame(reading.rows), reading.problems


@dataclass
class _Reading:
    """Reads leagues one after the other, and remembers what went wrong."""

    client: Client
    directory: Directory
    problems: Problems = field(default_factory=Problems)
    rows: list[OddsRow] = field(default_factory=list)
    failure: SourceUnavailable | None = None
    has_read: bool = False
    why_over: str = ""

    def read(self, league: str) -> None:
        """Read the odds of one league."""
        if self.why_over:
            self.problems.refused.append(f"{SOURCE}: {league} ({self.why_over})")
            return
        try:
            response = self.client.get(f"sports/{SPORTS[league]}/odds", QUERY)
            self.rows += _rows(_events(response, self.client, league), league, self.directory, self.problems)
        except SourceUnavailable as error:
            self._take(error, league)
            return
        self.has_read = True
        if _is_spent(response):
            self.why_over = "the quota of this key is spent"

    def _take(self, error: SourceUnavailable, league: str) -> None:
        log.warning("The Odds API does not answer for %s: %s", SPORTS[league], error)
        status = error.status if isinstance(error, RequestRefused) else None
        reason = str(error) if status is None else f"HTTP {status}"
        self.problems.refused.append(f"{SOURCE}: {league} ({reason})")
        if status in UNKNOWN_SPORT:
            return
        self.failure = self.failure or error
        if status in KEY_REFUSED:
            self.why_over = f"the key was refused before, HTTP {status}"


def _client(settings: Settings, policy: RequestPolicy | None) -> Client:
    secret = settings.odds_api_key
    params = {"apiKey": secret.get_secret_value() if secret else ""}
    return Client(settings.odds_api_url, params=params, policy=policy)


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


def _rows(events: list[Any], league: str, directory: Directory, problems: Problems) -> list[OddsRow]:
    rows: list[OddsRow] = []
    for number, event in enumerate(events, start=1):
        place = _Place(f"{SOURCE} {SPORTS[league]}", number, problems)
        try:
            match_id = _match_id(event, league, directory, problems)
            quotes = [] if match_id is None else _quotes(event, place)
        except UNREADABLE as error:
            place.refuse(error, event)
            continue
        rows += [(str(match_id), bookmaker, "open", *prices, SOURCE) for bookmaker, prices in quotes]
    return rows


class _Place(NamedTuple):
    """Where an event stands, and where its problems go."""

    file: str
    number: int
    problems: Problems

    def refuse(self, error: Exception, item: object) -> None:
        self.problems.add_row(self.file, self.number, error, item)


def _match_id(event: dict[str, Any], league: str, directory: Directory, problems: Problems) -> str | None:
    """Return the id of the match of an event, None if a club of it matches none of ours."""
    pair = directory.pairing(league, name_of(event["home_team"]), name_of(event["away_team"]))
    if isinstance(pair, set):
        problems.names |= pair
        return None
    start = parse_instant(event["commence_time"])
    match_id = directory.match_id(league, *pair, start.date())
    if match_id is None:
        raise ValueError(f"no match {pair[0]} - {pair[1]} is known near {event['commence_time']}")
    return match_id


def _quotes(event: dict[str, Any], place: _Place) -> list[tuple[str, Prices]]:
    """Return each bookmaker with his prices; one that cannot be used never loses the others."""
    quotes = []
    for bookmaker in event["bookmakers"]:
        try:
            quotes += _quotes_of(bookmaker, event)
        except UNREADABLE as error:
            place.refuse(error, bookmaker)
    return quotes


def _quotes_of(bookmaker: dict[str, Any], event: dict[str, Any]) -> list[tuple[str, Prices]]:
    name = name_of(bookmaker["key"])
    markets = [market for market in bookmaker["markets"] if market["key"] == "h2h"]
    for market in markets:
        _refuse_in_play(market.get("last_update") or bookmaker.get("last_update"), event)
    return [(name, _prices(market, event, name)) for market in markets]


def _refuse_in_play(quoted: str | None, event: dict[str, Any]) -> None:
    """Raise ValueError for a quote from after the kick-off, or without a time while the match goes on."""
    start = parse_instant(event["commence_time"])
    when = parse_instant(quoted) if quoted else datetime.now(UTC)
    if when > start:
        raise ValueError(f"quoted at {when:%Y-%m-%d %H:%M} UTC, after the kick-off at {start:%H:%M} UTC")


def _prices(market: dict[str, Any], event: dict[str, Any], bookmaker: str) -> Prices:
    prices = {outcome["name"]: outcome["price"] for outcome in market["outcomes"]}
    names = (event["home_team"], "Draw", event["away_team"])
    return three_way([prices[name] for name in names], bookmaker)
