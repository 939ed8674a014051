"""Reads the Kafka broker logs of elastic/examples (Apache-2.0): statements to learn from and demo entries."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs import formats
from almanac.workloads.logs.sources import pins, statements
from almanac.workloads.logs.terms import arrays

ORIGIN = "kafka"


@dataclass(frozen=True)
class KafkaLogs:
    """Statements, and entries with the columns of `formats.SCHEMA`."""

    statements: pd.DataFrame
    entries: list[pa.Table]


def fetch(settings: Settings) -> KafkaLogs:
    """Read the logs of both brokers; raises SourceUnavailable, SourceCorrupt."""
    copies = mirror.read_all(pins.pinned(ORIGIN), settings)
    tables = [table for copy in copies for table in _entries(copy) if len(table)]
    learned = [_labelled(table) for table in tables]
    return KafkaLogs(statements.make(learned, origin=ORIGIN), tables)


def sources() -> set[str]:
    """Return the names of the sources of the demo entries, such as kafka0/server."""
    return {_source(file.path) for file in pins.pinned(ORIGIN)}


def _entries(copy: mirror.Copy) -> list[pa.Table]:
    source = _source(copy.file.path)
    return [parsed.entries for parsed in formats.parse([copy.content], form="log4j", source=source)]


def _source(path: str) -> str:
    """Return broker and log of a path, for example kafka0/server."""
    place = PurePosixPath(path)
    brokers = (part for part in place.parts if part.startswith("kafka") and part[-1].isdigit())
    return f"{next(brokers)}/{place.name.partition('.')[0]}"


def _labelled(entries: pa.Table) -> pa.Table:
    system = arrays.repeated("Kafka", len(entries))
    return entries.select(["level", "text", "event_time"]).append_column("system", system)
