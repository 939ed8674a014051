"""Reads games from IGDB (v4) with the user's client id and secret."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from pydantic import SecretStr

from almanac.download.client import Client, RequestPolicy
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games.sources import games
from almanac.workloads.games.sources.games import Refusal
from almanac.workloads.games.sources.linking import merge, shared

SOURCE = games.SILENT
# The documented limit is four requests a second.
PER_MINUTE = 240.0
PAGE = 500
MOST_PAGES = 100
FIELDS = (
    "name,first_release_date,genres.name,platforms.name,themes.name,total_rating,total_rating_count,"
    "involved_companies.developer,involved_companies.publisher,involved_companies.company.name,"
    "external_games.uid,external_games.external_game_source,game_type"
)
# Popularity is the number of ratings; games with hardly any are left out.
CONDITION = "version_parent = null & total_rating_count >= 5"
STEAM = 1
# Whole words of the names of platforms; a telephone with Windows is no PC.
PLATFORMS = {
    "windows": re.compile(r"\bwindows\b(?! (?:phone|mobile|ce)\b)"),
    "mac": re.compile(r"\bmac(?:os|intosh)?\b"),
    "linux": re.compile(r"\blinux\b"),
    "playstation": re.compile(r"\bplaystation\b"),
    "xbox": re.compile(r"\bxbox\b"),
    "nintendo": re.compile(
        r"\b(?:nintendo|wii|s?nes|game boy|gamecube|famicom|family computer|virtual boy|satellaview)\b"
    ),
}
# Kinds of entries that nobody plays alone.
NO_GAMES = {
    1: "a DLC",
    2: "an expansion",
    3: "a bundle",
    5: "a mod",
    7: "a season",
    13: "a pack",
    14: "an update",
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

__all__ = ["fetch", "merge", "shared"]

# Columns beside the contract's: the first Steam id, all of them, and the kind of entry.
LINKING = ("steam_id", "steam_ids", "game_type")
LEFT_OUT = "the games with ids after {last} were not read: {reason}"

Item = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass
class _Reading:
    """The games read so far by id, the refused ones, and the id after which nothing could be read."""

    rows: dict[str, Item] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    items: int = 0
    unread: int | None = None

    def add(self, item: object) -> None:
        self.items += 1
        try:
            row = _game(item)
            if row["game_id"] in self.rows:
                raise ValueError(f"{row['game_id']} was read already")
            self.rows[row["game_id"]] = row
        except UNREADABLE_ITEM as error:
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            self.refusals.append((SOURCE, self.items, reason, str(item)))

    def stop(self, last: int, reason: str) -> None:
        """Leave out the games after the last one that was read."""
        self.unread = last
        self.refusals.append((SOURCE, self.items + 1, LEFT_OUT.format(last=last, reason=reason), ""))
        log.warning("IGDB: %s", LEFT_OUT.format(last=last, reason=reason))

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows = list(self.rows.values())
        facts = {name: [row[name] for row in rows] for name in LINKING}
        frame = games.frame(rows).assign(**facts)
        frame.attrs["unread"] = self.unread
        return frame, games.skipped(self.refusals)


def fetch(settings: Settings, policy: RequestPolicy | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fetch the games that enough people rated, and the refused rows.

    The games are the contract's `games` with the further columns LINKING. Where a later page is refused, the
    games before it stay: the refused rows name the part that was left out, and `attrs["unread"]` is the id
    after which nothing was read (otherwise None). Raises SourceUnavailable, which never contains the secret.
    """
    policy = policy or RequestPolicy(per_minute=PER_MINUTE)
    client_id, token = _secret(settings.igdb_client_id), _token(settings, policy)
    headers = {"Client-ID": client_id, "Authorization": f"Bearer {token}"}
    with Client(settings.igdb_url, headers=headers, policy=policy) as client:
        return _read(client).frames()


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


