"""What a step reads and writes in the workload's tables."""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from almanac.steps.context import StepContext
from almanac.store.connections.database import Result, Work
from almanac.store.publishing import published
from almanac.store.publishing.incremental import increments
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.rows import binary_copy, raw
from almanac.store.schema import workload_sql

MOST_NAMED = 20

log = logging.getLogger(__name__)


class TableAccess(StepContext):
    """Raw tables, the workload's own views and functions, and the entries of an incremental workload."""

    def upsert(self, table: str, frame: pd.DataFrame) -> raw.UpsertCounts:
        """Bring rows into a raw table of this step's sample; log corrections and refused rows."""
        name = raw.of_sample(table, self.sample)
        counts = raw.upsert(self.database, self.contract, name, frame, run_id=self.run_id or None)
        for refusal in counts.refusals[:MOST_NAMED]:
            log.warning("%s.%s refuses row %s: %s", self.workload, name, *refusal)
        if counts.refused > MOST_NAMED:
            log.warning("%s.%s refuses %d rows in all", self.workload, name, counts.refused)
        return counts

    def read(self, table: str) -> pd.DataFrame:
        """Return a raw table of this step's sample as a frame: a real run sees no row of a mock run."""
        frame = raw.read(self.database, self.contract, raw.of_sample(table, self.sample))
        if self.sample == "mock" and len(frame):
            self._made_up_tables.append(table)
        return frame

    def corrections(self, *, limit: int = 10) -> pd.DataFrame:
        """Return the newest corrections of this workload's raw tables."""
        return raw.corrections(self.database, self.workload, limit=limit)

    def newest_rows(self, view: str, *, by: str, limit: int) -> pd.DataFrame:
        """Return the last rows of a view of the workload's own SQL, in the order of column `by`."""
        return workload_sql.newest_rows(self.database, self.workload, view, by=by, limit=limit)

    def query(self, work: Work[Result]) -> Result:
        """Run a function of the workload on a connection in the role of a worker, in one transaction."""
        with self.database.connect() as connection:
            return work(connection)

    def ingest(self, tables: Iterable[pa.Table], *, demo: bool = False) -> list[Any]:
        """Store those entries of an incremental workload that are not there yet.

        Return the counts for each table. `demo` marks entries that nobody has sent.
        """
        entries = self._hook("entries")
        load = entries.Load(binary_copy.encode, demo)
        return [self.query(partial(entries.store, entries=table, load=load)) for table in tables]

    def unscored_entries(self, version: int) -> UnscoredEntries:
        """Return the entries of an incremental workload that a version has not predicted, to be read once."""
        return increments.unscored_entries(self.database, self.contract, version)

    def read_published(self, table: str, version: int) -> pd.DataFrame:
        """Return a released table of an incremental workload over all runs of a version, merged by key."""
        return published.read_version(self.database, self.contract, table, version)
