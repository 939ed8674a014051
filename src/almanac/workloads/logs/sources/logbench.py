"""Reads the logging statements of 51 projects from LogBench (Apache-2.0), which only mirrors have."""

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
    is_offline = not settings.mirror.startswith("http")
    copy = mirror.read(file, settings.model_copy(update={"offline": is_offline}))
    rows = list(csv.DictReader(io.StringIO(copy.content.decode())))
    projects, levels, texts = ([row[name] for row in rows] for name in ("project", "level", "text"))
    return statements.make([statements.table(projects, levels, texts)], origin=ORIGIN)
