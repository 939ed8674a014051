"""Brings in what logs are learned from, and entries to show where nobody has sent any."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
import pyarrow as pa

from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.logs.sources import hdfs, kafka, logbench, loghub, packages, simulated
from almanac.workloads.logs.sources.selection import cut_off, select, settled_cut
from almanac.workloads.logs.sources.statements import COLUMNS
from almanac.workloads.logs.terms.traces import COLUMNS as TRACE_COLUMNS

__all__ = ["Fetched", "cut_off", "fetch", "select", "settled_cut"]

LOGHUB_OFF = "its licence allows research only; ALMANAC_ACCEPT_LOGHUB=1 opts in"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """Everything one collect brought in.

    `statements` and `traces` are as declared in the contract, `entries` are demo entries with the columns of `formats.SCHEMA`.
    `skipped_sources` names each source that told nothing, and why.
    """

    statements: pd.DataFrame
    traces: pd.DataFrame
    entries: list[pa.Table]
    source: str
    simulated: bool
    skipped_sources: list[str] = field(default_factory=list)


@dataclass
class _Basket:
    """What the sources have brought so far."""

    statements: list[pd.DataFrame] = field(default_factory=list)
    traces: list[pd.DataFrame] = field(default_factory=list)
    entries: list[pa.Table] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def take(self, name: str, bring: Callable[[], None]) -> None:
        """Let a source bring what it has, or note why it has nothing."""
        try:
            bring()
            self.told.append(name)
        except SourceUnavailable as error:
            log.warning("%s is skipped: %s", name, error)
            self.skipped.append(f"{name} ({error})")


def fetch(settings: Settings, *, sample: Literal["full", "mock"] = "full") -> Fetched:
    """Fetch the training data, and entries to show: the public Kafka logs, or generated ones, said loudly and in `simulated`.

    A source that cannot be read is skipped and named; the logging statements of installed packages are always there. Raises SourceCorrupt.
    """
    if sample == "mock":
        return _generated([])
    basket = _Basket()
    basket.take("kafka", lambda: _kafka(settings, basket))
    basket.take("logbench", lambda: basket.statements.append(logbench.fetch(settings)))
    if settings.accept_loghub:
        basket.take("loghub", lambda: basket.statements.append(loghub.fetch(settings)))
        basket.take("hdfs", lambda: _hdfs(settings, basket))
    else:
        basket.skipped += [f"loghub ({LOGHUB_OFF})", f"hdfs ({LOGHUB_OFF})"]
    basket.take("python", lambda: basket.statements.append(packages.fetch()))
    return _whole(basket)


def _kafka(settings: Settings, basket: _Basket) -> None:
    found = kafka.fetch(settings)
    basket.statements.append(found.statements)
    basket.entries.extend(found.entries)


def _hdfs(settings: Settings, basket: _Basket) -> None:
    found = hdfs.fetch(settings)
    basket.traces.append(found.traces)
    basket.entries.extend(found.entries)


def _whole(basket: _Basket) -> Fetched:
    traces = (
        pd.concat(basket.traces, ignore_index=True) if basket.traces else pd.DataFrame(columns=TRACE_COLUMNS)
    )
    statements = pd.concat(basket.statements, ignore_index=True)[COLUMNS]
    if basket.entries:
        return Fetched(statements, traces, basket.entries, " + ".join(basket.told), False, basket.skipped)
    log.warning(
        "NO REAL LOG: the public Kafka logs cannot be read. GENERATED ENTRIES are shown; every answer will say 'source: simulated'."
    )
    made = _generated(basket.skipped)
    return Fetched(statements, made.traces, made.entries, simulated.SOURCE, True, basket.skipped)


def _generated(skipped: list[str]) -> Fetched:
    return Fetched(
        simulated.statements(),
        simulated.traces_of(simulated.entries()[0]),
        simulated.entries(),
        simulated.SOURCE,
        True,
        skipped,
    )
