"""Which games and plays a run may know: real or made-up ones, and none from its cut-off on."""

from datetime import date, timedelta
from typing import Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.errors import SourceUnavailable
from almanac.workloads.games.sources import igdb, simulated

# The catalogue was collected in May 2019; the made-up players end in May 2026.
CATALOGUE_DATE = date(2019, 6, 1)
SIMULATED_DATE = simulated.ENDS_AT.date()


def select(games: pd.DataFrame, *, sample: Literal["full", "mock"]) -> pd.DataFrame:
    """Return the made-up or built-in games for a mock sample, otherwise the real ones, or the others where there are none.

    Games that their source no longer lists are left out. Raises SourceUnavailable where there is no game at all.
    """
    listed = games[games["listed"]]
    made_up = listed["source"] == simulated.SOURCE
    chosen = listed[made_up] if sample == "mock" or made_up.all() else listed[~made_up]
    if chosen.empty:
        raise SourceUnavailable(
            f"There is no game for sample '{sample}' in the database yet. Run 1_collect first, or `almanac run games`."
        )
    return chosen.reset_index(drop=True)


def select_plays(plays: pd.DataFrame, games: pd.DataFrame) -> pd.DataFrame:
    """Return the plays of these games."""
    return plays[plays["game_id"].isin(games["game_id"])].reset_index(drop=True)


def cut_off(games: pd.DataFrame, plays: pd.DataFrame, *, wanted: date | None, slot: date) -> CutOff:
    """Return the cut-off: the wanted day, else the slot's where a live source or a fresh play tells of it, else the end of the catalogue.

    A day inside the data is a demonstration; made-up data are simulated.
    """
    is_simulated = bool((games["source"] == simulated.SOURCE).all())
    names = sorted(set(games["source"]) | set(plays["source"]))
    is_live = igdb.SOURCE in names or _has_fresh_play(plays, slot)
    day = wanted or (
        slot if is_live and not is_simulated else SIMULATED_DATE if is_simulated else CATALOGUE_DATE
    )
    return CutOff(data_as_of=day, demo=day != slot, simulated=is_simulated, source=" + ".join(names))


def _has_fresh_play(plays: pd.DataFrame, slot: date) -> bool:
    moments = plays["played_at"].dropna()
    return bool(len(moments)) and bool(moments.max() >= pd.Timestamp(slot - timedelta(days=30), tz="UTC"))
