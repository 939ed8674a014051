"""Reads an HDFS log with labelled sessions: traces to learn from and demo entries.

It holds 2 % of the blocks; loghub's licence applies.
"""

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
class HdfsLog:
    """Traces, and entries with the columns of `formats.SCHEMA`."""

    traces: pd.DataFrame
    entries: list[pa.Table]


def fetch(settings: Settings) -> HdfsLog:
    """Read events and labels; raises SourceUnavailable, SourceCorrupt."""
    log, labels = mirror.read_all(pins.pinned(ORIGIN), settings)
    parts = formats.parse([log.content], form="hdfs_parquet", source=SOURCE)
    entries = [parsed.entries for parsed in parts]
    frame = parquet.read_table(io.BytesIO(labels.content)).to_pandas()
    abnormal = frame.set_index("seq_id")["anomaly"]
    return HdfsLog(traces.make(events(pa.concat_tables(entries)), origin=ORIGIN, labels=abnormal), entries)


def events(entries: pa.Table) -> pd.DataFrame:
    """Return session, event_time and text_id of entries."""
    codes, forms = features.mask_all(entries["text"])
    ids = np.array(features.text_ids(forms), dtype=object)
    frame: pd.DataFrame = entries.select(["session", "event_time"]).to_pandas()
    return frame.assign(text_id=ids[codes])
