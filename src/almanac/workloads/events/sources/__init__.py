"""Where events come from: the queue's own batches and arrivals, else a public trace that is replayed, else a generated one."""

import logging
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Literal

import pandas as pd

from almanac.contract import CutOff
from almanac.download.client import NoConnection
from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays.trace import Trace
from almanac.workloads.events.sources import generator, measured, replayed, traces
from almanac.workloads.events.sources.measured import Observe

__all__ = ["ENOUGH_BATCHES", "Fetched", "cut_off", "fetch", "of_same_source", "select"]

# From so many batches on a queue's own history is used, and nothing replayed beside it.
ENOUGH_BATCHES = 250
DEMONSTRATION = "azure-conv"
MOCK_SECONDS = 900.0
SEED = 20_231_116

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """What one collect brought in: `history` and `traffic` as declared in the contract, and why something was left out."""

    history: pd.DataFrame
    traffic: pd.DataFrame
    source: str
    skipped_sources: list[str]


def fetch(settings: Settings, observe: Observe, *, sample: Literal["full", "mock"] = "full") -> Fetched:
    """Fetch what the workers measured; while that is little, also an hour of a public trace replayed against a simulated clock.

    What workers with simulated processing did is taken only while there is too little of the others, and never beside it.
    `observe` is the step's. Without mirror, cache and network a generated trace takes its place, said loudly. Raises SourceCorrupt.
    """
    if sample == "mock":
        return _replayed(
            generator.generate(MOCK_SECONDS, seed=SEED, shape=generator.Shape(day_seconds=MOCK_SECONDS)),
            settings,
            [],
        )
    batches = measured.batches(observe)
    for source in (measured.SOURCE, measured.TRIAL):
        own = batches[batches["source"] == source].reset_index(drop=True)
        if len(own) >= ENOUGH_BATCHES:
            return Fetched(own, measured.arrivals(observe, source), source, [])
    real = int((batches["source"] == measured.SOURCE).sum())
    reason = f"{measured.SOURCE} ({real} batches so far, {ENOUGH_BATCHES} are needed)"
    try:
        return _replayed(traces.read(DEMONSTRATION, settings), settings, [reason])
    except NoConnection as error:
        log.warning(
            "NO REAL ARRIVALS: %s A GENERATED TRACE is used; every answer will say 'source: simulated'.",
            error,
        )
        return _replayed(
            traces.read(generator.SOURCE, settings), settings, [reason, f"{DEMONSTRATION} ({error})"]
        )


def select(
    history: pd.DataFrame, *, sample: Literal["full", "mock"], wanted: date | None = None
) -> pd.DataFrame:
    """Return the batches of the source nearest to life that has enough of them, those from the wanted day on left out.

    A mock sample is always generated. Raises SourceUnavailable where there is none.
    """
    early = history["started_at"] < pd.Timestamp(wanted, tz=UTC) if wanted else history["started_at"].notna()
    known = history[early]
    by_workers = [measured.SOURCE, measured.TRIAL]
    for source in [generator.SOURCE] if sample == "mock" else [*by_workers, DEMONSTRATION, generator.SOURCE]:
        chosen = known[known["source"] == source]
        if len(chosen) >= (ENOUGH_BATCHES if source in by_workers else 1):
            return chosen.reset_index(drop=True)
    raise SourceUnavailable(
        f"There is no batch for sample '{sample}' in the database yet. Run 1_collect first, or `almanac run events`."
    )


def of_same_source(traffic: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the newest arrivals of the source that selected batches have, none later than the last batch, in their order."""
    own: pd.DataFrame = traffic[
        (traffic["source"] == history["source"].iloc[0])
        & (traffic["arrived_at"] <= history["started_at"].max())
    ]
    newest: pd.DataFrame = (
        own.sort_values(["arrived_at", "event_id"], kind="stable")
        .tail(measured.NEWEST_EVENTS)
        .reset_index(drop=True)
    )
    return newest


def cut_off(history: pd.DataFrame) -> CutOff:
    """Return the cut-off of selected batches: the day after the last one, since all before it is known.

    A replayed public trace counts as a demonstration: its arrivals are real, its processing seconds are not. A generated one is simulated.
    """
    source = str(history["source"].iloc[0])
    day = history["started_at"].max().to_pydatetime().astimezone(UTC).date() + timedelta(days=1)
    name = (
        source
        if source in (measured.SOURCE, measured.TRIAL)
        else f"{source}, replayed with simulated processing"
    )
    return CutOff(
        data_as_of=day, demo=source != measured.SOURCE, simulated=source == generator.SOURCE, source=name
    )


def _replayed(trace: Trace, settings: Settings, skipped: list[str]) -> Fetched:
    made = replayed.history(
        trace, Prices.of(settings), objective_seconds=settings.events_objective_seconds, seed=SEED
    )
    return Fetched(made, trace.frame(), trace.name, skipped)
