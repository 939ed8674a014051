"""The published policy as a worker reads it: through the views that everybody reads, once for each release."""

import logging
import time
from dataclasses import dataclass, field, replace

import pandas as pd
import psycopg

from almanac.workloads.events.policy.rhythm import Rhythm, checked
from almanac.workloads.events.policy.table import Choice, Lookup
from almanac.workloads.events.queue.statements import Connection, Sight

LIVE = "SELECT release_id, run_ids, model_version FROM api.releases WHERE workload = 'events' ORDER BY release_id DESC LIMIT 1"
STATES = "SELECT * FROM api.events_predictions WHERE run_id = ANY (%s)"
RHYTHM = "SELECT * FROM api.events_rhythm WHERE run_id = ANY (%s)"
# A database whose newest run is older than the table has none.
IS_THERE = "SELECT to_regclass('api.events_rhythm') IS NOT NULL"
ASK_AGAIN_SECONDS = 1.0
NOTHING = "no policy is published"
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class Policy:
    """The states of one release, and what it says of arrivals; without a release there is nothing."""

    lookup: Lookup | None = None
    release_id: int | None = None
    source: str = NOTHING
    asked_at: float = float("-inf")
    rhythm: Rhythm = field(default_factory=Rhythm)

    def find(self, sight: Sight) -> Choice | None:
        """Return what the policy says about what waits, or None where it says nothing."""
        if self.lookup is None:
            return None
        return self.lookup.find(
            backlog=sight.backlog, age_seconds=sight.oldest_seconds, avg_kb=sight.average_kb, hour=sight.hour
        )

    def find_part(self, sight: Sight, count: int) -> Choice | None:
        """Return what the policy says about the next `count` events alone."""
        kb = sight.next_kb[:count]
        return self.find(
            replace(sight, backlog=count, average_kb=sum(kb) / len(kb) if kb else sight.average_kb)
        )

    def renewed(self, connection: Connection) -> "Policy":
        """Return the live policy; the database is asked at most once a second, and for states only where the release is another."""
        now = time.monotonic()
        if now - self.asked_at < ASK_AGAIN_SECONDS:
            return self
        try:
            return self._live(connection, now)
        except psycopg.ProgrammingError as error:
            return Policy(source=f"the policy cannot be read ({type(error).__name__})", asked_at=now)

    def _live(self, connection: Connection, now: float) -> "Policy":
        live = connection.execute(LIVE).fetchone()
        if live is None:
            return Policy(asked_at=now)
        release_id, run_ids, version = live
        if release_id == self.release_id:
            return replace(self, asked_at=now)
        states = _read(connection, STATES, run_ids)
        known = (
            checked(_read(connection, RHYTHM, run_ids))
            if connection.execute(IS_THERE).fetchone() == (True,)
            else Rhythm()
        )
        log.info("policy of release %s, model version %s, with %s states", release_id, version, len(states))
        named = f"release {release_id}, model version {version}"
        return Policy(Lookup.of(states) if len(states) else None, release_id, named, now, known)


def _read(connection: Connection, query: str, run_ids: list[str]) -> pd.DataFrame:
    found = connection.execute(query, [run_ids])
    return pd.DataFrame(found.fetchall(), columns=[column.name for column in found.description or ()])
