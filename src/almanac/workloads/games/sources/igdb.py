"""Reads games from IGDB (v4) with the user's client id and secret."""

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, TypeGuard

import pandas as pd
from pydantic import SecretStr

from almanac.download.client import Client, RequestPolicy
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games.sources import games
from almanac.workloads.games.sources.games import Refusal

SOURCE = "igdb"
# The documented limit is four requests a second.
PER_MINUTE = 240.0
PAGE = 500
MOST_PAGES = 100
FIELDS = (
    "name,first_release_date,genres.name,platforms.name,themes.name,total_rating,total_rating_count,"
    "involved_companies.developer,involved_companies.publisher,involved_companies.company.name,"
    "external_games.uid,external_games.external_game_source"
)
# Popularity is the number of ratings; games with hardly any are left out.
CONDITION = "version_parent = null & total_rating_count >= 5"
STEAM = 1
PLATFORMS = {
    "windows": re.compile("windows"),
    "mac": re.compile("mac"),
    "linux": re.compile("linux"),
    "playstation": re.compile("playstation"),
    "xbox": re.compile("xbox"),
    "nintendo": re.compile("nintendo|wii|game boy|gamecube|nes|super famicom"),
}
# Genres and themes that the other sources name differently.
NAMES = {
    "Role-playing (RPG)": "RPG",
    "Simulator": "Simulation",
    "Sport": "Sports",
    "Real Time Strategy (RTS)": "RTS",
    "Turn-based strategy (TBS)": "Turn-Based Strategy",
    "Science fiction": "Sci-fi",
    "Hack and slash/Beat 'em up": "Hack and Slash",
    "Erotic": "Sexual Content",
}
NO_ACCESS = "gave no access token; are IGDB_CLIENT_ID and IGDB_CLIENT_SECRET right?"
NO_LIST = "returned no list of games; the source may have changed its format."
UNREADABLE_ITEM = (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError)

Item = dict[str, Any]

log = logging.getLogger(__name__)


