"""Brings games in: the Steam catalogue, IGDB with a key, and where neither can be read some well-known games with made-up players."""

import logging
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from almanac.download.client import NoConnection
from almanac.download.mirror import NoFilesAvailable
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.games.sources import builtin, games, igdb, plays_csv, simulated, steam
from almanac.workloads.games.sources.games import gone
from almanac.workloads.games.sources.selection import cut_off, select, select_plays

__all__ = ["Fetched", "cut_off", "fetch", "gone", "select", "select_plays"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """Everything one collect brought in: games and plays as declared in the contract, refused rows, and which sources told nothing."""

    games: pd.DataFrame
    plays: pd.DataFrame
    skipped: pd.DataFrame
    source: str
    simulated: bool
    where: str
    skipped_sources: list[str]


def fetch(settings: Settings, *, sample: Literal["full", "mock"] = "full") -> Fetched:
    """Fetch all games, with the user's keys also those of IGDB.

    Without mirror, cache and network the built-in games with made-up players take their place, said loudly and in `simulated`.
    Raises SourceUnavailable, SourceCorrupt, UsageError.
    """
    if sample == "mock":
        return _made_up()
    try:
        told = steam.read(settings)
    except (NoFilesAvailable, NoConnection) as error:
        log.warning(
            "NO REAL DATA: %s THE BUILT-IN GAMES with made-up players are used; every answer will say 'source: simulated'.",
            error,
        )
        return replace(_made_up(), skipped_sources=[f"{steam.SOURCE} ({error})"])
    return _with_igdb(
        settings, Fetched(told.games, plays_csv.frame([]), told.skipped, steam.SOURCE, False, told.where, [])
    )


def _made_up() -> Fetched:
    known = builtin.catalogue()
    return Fetched(
        known, simulated.world(known).plays, games.skipped([]), simulated.SOURCE, True, "package", []
    )


def _with_igdb(settings: Settings, told: Fetched) -> Fetched:
    reason = _why_not(settings)
    if not reason:
        try:
            found, refused = igdb.fetch(settings)
        except SourceUnavailable as error:
            reason = str(error)
    if reason:
        log.warning("%s is skipped: %s", igdb.SOURCE, reason)
        return replace(told, skipped_sources=[*told.skipped_sources, f"{igdb.SOURCE} ({reason})"])
    skipped = pd.concat([told.skipped, refused], ignore_index=True)
    return replace(
        told, games=igdb.joined(told.games, found), skipped=skipped, source=f"{told.source} + {igdb.SOURCE}"
    )


def _why_not(settings: Settings) -> str:
    if settings.igdb_client_id is None or settings.igdb_client_secret is None:
        return "IGDB_CLIENT_ID and IGDB_CLIENT_SECRET are not set"
    return "the network is off (ALMANAC_OFFLINE)" if settings.offline else ""