def _read(client: Client) -> _Reading:
    """Read all games by id, so that a game which appears or vanishes meanwhile repeats or hides no other."""
    reading, last = _Reading(), 0
    for number in range(MOST_PAGES):
        try:
            page = _page(client, f"{CONDITION} & id > {last}")
        except SourceUnavailable as error:
            if not number:
                raise
            reading.stop(last, str(error))
            return reading
        for item in page:
            reading.add(item)
        ids = [_id(item) for item in page]
        following = max([last, *(number for number in ids if number is not None)])
        if len(page) < PAGE:
            return reading
        if following == last:
            break
        last = following
    reading.stop(last, f"there are more than {MOST_PAGES} pages")
    return reading


def _page(client: Client, condition: str) -> list[object]:
    query = f"fields {FIELDS}; where {condition}; sort id asc; limit {PAGE};"
    page = client.post("games", query.encode())
    if not isinstance(page, list) or (page and not any(map(_id, page))):
        raise SourceUnavailable(f"{client.base_url}/games {NO_LIST}")
    return page


def _id(item: object) -> int | None:
    number = item.get("id") if isinstance(item, dict) else None
    return number if isinstance(number, int) else None


def _game(item: object) -> Item:
    if not isinstance(item, dict) or _id(item) is None:
        raise ValueError("the game has no id")
    kind = _kind(item)
    if kind in NO_GAMES:
        raise ValueError(f"it is {NO_GAMES[kind]}, no game (game_type {kind})")
    ratings = int(item.get("total_rating_count") or 0)
    steam_ids = _steam_ids(item)
    row = {
        "game_id": f"igdb:{item['id']}",
        "title": _title(item),
        "released": _released(item.get("first_release_date")),
        "genres": _joined(NAMES.get(name, name) for name in _names(item.get("genres"))),
        "themes": _joined(NAMES.get(name, name) for name in _names(item.get("themes"))),
        "platforms": _platforms(item.get("platforms")),
        "developer": _company(item, "developer"),
        "publisher": _company(item, "publisher"),
        "reviews": ratings,
        "good_reviews": _good_reviews(ratings, float(item.get("total_rating") or 0.0)),
        "source": SOURCE,
        "steam_id": steam_ids[0] if steam_ids else None,
        "steam_ids": ";".join(steam_ids),
        "game_type": kind,
    }
    return dict(games.storable(row))


def _kind(item: Item) -> int:
    """Return the kind of an entry, 0 for a main game and where it is not said."""
    kind = item.get("game_type", item.get("category"))
    kind = kind.get("id") if isinstance(kind, dict) else kind
    return kind if isinstance(kind, int) else 0


def _title(item: Item) -> str:
    name = item.get("name")
    title = name.strip() if isinstance(name, str) else ""
    if not title:
        raise ValueError("the game has no name")
    return title


def _released(seconds: Any) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), tz=UTC).date()


def _good_reviews(ratings: int, mean_percent: float) -> int:
    return round(ratings * min(max(mean_percent, 0.0), 100.0) / 100)


def _dicts(items: Any) -> list[Item]:
    """Return the objects of a list; what is none says nothing."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _names(items: Any) -> list[str]:
    names = (item.get("name") for item in _dicts(items))
    return [name for name in names if isinstance(name, str) and name.strip()]


def _joined(names: Iterable[str]) -> str:
    """Return names as a list separated by semicolons, each once."""
    return ";".join(dict.fromkeys(name.replace(";", ",") for name in names))


def _platforms(items: Any) -> str:
    names = "\n".join(_names(items)).lower()
    return ";".join(platform for platform, pattern in PLATFORMS.items() if pattern.search(names))


def _company(item: Item, role: str) -> str | None:
    companies = (each["company"] for each in _dicts(item.get("involved_companies")) if each.get(role))
    return _joined(_names(list(companies))) or None


def _steam_ids(item: Item) -> list[str]:
    links = [game for game in _dicts(item.get("external_games")) if game.get("external_game_source") == STEAM]
    uids = (str(game.get("uid", "")) for game in links)
    return list(dict.fromkeys(f"steam:{int(uid)}" for uid in uids if uid.isascii() and uid.isdigit()))
