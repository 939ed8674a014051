"""The games and plays that a run may use: real or simulated ones, and only those before its cut-off."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.errors import SourceUnavailable
from almanac.workloads.games.sources import igdb, simulated

# The catalogue was collected in May 2019; the simulated players end in May 2026.
CATALOGUE_DATE = date(2019, 6, 1)
SIMULATED_DATE = simulated.ENDS_AT.date()
FRESH = timedelta(days=30)
NO_GAMES = (
    "There is no game for sample '{}' in the database yet. Run 1_collect first, or `almanac run games`."
)


def select(games: pd.DataFrame, *, sample: Literal["full", "mock"]) -> pd.DataFrame:
    """Return the simulated or built-in games for a mock sample, otherwise the real ones if there are any.

    Games that their source no longer lists are left out. Raises SourceUnavailable without any game.
    """
    listed = games[games["listed"]]
    is_simulated = listed["source"] == simulated.SOURCE
    takes_simulated = sample == "mock" or is_simulated.all()
    selected = listed[is_simulated == takes_simulated]
    if selected.empty:
        raise SourceUnavailable(NO_GAMES.format(sample))
    return selected.reset_index(drop=True)


def select_plays(plays: pd.DataFrame, games: pd.DataFrame) -> pd.DataFrame:
    """Return the plays of these games."""
    return plays[plays["game_id"].isin(games["game_id"])].reset_index(drop=True)


def cut_off(games: pd.DataFrame, plays: pd.DataFrame, *, requested: date | None, slot: date) -> CutOff:
    """Return the cut-off: the requested day, or a default of the sources.

    The default is the slot's day with a live source or plays of the days up to it, otherwise the end of the
    catalogue. A cut-off before the slot is a demonstration; simulated games are marked as simulated.
    """
    is_simulated = set(games["source"]) <= {simulated.SOURCE}
    names = {*games["source"], *plays["source"]}
    is_live = igdb.SOURCE in names or _has_fresh_play(plays, slot)
    day = requested or _default_day(slot, is_live=is_live, is_simulated=is_simulated)
    source = " + ".join(sorted(names))
    newest = _newest(plays["played_at"], day) or _newest(games["released"], day)
    cut = CutOff(data_as_of=day, demo=day != slot, simulated=is_simulated, source=source)
    return replace(cut, newest_data=newest)


def _default_day(slot: date, *, is_live: bool, is_simulated: bool) -> date:
    if is_simulated:
        return SIMULATED_DATE
    return slot if is_live else CATALOGUE_DATE


def _newest(moments: pd.Series, day: date) -> date | None:
    """Return the day of the newest of these moments before a day, or None."""
    instants = pd.to_datetime(moments, utc=True)
    earlier = instants[instants < pd.Timestamp(day, tz="UTC")]
    return None if earlier.empty else earlier.max().date()


def _has_fresh_play(plays: pd.DataFrame, slot: date) -> bool:
    played_at, day_after = plays["played_at"], slot + timedelta(days=1)
    is_recent = played_at >= pd.Timestamp(slot - FRESH, tz="UTC")
    is_past = played_at < pd.Timestamp(day_after, tz="UTC")
    return bool((is_recent & is_past).any())
