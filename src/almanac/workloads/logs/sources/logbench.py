"""Reads the logging statements of LogBench (Apache-2.0), which lie in mirrors only: text and level of 51 projects."""

import csv
import io

import pandas as pd

from almanac.download import mirror
from almanac.settings import Settings
from almanac.workloads.logs.sources import pins, statements

ORIGIN = "logbench"


def fetch(settings: Settings) -> pd.DataFrame:
    """Return the statements; raises SourceUnavailable where there is no mirror, SourceCorrupt."""
    (file,) = pins.pinned(ORIGIN)
    # The file is derived and has no public address, so the network is not asked.
    copy = mirror.read(file, settings.model_copy(update={"offline": not settings.mirror.startswith("http")}))
    rows = list(csv.DictReader(io.StringIO(copy.content.decode())))
    table = statements.table(
        (row["project"] for row in rows), (row["level"] for row in rows), (row["text"] for row in rows)
    )
    return statements.make([table], origin=ORIGIN)
