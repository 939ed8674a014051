"""Reads samples of loghub (research or academic use): five systems, each entry with its level."""

from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs import formats
from almanac.workloads.logs.sources import pins, statements
from almanac.workloads.logs.terms import arrays

ORIGIN = "loghub"
# Levels and texts are learned, times are not, so any year will do for times without one.
YEAR = 2000


def fetch(settings: Settings) -> pd.DataFrame:
    """Return the statements of all systems; raises SourceUnavailable, SourceCorrupt."""
    copies = mirror.read_all(pins.pinned(ORIGIN), settings)
    return statements.make([_labelled(copy) for copy in copies], origin=ORIGIN)


def _labelled(copy: mirror.Copy) -> pa.Table:
    """Return level, text and system of a sample; the first part of its path names the system."""
    name = PurePosixPath(copy.file.path).parts[0]
    parts = formats.parse([copy.content], form="loghub_csv", year=YEAR)
    entries = pa.concat_tables([parsed.entries for parsed in parts])
    system = arrays.repeated(name, len(entries))
    return entries.select(["level", "text"]).append_column("system", system)
