"""The claims of workers, recorded before the work.

So an event that kills its worker counts as tried, is found by halving its batch, and is buried in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from almanac.errors import DatabaseError
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.statements import ClaimedEvent, RetryPolicy

# A session that lost its network may hold the lock for a while; a worker that waits for it reports that and
# tries again.
LOCK_TIMEOUT = "SET lock_timeout = '2s'"
# PostgreSQL releases the lock when the process is gone, however it ended.
LOCK = "SELECT pg_advisory_lock(hashtextextended('almanac events worker ' || %s, 0))"
RECORD = """
INSERT INTO almanac.events_claims (worker, event_ids) VALUES (%s, %s)
ON CONFLICT (worker) DO UPDATE SET event_ids = excluded.event_ids, claimed_at = clock_timestamp()
"""
CLEAR = "DELETE FROM almanac.events_claims WHERE worker = %s"
ORPHANS = """
SELECT worker, event_ids FROM almanac.events_claims
WHERE pg_try_advisory_xact_lock(hashtextextended('almanac events worker ' || worker, 0))
FOR UPDATE SKIP LOCKED
"""
# Another worker may already retry a dead worker's events. No worker waits for it.
LOCK_WAITING = """
SELECT event_id FROM almanac.events_queue WHERE event_id = ANY (%s) AND state = 'waiting'
ORDER BY event_id FOR UPDATE SKIP LOCKED
"""
COUNT_WAITING = "SELECT count(*) FROM almanac.events_queue WHERE event_id = ANY (%s) AND state = 'waiting'"


@dataclass(frozen=True)
class Orphans:
    """The events of a worker that died: how many are retried, and which are buried."""

    worker: str
    retried: int
    buried: Sequence[str]


def lock_worker(connection: Connection, worker: str) -> None:
    """Lock a worker's name as long as the connection lasts.

    Raises DatabaseError while another session holds the lock.
    """
    connection.execute(LOCK_TIMEOUT)
    try:
        connection.execute(LOCK, [worker])
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            f"Another worker is called '{worker}', or its connection is not gone yet. "
            "Give each a host name of its own."
        ) from error


def record(connection: Connection, worker: str, events: Sequence[ClaimedEvent]) -> None:
    """Record the events that a worker has claimed.

    The connection is not that of the work, so that the record outlives it.
    """
    connection.execute(RECORD, [worker, [event.event_id for event in events]])


def clear(connection: Connection, worker: str) -> None:
    """Delete the worker's record; a batch does so in the transaction that commits its work."""
    connection.execute(CLEAR, [worker])


def recover(connection: Connection, retry_policy: RetryPolicy) -> list[Orphans]:
    """Count an attempt for the events over which a worker died. They are retried in halves, or buried.

    On the connection that holds a worker's own lock, the record of a former worker of the same name counts
    as well: in a container each worker is process 1. Events that another worker retries are left for the
    next time.
    """
    with connection.transaction():
        records = connection.execute(ORPHANS).fetchall()
        free = [(worker, event_ids) for worker, event_ids in records if _are_free(connection, event_ids)]
        return [_retried(connection, worker, event_ids, retry_policy) for worker, event_ids in free]


def _are_free(connection: Connection, event_ids: Sequence[str]) -> bool:
    """Lock those of some events that wait; return whether no other session has locked any of them."""
    locked = connection.execute(LOCK_WAITING, [event_ids]).fetchall()
    return connection.execute(COUNT_WAITING, [event_ids]).fetchone() == (len(locked),)


def _retried(
    connection: Connection, worker: str, event_ids: Sequence[str], retry_policy: RetryPolicy
) -> Orphans:
    clear(connection, worker)
    error = f"the worker died over it: {worker}"
    buried = statements.schedule_retry(connection, event_ids, error, retry_policy)
    return Orphans(worker, len(event_ids) - len(buried), buried)
