"""Reads games from IGDB (v4) with the user's client id and secret."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from almanac.download.client import Client, RequestPolicy
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games.sources import games

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
# Its popularity is the number of ratings; games that hardly anybody rated are left out.
CONDITION = "version_parent = null & total_rating_count >= 5"
STEAM = 1
PLATFORMS = {
    "windows": "windows",
    "mac": "mac",
    "linux": "linux",
    "playstation": "playstation",
    "xbox": "xbox",
}
NINTENDO = ("nintendo", "wii", "game boy", "gamecube", "snes", "nes", "super famicom")
# How IGDB names what the other sources call otherwise.
NAMES = {
    "Role-playing (RPG)": "RPG",
    "Simulator": "Simulation",
    "Sport": "Sports",
    "Real Time Strategy (RTS)": "RTS",
    "Erotic": "Sexual Content",
}
NAMES |= {
    "Turn-based strategy (TBS)": "Turn-Based Strategy",
    "Science fiction": "Sci-fi",
    "Hack and slash/Beat 'em up": "Hack and Slash",
}

log = logging.getLogger(__name__)


def fetch(settings: Settings, policy: RequestPolicy | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fetch the games that enough people rated, as the contract's `games` with a further column `steam_id`, and the refused rows.

    Raises SourceUnavailable, which never repeats the secret.
    """
    behaviour = policy or RequestPolicy(per_minute=PER_MINUTE)
    client_id, token = _client_id(settings), _token(settings, behaviour)
    rows, refused = list[dict[str, Any]](), list[tuple[str, int, str, str]]()
    with Client(
        settings.igdb_url,
        headers={"Client-ID": client_id, "Authorization": f"Bearer {token}"},
        policy=behaviour,
    ) as client:
        for number, item in enumerate(_items(client), start=1):
            try:
                rows.append(_game(item))
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
                refused.append((SOURCE, number, f"{type(error).__name__}: {error}", str(item)[:200]))
    made = games.frame(rows).assign(steam_id=[row["steam_id"] for row in rows])
    return made, games.skipped(refused)


def joined(catalogue: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogue with what IGDB tells; only games that IGDB itself links to a Steam id become one row.

    Of a game in both, the Steam row keeps its id, title and reviews and gains themes, platforms and makers it lacked.
    """
    linked = told.dropna(subset="steam_id").drop_duplicates("steam_id").set_index("steam_id")
    both = catalogue["game_id"].map(lambda game: game in linked.index)
    theirs = linked.reindex(catalogue.loc[both, "game_id"])
    enriched = catalogue.copy()
    for name in ("genres", "themes", "platforms"):
        enriched.loc[both, name] = [
            _union(ours, more) for ours, more in zip(catalogue.loc[both, name], theirs[name], strict=True)
        ]
    for name in ("developer", "publisher"):
        enriched.loc[both, name] = catalogue.loc[both, name].where(
            catalogue.loc[both, name].notna(), theirs[name].to_numpy()
        )
    others = told[~told["steam_id"].isin(catalogue["game_id"])].drop(columns="steam_id")
    return pd.concat([enriched, others], ignore_index=True)


def _union(ours: str, theirs: str) -> str:
    parts = {part.lower(): part for text in (theirs, ours) for part in text.split(";") if part}
    first = [part for part in ours.split(";") if part]
    return ";".join(
        [*first, *(part for low, part in parts.items() if low not in {word.lower() for word in first})]
    )


def _client_id(settings: Settings) -> str:
    return settings.igdb_client_id.get_secret_value() if settings.igdb_client_id else ""


def _token(settings: Settings, policy: RequestPolicy) -> str:
    secret = settings.igdb_client_secret.get_secret_value() if settings.igdb_client_secret else ""
    given = {"client_id": _client_id(settings), "client_secret": secret, "grant_type": "client_credentials"}
    with Client(settings.igdb_token_url, params=given, policy=policy) as client:
        answer = client.post("", b"")
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise SourceUnavailable(
            f"{settings.igdb_token_url} gave no access token; are IGDB_CLIENT_ID and IGDB_CLIENT_SECRET right?"
        )
    return token


def _items(client: Client) -> Iterator[dict[str, Any]]:
    """Walk through all games by their id, so that games which come or go meanwhile neither double nor hide another."""
    last = 0
    for _ in range(MOST_PAGES):
        question = f"fields {FIELDS}; where {CONDITION} & id > {last}; sort id asc; limit {PAGE};"
        page = client.post("games", question.encode())
        if not isinstance(page, list) or not all(
            isinstance(item, dict) and isinstance(item.get("id"), int) for item in page
        ):
            raise SourceUnavailable(
                f"{client.base_url}/games told no list of games; the source may have changed its format."
            )
        yield from page
        if len(page) < PAGE:
            return
        last = max(item["id"] for item in page)
    log.warning("IGDB tells more than %d pages; the rest is left out.", MOST_PAGES)


def _game(item: dict[str, Any]) -> dict[str, Any]:
    title = str(item["name"]).strip()
    if not title:
        raise ValueError("the game has no name")
    ratings = int(item.get("total_rating_count", 0))
    seconds = item.get("first_release_date")
    return {
        "game_id": f"igdb:{int(item['id'])}",
        "title": title,
        "released": None if seconds is None else datetime.fromtimestamp(int(seconds), tz=UTC).date(),
        "genres": _names(item.get("genres", [])),
        "themes": _names(item.get("themes", [])),
        "platforms": _platforms(item.get("platforms", [])),
        "developer": _company(item, "developer"),
        "publisher": _company(item, "publisher"),
        "reviews": ratings,
        "good_reviews": round(ratings * min(max(float(item.get("total_rating", 0.0)), 0.0), 100.0) / 100),
        "source": SOURCE,
        "steam_id": _steam_id(item),
    }


def _names(told: list[dict[str, Any]]) -> str:
    return ";".join(
        dict.fromkeys(NAMES.get(str(each["name"]), str(each["name"])).replace(";", ",") for each in told)
    )


def _platforms(told: list[dict[str, Any]]) -> str:
    names = [str(each["name"]).lower() for each in told]
    found = [known for word, known in PLATFORMS.items() if any(word in name for name in names)]
    if any(word in name for name in names for word in NINTENDO):
        found.append("nintendo")
    return ";".join(found)


def _company(item: dict[str, Any], role: str) -> str | None:
    names = [
        str(each["company"]["name"]).replace(";", ",")
        for each in item.get("involved_companies", [])
        if each.get(role)
    ]
    return ";".join(dict.fromkeys(names)) or None


def _steam_id(item: dict[str, Any]) -> str | None:
    for each in item.get("external_games", []):
        if each.get("external_game_source") == STEAM and str(each.get("uid", "")).isdigit():
            return f"steam:{int(each['uid'])}"
    return None
