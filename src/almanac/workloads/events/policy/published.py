"""The published policy, read through the same views as everybody reads, once for each release."""

import logging
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import psycopg

from almanac.workloads.events.policy import rhythm
from almanac.workloads.events.policy.lookup import Lookup, PolicyRow
from almanac.workloads.events.policy.queue_view import Connection, QueueView
from almanac.workloads.events.policy.rhythm import Rhythm

LIVE = """
SELECT release_id, run_ids, model_version FROM api.releases
WHERE workload = 'events' ORDER BY release_id DESC LIMIT 1
"""
STATES = "SELECT * FROM api.events_predictions WHERE run_id = ANY (%s)"
RHYTHM = "SELECT * FROM api.events_rhythm WHERE run_id = ANY (%s)"
# The view is missing where the newest run is older than the table.
HAS_RHYTHM = "SELECT to_regclass('api.events_rhythm') IS NOT NULL"
CHECK_SECONDS = 1.0
NOTHING = "no policy is published"
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class Policy:
    """The states of one release and its rhythm of arrivals; empty without a release."""

    lookup: Lookup | None = None
    release_id: int | None = None
    source: str = NOTHING
    checked_at: float = float("-inf")
    rhythm: Rhythm = field(default_factory=Rhythm)

    def find(self, view: QueueView) -> PolicyRow | None:
        """Return the row for what waits, or None where the policy has none."""
        if self.lookup is None:
            return None
        return self.lookup.find(
            backlog=view.backlog, age_seconds=view.oldest_seconds, avg_kb=view.average_kb, hour=view.hour
        )

    def find_part(self, view: QueueView, count: int) -> PolicyRow | None:
        """Return the row for the next `count` events alone."""
        kb = view.next_kb[:count]
        average = sum(kb) / len(kb) if kb else view.average_kb
        return self.find(replace(view, backlog=count, average_kb=average))

    def renewed(self, connection: Connection) -> "Policy":
        """Return the live policy.

        It checks for another release once a second, and reads states only of another one.
        """
        now = time.monotonic()
        if now - self.checked_at < CHECK_SECONDS:
            return self
        try:
            return self._live(connection, now)
        except psycopg.ProgrammingError as error:
            return Policy(source=f"the policy cannot be read ({type(error).__name__})", checked_at=now)

    def _live(self, connection: Connection, now: float) -> "Policy":
        release = connection.execute(LIVE).fetchone()
        if release is None:
            return Policy(checked_at=now)
        if release[0] == self.release_id:
            return replace(self, checked_at=now)
        return _read(connection, release, now)


def _read(connection: Connection, release: tuple[Any, ...], now: float) -> Policy:
    release_id, run_ids, version = release
    states = _frame(connection, STATES, run_ids)
    arrivals = _rhythm(connection, run_ids)
    log.info("policy of release %s, model version %s, with %s states", release_id, version, len(states))
    source = f"release {release_id}, model version {version}"
    return Policy(Lookup.of(states) if len(states) else None, release_id, source, now, arrivals)


def _rhythm(connection: Connection, run_ids: list[str]) -> Rhythm:
    if connection.execute(HAS_RHYTHM).fetchone() != (True,):
        return Rhythm()
    return rhythm.checked(_frame(connection, RHYTHM, run_ids))


def _frame(connection: Connection, query: str, run_ids: list[str]) -> pd.DataFrame:
    cursor = connection.execute(query, [run_ids])
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])
