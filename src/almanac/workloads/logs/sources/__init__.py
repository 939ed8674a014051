"""Fetches what the models learn from, and demo entries for a table without any."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
import pyarrow as pa

from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.logs.sources import hdfs, kafka, logbench, loghub, packages, simulated
from almanac.workloads.logs.sources.selection import cut_off, cut_off_of, select
from almanac.workloads.logs.sources.statements import COLUMNS
from almanac.workloads.logs.terms.traces import COLUMNS as TRACE_COLUMNS

__all__ = ["Fetched", "cut_off", "cut_off_of", "fetch", "select"]

LOGHUB_OFF = "its licence allows research only; ALMANAC_ACCEPT_LOGHUB=1 opts in"
NO_REAL_LOG = (
    "NO REAL LOG: the public Kafka logs cannot be read. GENERATED ENTRIES are shown; "
    "every answer will say 'source: simulated'."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """Everything that one collect fetched.

    `statements` and `traces` are as declared in the contract. `entries` are demo entries with the columns of
    `formats.SCHEMA`.
    `skipped_sources` names each source without data, and why it has none.
    """

    statements: pd.DataFrame
    traces: pd.DataFrame
    entries: list[pa.Table]
    source: str
    simulated: bool
    skipped_sources: list[str] = field(default_factory=list)


@dataclass
class _Collection:
    """Data of the sources so far, with the names of sources that were read and of those that were skipped."""

    settings: Settings
    statements: list[pd.DataFrame] = field(default_factory=list)
    traces: list[pd.DataFrame] = field(default_factory=list)
    entries: list[pa.Table] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, name: str, read: Callable[[], None]) -> None:
        """Read a source, or note why it is skipped."""
        try:
            read()
            self.sources.append(name)
        except SourceUnavailable as error:
            log.warning("%s is skipped: %s", name, error)
            self.skipped.append(f"{name} ({error})")

    def read_kafka(self) -> None:
        logs = kafka.fetch(self.settings)
        self.statements.append(logs.statements)
        self.entries.extend(logs.entries)

    def read_logbench(self) -> None:
        self.statements.append(logbench.fetch(self.settings))

    def read_loghub(self) -> None:
        self.statements.append(loghub.fetch(self.settings))

    def read_hdfs(self) -> None:
        log_with_sessions = hdfs.fetch(self.settings)
        self.traces.append(log_with_sessions.traces)
        self.entries.extend(log_with_sessions.entries)

    def read_packages(self) -> None:
        self.statements.append(packages.fetch())

    def all_statements(self) -> pd.DataFrame:
        return pd.concat(self.statements, ignore_index=True)[COLUMNS]

    def all_traces(self) -> pd.DataFrame:
        return (
            pd.concat(self.traces, ignore_index=True) if self.traces else pd.DataFrame(columns=TRACE_COLUMNS)
        )


def fetch(settings: Settings, *, sample: Literal["full", "mock"] = "full") -> Fetched:
    """Fetch the training data and demo entries: the public Kafka logs, or generated ones with a loud warning.

    A source that cannot be read is skipped and named. The logging statements of installed packages are always
    there. Raises SourceCorrupt.
    """
    if sample == "mock":
        return _generated([])
    data = _Collection(settings)
    data.add("kafka", data.read_kafka)
    data.add("logbench", data.read_logbench)
    if settings.accept_loghub:
        data.add("loghub", data.read_loghub)
        data.add("hdfs", data.read_hdfs)
    else:
        data.skipped += [f"loghub ({LOGHUB_OFF})", f"hdfs ({LOGHUB_OFF})"]
    data.add("python", data.read_packages)
    return _fetched(data)


def _fetched(data: _Collection) -> Fetched:
    statements, skipped = data.all_statements(), data.skipped
    if data.entries:
        return Fetched(statements, data.all_traces(), data.entries, " + ".join(data.sources), False, skipped)
    log.warning(NO_REAL_LOG)
    generated = _generated(skipped)
    return Fetched(statements, generated.traces, generated.entries, simulated.SOURCE, True, skipped)


def _generated(skipped: list[str]) -> Fetched:
    entries = simulated.entries()
    traces = simulated.traces_of(entries[0])
    return Fetched(simulated.statements(), traces, entries, simulated.SOURCE, True, skipped)
