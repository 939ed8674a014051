"""Reads an HDFS log with labelled sessions (2 % of the blocks; loghub's notice holds): traces to learn from and entries to show."""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs import features, formats
from almanac.workloads.logs.sources import pins
from almanac.workloads.logs.terms import traces

ORIGIN = "hdfs"
SOURCE = "hdfs"


@dataclass(frozen=True)
class Told:
    """Traces, and entries with the columns of `formats.SCHEMA`."""

    traces: pd.DataFrame
    entries: list[pa.Table]


def fetch(settings: Settings) -> Told:
    """Read events and labels; raises SourceUnavailable, SourceCorrupt."""
    log, labels = mirror.read_all(pins.pinned(ORIGIN), settings)
    entries = [parsed.entries for parsed in formats.parse([log.content], form="hdfs_parquet", source=SOURCE)]
    told = parquet.read_table(io.BytesIO(labels.content)).to_pandas().set_index("seq_id")["anomaly"]
    return Told(traces.make(events(pa.concat_tables(entries)), origin=ORIGIN, labels=told), entries)


def events(entries: pa.Table) -> pd.DataFrame:
    """Return session, event_time and text_id of entries."""
    codes, forms = features.masked(entries["text"])
    ids = np.array(features.text_ids(forms), dtype=object)
    frame: pd.DataFrame = entries.select(["session", "event_time"]).to_pandas()
    return frame.assign(text_id=ids[codes])
