"""Reads samples of loghub (research or academic use): five systems, each entry with its level."""

from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs import formats
from almanac.workloads.logs.sources import pins, statements

ORIGIN = "loghub"
# Levels and texts are learned, times are not, so a made-up year for those without one does no harm.
YEAR = 2000


def fetch(settings: Settings) -> pd.DataFrame:
    """Return the statements of all systems; raises SourceUnavailable, SourceCorrupt."""
    copies = mirror.read_all(pins.pinned(ORIGIN), settings)
    return statements.make(
        [_learned(PurePosixPath(copy.file.path).parts[0], copy.content) for copy in copies], origin=ORIGIN
    )


def _learned(system: str, content: bytes) -> pa.Table:
    read = pa.concat_tables(
        [parsed.entries for parsed in formats.parse([content], form="loghub_csv", year=YEAR)]
    )
    return read.select(["level", "text"]).append_column(
        "system", pa.repeat(pa.scalar(system, pa.large_string()), len(read))
    )
