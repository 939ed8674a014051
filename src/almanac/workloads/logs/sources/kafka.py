"""Reads the Kafka broker logs of elastic/examples (Apache-2.0): statements to learn from and entries to show."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs import formats
from almanac.workloads.logs.sources import pins, statements

ORIGIN = "kafka"


@dataclass(frozen=True)
class Told:
    """Statements, and entries with the columns of `formats.SCHEMA`."""

    statements: pd.DataFrame
    entries: list[pa.Table]


def fetch(settings: Settings) -> Told:
    """Read the logs of both brokers; raises SourceUnavailable, SourceCorrupt."""
    copies = mirror.read_all(pins.pinned(ORIGIN), settings)
    read = [
        parsed.entries
        for copy in copies
        for parsed in formats.parse([copy.content], form="log4j", source=_source(copy.file.path))
    ]
    learned = [_learned(entries) for entries in read if len(entries)]
    return Told(statements.make(learned, origin=ORIGIN), [entries for entries in read if len(entries)])


def _source(path: str) -> str:
    """Name broker and log, for example kafka0/server."""
    place = PurePosixPath(path)
    broker = next(part for part in place.parts if part.startswith("kafka") and part[-1].isdigit())
    return f"{broker}/{place.name.partition('.')[0]}"


def _learned(entries: pa.Table) -> pa.Table:
    system = pa.repeat(pa.scalar("Kafka", pa.large_string()), len(entries))
    return entries.select(["level", "text", "event_time"]).append_column("system", system)