def fetch(settings: Settings, policy: RequestPolicy | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fetch the games that enough people rated, and the refused rows.

    The games are the contract's `games` with a further column `steam_id`. Raises SourceUnavailable, which
    never contains the secret.
    """
    policy = policy or RequestPolicy(per_minute=PER_MINUTE)
    client_id, token = _secret(settings.igdb_client_id), _token(settings, policy)
    headers = {"Client-ID": client_id, "Authorization": f"Bearer {token}"}
    with Client(settings.igdb_url, headers=headers, policy=policy) as client:
        return _frames(_items(client))


def _frames(items: Iterable[Item]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, refusals = list[Item](), list[Refusal]()
    for number, item in enumerate(items, start=1):
        try:
            rows.append(_game(item))
        except UNREADABLE_ITEM as error:
            reason = f"{type(error).__name__}: {error}"
            refusals.append((SOURCE, number, reason, str(item)[: games.MOST_TEXT]))
    steam_ids = [row["steam_id"] for row in rows]
    return games.frame(rows).assign(steam_id=steam_ids), games.skipped(refusals)


def _secret(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _token(settings: Settings, policy: RequestPolicy) -> str:
    credentials = {
        "client_id": _secret(settings.igdb_client_id),
        "client_secret": _secret(settings.igdb_client_secret),
        "grant_type": "client_credentials",
    }
    with Client(settings.igdb_token_url, params=credentials, policy=policy) as client:
        answer = client.post("", b"")
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if token and isinstance(token, str):
        return token
    raise SourceUnavailable(f"{settings.igdb_token_url} {NO_ACCESS}")


def _items(client: Client) -> Iterator[Item]:
    """Yield all games by id, so that a game which appears or vanishes meanwhile repeats or hides no other."""
    last = 0
    for _ in range(MOST_PAGES):
        page = _page(client, f"{CONDITION} & id > {last}")
        yield from page
        if len(page) < PAGE:
            return
        last = max(item["id"] for item in page)
    log.warning("IGDB has more than %d pages; the rest is left out.", MOST_PAGES)


def _page(client: Client, condition: str) -> list[Item]:
    query = f"fields {FIELDS}; where {condition}; sort id asc; limit {PAGE};"
    page = client.post("games", query.encode())
    if not _is_page(page):
        raise SourceUnavailable(f"{client.base_url}/games {NO_LIST}")
    return page


def _is_page(page: object) -> TypeGuard[list[Item]]:
    return isinstance(page, list) and all(_has_id(item) for item in page)


def _has_id(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), int)


def _game(item: Item) -> Item:
    title = str(item["name"]).strip()
    if not title:
        raise ValueError("the game has no name")
    ratings = int(item.get("total_rating_count", 0))
    return {
        "game_id": f"igdb:{int(item['id'])}",
        "title": title,
        "released": _released(item.get("first_release_date")),
        "genres": _names(item.get("genres", [])),
        "themes": _names(item.get("themes", [])),
        "platforms": _platforms(item.get("platforms", [])),
        "developer": _company(item, "developer"),
        "publisher": _company(item, "publisher"),
        "reviews": ratings,
        "good_reviews": _good_reviews(ratings, float(item.get("total_rating", 0.0))),
        "source": SOURCE,
        "steam_id": _steam_id(item),
    }


def _released(seconds: Any) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), tz=UTC).date()


def _good_reviews(ratings: int, mean_percent: float) -> int:
    return round(ratings * min(max(mean_percent, 0.0), 100.0) / 100)


def _names(items: Iterable[Item]) -> str:
    names = (str(item["name"]) for item in items)
    return _joined(NAMES.get(name, name) for name in names)


def _joined(names: Iterable[str]) -> str:
    """Return names as a list separated by semicolons, each once."""
    return ";".join(dict.fromkeys(name.replace(";", ",") for name in names))


def _platforms(items: Iterable[Item]) -> str:
    names = "\n".join(str(item["name"]).lower() for item in items)
    return ";".join(platform for platform, pattern in PLATFORMS.items() if pattern.search(names))


def _company(item: Item, role: str) -> str | None:
    companies = (each for each in item.get("involved_companies", []) if each.get(role))
    return _joined(str(each["company"]["name"]) for each in companies) or None


def _steam_id(item: Item) -> str | None:
    for game in item.get("external_games", []):
        uid = str(game.get("uid", ""))
        if game.get("external_game_source") == STEAM and uid.isdigit():
            return f"steam:{int(uid)}"
    return None


def merge(catalogue: pd.DataFrame, igdb_games: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogue with the games of IGDB; only games that IGDB links to a Steam id become one row.

    Of a game in both, the Steam row keeps its id, title and reviews, and gets the themes, platforms and
    makers that it lacks.
    """
    linked = igdb_games.dropna(subset="steam_id").drop_duplicates("steam_id").set_index("steam_id")
    ours = catalogue[catalogue["game_id"].isin(linked.index)]
    theirs = linked.reindex(ours["game_id"]).set_index(ours.index)
    enriched = catalogue.copy()
    enriched.loc[ours.index] = _enriched(ours, theirs)
    is_new = ~igdb_games["steam_id"].isin(catalogue["game_id"])
    new = igdb_games[is_new].drop(columns="steam_id")
    return pd.concat([enriched, new], ignore_index=True)


def _enriched(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    makers = {name: ours[name].fillna(theirs[name]) for name in ("developer", "publisher")}
    lists = {name: ours[name].combine(theirs[name], _union) for name in ("genres", "themes", "platforms")}
    return ours.assign(**makers, **lists)


def _union(ours: str, theirs: str) -> str:
    """Return our list with the entries of theirs that it lacks, regardless of case."""
    own = [part for part in ours.split(";") if part]
    lower = {part.lower() for part in own}
    new = {part.lower(): part for part in theirs.split(";") if part.lower() not in lower}
    return ";".join([*own, *filter(None, new.values())])
