"""Fetches games: the Steam catalogue, IGDB with a key, or the built-in games with simulated players."""

import logging
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from almanac.download.client import NoConnection
from almanac.download.mirror import NoFilesAvailable
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games.sources import builtin, games, igdb, plays_csv, simulated, steam
from almanac.workloads.games.sources.games import delisted
from almanac.workloads.games.sources.selection import cut_off, select, select_plays

__all__ = ["Fetched", "completed", "cut_off", "delisted", "fetch", "select", "select_plays"]

NO_DATA = (
    "NO REAL DATA: %s THE BUILT-IN GAMES with simulated players are used;"
    " every answer will say 'source: simulated'."
)
NO_KEYS = "IGDB_CLIENT_ID and IGDB_CLIENT_SECRET are not set"
NO_NETWORK = "the network is off (ALMANAC_OFFLINE)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The result of one collect: games and plays as in the contract, refused rows, and skipped sources.

    `unread` is the id after which IGDB was not read: 0 where it was silent, None where it was read whole.
    """

    games: pd.DataFrame
    plays: pd.DataFrame
    skipped: pd.DataFrame
    source: str
    simulated: bool
    where: str
    skipped_sources: list[str]
    unread: int | None = 0


def completed(fetched: Fetched, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the fetched games, in which a source that was silent changes nothing of the `stored` ones."""
    if fetched.simulated or fetched.unread is None:
        return fetched.games
    return games.completed(fetched.games, stored, unread=fetched.unread)


def fetch(settings: Settings, *, sample: Literal["full", "mock"] = "full") -> Fetched:
    """Fetch all games, with the user's keys also those of IGDB.

    Without mirror, cache and network the built-in games with simulated players take their place; the log and
    `simulated` say so. Raises SourceUnavailable, SourceCorrupt, UsageError.
    """
    if sample == "mock":
        return _simulated()
    try:
        catalogue = steam.read(settings)
    except (NoFilesAvailable, NoConnection) as error:
        log.warning(NO_DATA, error)
        return replace(_simulated(), skipped_sources=[f"{steam.SOURCE} ({error})"])
    return _with_igdb(settings, _of_steam(catalogue))


def _of_steam(catalogue: steam.Catalogue) -> Fetched:
    no_plays = plays_csv.frame([])
    return Fetched(catalogue.games, no_plays, catalogue.skipped, steam.SOURCE, False, catalogue.where, [])


def _simulated() -> Fetched:
    catalogue = builtin.catalogue()
    plays = simulated.world(catalogue).plays
    return Fetched(catalogue, plays, games.skipped([]), simulated.SOURCE, True, "package", [])


def _with_igdb(settings: Settings, fetched: Fetched) -> Fetched:
    reason = _why_skipped(settings)
    if reason:
        return _without_igdb(fetched, reason)
    try:
        igdb_games, refused = igdb.fetch(settings)
    except SourceUnavailable as error:
        return _without_igdb(fetched, str(error))
    merged, unread = igdb.merge(fetched.games, igdb_games), igdb_games.attrs["unread"]
    refusals = [fetched.skipped, refused, igdb.shared(fetched.games, igdb_games)]
    skipped = pd.concat(refusals, ignore_index=True)
    source = f"{fetched.source} + {igdb.SOURCE}"
    read = replace(fetched, games=merged, skipped=skipped, source=source, unread=unread)
    return read if unread is None else _partly(read, refused["reason"].iloc[-1])


def _partly(fetched: Fetched, reason: str) -> Fetched:
    skipped = [*fetched.skipped_sources, f"a part of {igdb.SOURCE} ({reason})"]
    return replace(fetched, skipped_sources=skipped)


def _without_igdb(fetched: Fetched, reason: str) -> Fetched:
    log.warning("%s is skipped: %s", igdb.SOURCE, reason)
    skipped = [*fetched.skipped_sources, f"{igdb.SOURCE} ({reason})"]
    return replace(fetched, skipped_sources=skipped)


def _why_skipped(settings: Settings) -> str:
    if settings.igdb_client_id is None or settings.igdb_client_secret is None:
        return NO_KEYS
    return NO_NETWORK if settings.offline else ""
