"""Which matches a run may know: real or generated ones, and none from its cut-off on."""

import difflib
from datetime import date, timedelta
from typing import Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.errors import SourceUnavailable, UsageError
from almanac.workloads.football.sources import clubs, simulated

# A Friday of the newest season that the pinned files cover whole: two rounds of nearly every league are still to come.
DEMO_DATE = date(2025, 4, 25)
HORIZON = timedelta(days=14)


def select(matches: pd.DataFrame, *, sample: Literal["full", "mock"]) -> pd.DataFrame:
    """Return the generated matches for a mock sample, otherwise the real ones, or the generated where there are no others.

    Raises SourceUnavailable where there is no match at all.
    """
    generated = matches["source"] == simulated.SOURCE
    chosen = matches[generated] if sample == "mock" or generated.all() else matches[~generated]
    if chosen.empty:
        raise SourceUnavailable(
            f"There is no match for sample '{sample}' in the database yet. Run 1_collect first, or `almanac run football`."
        )
    return chosen.reset_index(drop=True)


def cut_off(matches: pd.DataFrame, *, wanted: date | None, slot: date) -> CutOff:
    """Return the cut-off: the wanted day, else the slot's day where matches follow it, else a demo day inside the data."""
    day = wanted or (slot if _has_matches_after(matches, slot) else DEMO_DATE)
    is_simulated = bool((matches["source"] == simulated.SOURCE).all())
    names = " + ".join(sorted(matches["source"].unique()))
    return CutOff(data_as_of=day, demo=day != slot, simulated=is_simulated, source=names)


def club(matches: pd.DataFrame, name: str) -> str:
    """Return the club of these matches that a name or alias means; raises UsageError with the nearest names."""
    names = sorted(set(matches["home"]) | set(matches["away"]))
    found = {clubs.key(each): each for each in names}.get(clubs.key(name)) or _by_alias(name, names)
    if found is None:
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        raise UsageError(
            f"Unknown club '{name}'. {'Did you mean ' + ', '.join(nearest) + '?' if nearest else 'No name is near it.'}"
        )
    return found


def _by_alias(name: str, names: list[str]) -> str | None:
    countries = sorted({country for country, _ in clubs.known()})
    return next((meant for country in countries if (meant := clubs.canonical(country, name)) in names), None)


def _has_matches_after(matches: pd.DataFrame, day: date) -> bool:
    return bool(matches["date"].between(pd.Timestamp(day), pd.Timestamp(day + HORIZON)).any())
