"""The heartbeat of a worker: its row, renewed every second between its batches."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.policy.sizing import Sizing
from almanac.workloads.events.queue.batches import WorkerProfile

BEAT = """
INSERT INTO almanac.events_workers (
    worker, policy, policy_source, release_id, objective_seconds, simulated, batches, events
) VALUES (
    %(worker)s, %(policy)s, %(source)s, %(release_id)s, %(objective)s, %(simulated)s, %(batches)s, %(events)s
)
ON CONFLICT (worker) DO UPDATE SET seen_at = clock_timestamp(), stopped_at = NULL,
    policy_source = excluded.policy_source, release_id = excluded.release_id,
    batches = excluded.batches, events = excluded.events
"""
LEAVE = """
UPDATE almanac.events_workers SET seen_at = clock_timestamp(), stopped_at = clock_timestamp()
WHERE worker = %s
"""


@dataclass(frozen=True)
class Status:
    """The status of a worker: its profile, its rule, and the batches and events so far."""

    profile: WorkerProfile
    sizing: Sizing
    batches: Mapping[str, int]
    events: int

    def row(self) -> dict[str, object]:
        """Return the parameters of the worker's row."""
        return {
            "worker": self.profile.worker,
            "objective": self.profile.objective_seconds,
            "simulated": self.profile.simulated,
            "policy": self.sizing.name,
            "source": self.sizing.source,
            "release_id": self.sizing.release_id,
            "batches": Jsonb(dict(self.batches)),
            "events": self.events,
        }


def beat(connection: Connection, status: Status) -> None:
    """Renew a worker's row."""
    connection.execute(BEAT, status.row())


def leave(connection: Connection, worker: str) -> None:
    """Record that a worker has stopped."""
    connection.execute(LEAVE, [worker])
