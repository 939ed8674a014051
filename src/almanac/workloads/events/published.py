"""The published policy as a worker reads it: through the views that everybody reads, once for each release."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from almanac.workloads.events.queue import Connection, Sight

LIVE = "SELECT release_id, run_ids, model_version FROM api.releases WHERE workload = 'events' ORDER BY release_id DESC LIMIT 1"
STATES = """
SELECT state_id, backlog_min, backlog_max, age_min_seconds, age_max_seconds, kb_min, kb_max, hour_min, hour_max, batch_size, start_age_seconds,
    expected_seconds, p90_seconds, expected_cost, objective_seconds
FROM api.events_predictions WHERE run_id = ANY (%s) ORDER BY backlog_min, age_min_seconds, kb_min, hour_min
"""
ASK_AGAIN_SECONDS = 1.0
NOTHING = "no policy is published"
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class State:
    """One row of the policy: bands of what waits, and what to do then."""

    state_id: str
    backlog_min: int
    backlog_max: int
    age_min_seconds: float
    age_max_seconds: float
    kb_min: float
    kb_max: float
    hour_min: int
    hour_max: int
    batch_size: int
    start_age_seconds: float
    expected_seconds: float
    p90_seconds: float
    expected_cost: float
    objective_seconds: float

    def holds(self, sight: Sight) -> bool:
        """Tell whether what waits lies in these bands; a backlog band holds both its ends, another only the lower one."""
        return (
            self.backlog_min <= sight.backlog <= self.backlog_max
            and self.age_min_seconds <= sight.oldest_seconds < self.age_max_seconds
            and self.kb_min <= sight.average_kb < self.kb_max
            and self.hour_min <= sight.hour < self.hour_max
        )


@dataclass(frozen=True)
class Policy:
    """The states of one release; without a release there are none."""

    states: Sequence[State] = ()
    release_id: int | None = None
    source: str = NOTHING
    asked_at: float = float("-inf")

    def find(self, sight: Sight) -> State | None:
        """Return the first state that holds what waits, or None."""
        return next((state for state in self.states if state.holds(sight)), None)

    def renewed(self, connection: Connection) -> "Policy":
        """Return the live policy; the database is asked at most once a second, and for states only where the release is another."""
        now = time.monotonic()
        if now - self.asked_at < ASK_AGAIN_SECONDS:
            return self
        try:
            return self._live(connection, now)
        except psycopg.ProgrammingError as error:
            return Policy((), None, f"the views of the policy cannot be read ({type(error).__name__})", now)

    def _live(self, connection: Connection, now: float) -> "Policy":
        live = connection.execute(LIVE).fetchone()
        if live is None:
            return Policy(asked_at=now)
        release_id, run_ids, version = live
        if release_id == self.release_id:
            return Policy(self.states, self.release_id, self.source, now)
        with connection.cursor(row_factory=class_row(State)) as cursor:
            states = cursor.execute(STATES, [run_ids]).fetchall()
        log.info("policy of release %s, model version %s, with %s states", release_id, version, len(states))
        return Policy(states, release_id, f"release {release_id}, model version {version}", now)
