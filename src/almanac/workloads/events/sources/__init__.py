"""The sources of events: the queue's own history, else a replayed public trace, else a generated one."""

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
from almanac.workloads.events.sources import generator, measurements, replayed_trace, traces
from almanac.workloads.events.sources.generator import TrafficPattern
from almanac.workloads.events.sources.measurements import Observe

__all__ = ["ENOUGH_BATCHES", "Fetched", "cut_off", "fetch", "of_same_source", "select"]

# With so many batches of its own, a queue needs no replay.
ENOUGH_BATCHES = 250
DEMONSTRATION = "azure-conv"
MOCK_SECONDS = 900.0
SEED = 20_231_116
OF_WORKERS = (measurements.SOURCE, measurements.TRIAL)

log = logging.getLogger(__name__)
Sample = Literal["full", "mock"]


@dataclass(frozen=True)
class Fetched:
    """The rows of one collect: `history` and `traffic` of the contract, and why sources were skipped."""

    history: pd.DataFrame
    traffic: pd.DataFrame
    source: str
    skipped_sources: list[str]


def fetch(settings: Settings, observe: Observe, *, sample: Sample = "full") -> Fetched:
    """Fetch the measurements of workers.

    While these are few, replay an hour of a public trace against a simulated clock. Batches with simulated
    processing are used only where measured ones are too few, and never beside them. `observe` is
    `Step.newest_rows`. Without mirror, cache and network, a generated trace takes the place of the public
    one, with a warning. Raises SourceCorrupt.
    """
    if sample == "mock":
        pattern = TrafficPattern(day_seconds=MOCK_SECONDS)
        return _replayed(generator.generate(MOCK_SECONDS, seed=SEED, pattern=pattern), settings, [])
    batches = measurements.batches(observe)
    for source in OF_WORKERS:
        own = batches[batches["source"] == source].reset_index(drop=True)
        if len(own) >= ENOUGH_BATCHES:
            return Fetched(own, measurements.arrivals(observe, source), source, [])
    return _demonstration(settings, _too_few(batches))


def select(history: pd.DataFrame, *, sample: Sample, until: date | None = None) -> pd.DataFrame:
    """Return the batches of the best source that has enough of them, without those from the day `until` on.

    Measured batches come first, then trials, then replayed traces. Raises SourceUnavailable where there is
    no batch.
    """
    if until:
        history = history[history["started_at"] < pd.Timestamp(until, tz=UTC)]
    for source, fewest in _fewest_batches(sample).items():
        batches = history[history["source"] == source]
        if len(batches) >= fewest:
            return batches.reset_index(drop=True)
    raise SourceUnavailable(
        f"There is no batch for sample '{sample}' in the database yet. "
        "Run 1_collect first, or `almanac run events`."
    )


def of_same_source(traffic: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the newest arrivals of the source of some batches, up to the last batch, in their order."""
    is_own = traffic["source"] == history["source"].iloc[0]
    own = traffic[is_own & (traffic["arrived_at"] <= history["started_at"].max())]
    ordered = own.sort_values(["arrived_at", "event_id"], kind="stable")
    newest: pd.DataFrame = ordered.tail(measurements.NEWEST_EVENTS).reset_index(drop=True)
    return newest


def cut_off(history: pd.DataFrame) -> CutOff:
    """Return the cut-off of selected batches: the day after the last one.

    A replayed public trace counts as a demonstration: its arrivals are real and its processing seconds are
    not. A generated trace is simulated.
    """
    source = str(history["source"].iloc[0])
    last = history["started_at"].max().to_pydatetime().astimezone(UTC).date()
    name = source if source in OF_WORKERS else f"{source}, replayed with simulated processing"
    return CutOff(
        data_as_of=last + timedelta(days=1),
        demo=source != measurements.SOURCE,
        simulated=source == generator.SOURCE,
        source=name,
        newest_data=last,
    )


def _fewest_batches(sample: Sample) -> dict[str, int]:
    """Return the sources of a sample, the best first, with the least number of batches of each."""
    if sample == "mock":
        return {generator.SOURCE: 1}
    return dict.fromkeys(OF_WORKERS, ENOUGH_BATCHES) | dict.fromkeys((DEMONSTRATION, generator.SOURCE), 1)


def _too_few(batches: pd.DataFrame) -> str:
    measured = int((batches["source"] == measurements.SOURCE).sum())
    return f"{measurements.SOURCE} ({measured} batches so far, {ENOUGH_BATCHES} are needed)"


def _demonstration(settings: Settings, reason: str) -> Fetched:
    """Return a replay of the public trace, or of a generated one without a connection."""
    try:
        return _replayed(traces.read(DEMONSTRATION, settings), settings, [reason])
    except NoConnection as error:
        log.warning(
            "NO REAL ARRIVALS: %s A GENERATED TRACE is used; every answer will say 'source: simulated'.",
            error,
        )
        skipped = [reason, f"{DEMONSTRATION} ({error})"]
    return _replayed(traces.read(generator.SOURCE, settings), settings, skipped)


def _replayed(trace: Trace, settings: Settings, skipped: list[str]) -> Fetched:
    prices, objective = Prices.of(settings), settings.events_objective_seconds
    history = replayed_trace.history(trace, prices, objective_seconds=objective, seed=SEED)
    return Fetched(history, trace.frame(), trace.name, skipped)
