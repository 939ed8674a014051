"""What each worker is at, noted before the work, so that an event that kills its worker counts as tried and is buried in the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from almanac.errors import DatabaseError
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.statements import Connection, Event, Patience

# A worker holds this lock as long as it lives; PostgreSQL lets it go when the process is gone, however it went.
# A session that lost its network may hold the lock for a while; who waits for it begins anew.
WAIT = "SET lock_timeout = '2s'"
LIVE = "SELECT pg_advisory_lock(hashtextextended('almanac events worker ' || %s, 0))"
NOTE = """
INSERT INTO almanac.events_claims (worker, event_ids) VALUES (%s, %s)
ON CONFLICT (worker) DO UPDATE SET event_ids = excluded.event_ids, claimed_at = clock_timestamp()
"""
CLEAR = "DELETE FROM almanac.events_claims WHERE worker = %s"
ORPHANS = """
SELECT worker, event_ids FROM almanac.events_claims
WHERE pg_try_advisory_xact_lock(hashtextextended('almanac events worker ' || worker, 0)) FOR UPDATE SKIP LOCKED
"""
# Others may have begun on a dead worker's events at once; nobody waits for them.
FREE = "SELECT event_id FROM almanac.events_queue WHERE event_id = ANY (%s) AND state = 'waiting' ORDER BY event_id FOR UPDATE SKIP LOCKED"
WAITING = "SELECT count(*) FROM almanac.events_queue WHERE event_id = ANY (%s) AND state = 'waiting'"


@dataclass(frozen=True)
class Orphans:
    """Events whose worker died over them: those that are tried again, and those that are buried."""

    worker: str
    tried_again: int
    buried: Sequence[str]


def live(notes: Connection, worker: str) -> None:
    """Hold a worker's lock on a connection of its own until that ends; raises DatabaseError while another session holds it."""
    notes.execute(WAIT)
    try:
        notes.execute(LIVE, [worker])
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            f"Another worker is called '{worker}', or its connection is not gone yet. Give each a host name of its own."
        ) from error


def note(notes: Connection, worker: str, events: Sequence[Event]) -> None:
    """Say which events a worker has claimed; `notes` is not the connection of the work, so that this outlives it."""
    notes.execute(NOTE, [worker, [event.event_id for event in events]])


def clear(connection: Connection, worker: str) -> None:
    """Say that a worker is at nothing; in the transaction of the work that is said if and only if the work is done."""
    connection.execute(CLEAR, [worker])


def recover(connection: Connection, patience: Patience) -> list[Orphans]:
    """Count an attempt for each event over which a worker died; it is tried again by itself, or buried.

    On the connection that holds a worker's own lock, what a forerunner of the same name left counts as well: in a container each is process 1.
    Where another worker is at some of them by now, they are left for the next time.
    """
    with connection.transaction():
        found = connection.execute(ORPHANS).fetchall()
        return [
            _counted(connection, worker, event_ids, patience)
            for worker, event_ids in found
            if _are_free(connection, event_ids)
        ]


def _are_free(connection: Connection, event_ids: Sequence[str]) -> bool:
    """Lock those of some events that wait; return whether that were all of them."""
    free = connection.execute(FREE, [event_ids]).fetchall()
    return connection.execute(WAITING, [event_ids]).fetchone() == (len(free),)


def _counted(connection: Connection, worker: str, event_ids: Sequence[str], patience: Patience) -> Orphans:
    clear(connection, worker)
    buried = statements.try_again(connection, event_ids, f"the worker died over it: {worker}", patience)
    return Orphans(worker, len(event_ids) - len(buried), buried)
