"""Which matches a run may use: real or generated ones, and none from its cut-off on."""

import difflib
from datetime import date
from typing import Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.errors import SourceUnavailable, UsageError
from almanac.workloads.football.sources import clubs, simulated
from almanac.workloads.football.sources.schedule import GONE

# A Friday of the newest season that the pinned files cover whole: two rounds of nearly every league are still
# to come.
DEMO_DATE = date(2025, 4, 25)
# As many days as 4_predict looks ahead, the first one included.
HORIZON_DAYS = 14


def select(matches: pd.DataFrame, *, sample: Literal["full", "mock"]) -> pd.DataFrame:
    """Return the generated matches for a mock sample, otherwise the real ones; none that its source gave up.

    Without real matches the generated ones take their place. Raises SourceUnavailable if there is no match at
    all.
    """
    if "status" in matches:
        matches = matches[matches["status"] != GONE]
    is_generated = matches["source"] == simulated.SOURCE
    takes_generated = sample == "mock" or is_generated.all()
    chosen = matches[is_generated if takes_generated else ~is_generated]
    if chosen.empty:
        raise SourceUnavailable(
            f"There is no match for sample '{sample}' in the database yet."
            " Run 1_collect first, or `almanac run football`."
        )
    return chosen.reset_index(drop=True)


def cut_off(matches: pd.DataFrame, *, requested: date | None, slot: date) -> CutOff:
    """Return the cut-off: the requested day, else the slot's day if matches follow it, else DEMO_DATE."""
    day = requested or (slot if _has_matches_after(matches, slot) else DEMO_DATE)
    sources = sorted(matches["source"].unique())
    is_simulated = sources == [simulated.SOURCE]
    return CutOff(
        data_as_of=day,
        demo=day != slot,
        simulated=is_simulated,
        source=" + ".join(sources),
        newest_data=_newest_result(matches, day),
    )


def club(matches: pd.DataFrame, name: str) -> str:
    """Return the club with this name or alias in these matches; raises UsageError with the nearest names."""
    names = sorted(set(matches["home"]) | set(matches["away"]))
    by_key = {clubs.key(each): each for each in names}
    match = by_key.get(clubs.key(name)) or _by_alias(name, names)
    if match is None:
        raise UsageError(f"Unknown club '{name}'. {_suggestion(name, names)}")
    return match


def _suggestion(name: str, names: list[str]) -> str:
    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"Did you mean {', '.join(nearest)}?" if nearest else "No name is near it."


def _by_alias(name: str, names: list[str]) -> str | None:
    countries = sorted({country for country, _ in clubs.spellings()})
    owners = (clubs.canonical(country, name) for country in countries)
    return next((owner for owner in owners if owner in names), None)


def _newest_result(matches: pd.DataFrame, day: date) -> date | None:
    """Return the day of the newest result before a day, None without one."""
    is_past = (matches["status"] == "played") & (pd.to_datetime(matches["date"]) < pd.Timestamp(day))
    newest = matches.loc[is_past, "date"].max()
    return None if pd.isna(newest) else pd.Timestamp(newest).date()


def _has_matches_after(matches: pd.DataFrame, day: date) -> bool:
    first = pd.Timestamp(day)
    last = first + pd.Timedelta(days=HORIZON_DAYS - 1)
    is_near = matches["date"].between(first, last)
    return bool((is_near & matches["status"].isin(["scheduled", "played"])).any())
