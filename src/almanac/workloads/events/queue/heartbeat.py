"""Who works on the queue: each worker's row, renewed every second between its batches."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from almanac.workloads.events.policy.sizing import Rule
from almanac.workloads.events.queue.batches import Terms
from almanac.workloads.events.queue.statements import Connection

BEAT = """
INSERT INTO almanac.events_workers (worker, policy, policy_source, release_id, objective_seconds, simulated, batches, events)
VALUES (%(worker)s, %(policy)s, %(source)s, %(release_id)s, %(objective)s, %(simulated)s, %(batches)s, %(events)s)
ON CONFLICT (worker) DO UPDATE SET seen_at = clock_timestamp(), stopped_at = NULL, policy_source = excluded.policy_source,
    release_id = excluded.release_id, batches = excluded.batches, events = excluded.events
"""
LEAVE = "UPDATE almanac.events_workers SET seen_at = clock_timestamp(), stopped_at = clock_timestamp() WHERE worker = %s"


@dataclass(frozen=True)
class Seen:
    """What a worker says of itself."""

    terms: Terms
    rule: Rule
    batches: Mapping[str, int]
    events: int


def beat(connection: Connection, seen: Seen) -> None:
    """Renew a worker's row."""
    told = {
        "worker": seen.terms.worker,
        "objective": seen.terms.objective_seconds,
        "simulated": seen.terms.simulated,
        "events": seen.events,
    }
    told |= {
        "policy": seen.rule.name,
        "source": seen.rule.source,
        "release_id": seen.rule.release_id,
        "batches": Jsonb(dict(seen.batches)),
    }
    connection.execute(BEAT, told)


def leave(connection: Connection, worker: str) -> None:
    """Say that a worker has ended."""
    connection.execute(LEAVE, [worker])
