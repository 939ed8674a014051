"""The queue of events in PostgreSQL: look at what waits, claim a batch, mark it done, try again later, bury what never succeeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from almanac.errors import AlmanacError

Connection = psycopg.Connection[Any]
# Beyond so many events a backlog is only long; counting further would cost and change nothing.
MOST_COUNTED = 2_000
DELETED_AT_ONCE = 1_000
MOST_PAYLOAD_BYTES = 16_000_000
# When statistics were last taken the queue was nearly empty, as it mostly is; by them a plan would sort the whole of a backlog for each batch.
# Work may take long between two statements. And a worker whose machine is gone shall not hold its events for hours.
PREPARE = """
SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""

# What workers have noted as theirs does not wait. A look takes no locks: those are written to disk, and workers look many times a second.
LOOK = """
WITH waiting AS MATERIALIZED (
    SELECT event_id, received_at, rank_at, size_kb FROM almanac.events_queue
    WHERE state = 'waiting' AND attempts = 0 AND event_id NOT IN (SELECT unnest(event_ids) FROM almanac.events_claims) ORDER BY received_at LIMIT %s
), again AS (
    SELECT next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + interval '1 minute' AS is_due
    FROM almanac.events_queue WHERE state = 'waiting' AND attempts > 0 ORDER BY next_attempt_at LIMIT 1
)
SELECT count(*)::int AS backlog, coalesce(avg(size_kb), 0)::float8 AS average_kb,
    coalesce((array_agg(extract(epoch FROM clock_timestamp() - received_at)::float8 ORDER BY received_at))[1:8], '{}') AS ages,
    coalesce((array_agg(extract(epoch FROM clock_timestamp() - received_at)::float8 ORDER BY rank_at, event_id))[1:500], '{}') AS next_ages,
    coalesce((array_agg(size_kb ORDER BY rank_at, event_id))[1:500], '{}') AS next_kb,
    (array_agg(event_id ORDER BY received_at))[1] AS oldest_id,
    coalesce(extract(epoch FROM max(received_at)), 0)::float8 AS newest_at,
    extract(epoch FROM clock_timestamp())::float8 AS instant,
    EXISTS (SELECT FROM again) AS is_any_again, coalesce((SELECT is_due FROM again), false) AS is_again_due,
    extract(hour FROM clock_timestamp() AT TIME ZONE 'UTC')::int AS hour
FROM waiting
"""
# What another worker is at counts as well, since it may give it back.
ANYTHING = "SELECT EXISTS (SELECT FROM almanac.events_queue WHERE state = 'waiting' AND attempts = 0)"
CLAIM = """
SELECT event_id, event_type, size_kb, payload, attempts, simulated,
    greatest(extract(epoch FROM clock_timestamp() - received_at), 0)::float8 AS waited_seconds
FROM {which}
"""
# A batch ends with the event that makes its payloads too long for memory. Short ones are not measured, since to measure is to write them out.
NEW = """(
    SELECT *, sum(bytes) OVER (ORDER BY rank_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM (
        SELECT *, CASE WHEN pg_column_size(payload) > 200 THEN octet_length(payload::text) ELSE 0 END AS bytes
        FROM almanac.events_queue WHERE state = 'waiting' AND attempts = 0 ORDER BY rank_at, event_id LIMIT %s FOR UPDATE SKIP LOCKED
    ) AS claimed
) AS measured WHERE coalesce(bytes_before, 0) < %s ORDER BY rank_at, event_id"""
# No wait is longer than a minute; a clock that was set back must not make one longer.
AGAIN = """almanac.events_queue
WHERE state = 'waiting' AND attempts > 0 AND (next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + interval '1 minute')
ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
CLAIM_NEW, CLAIM_AGAIN = CLAIM.format(which=NEW), CLAIM.format(which=AGAIN)
# In the order of the key, so that two workers never wait for each other crosswise.
ROLL_UP = """
INSERT INTO almanac.events_rollups AS known (minute, event_type, priority, events, kb, late, early)
SELECT date_trunc('minute', event_time, 'UTC') AS minute, event_type, priority, count(*), sum(size_kb),
    count(*) FILTER (WHERE event_time < received_at - interval '1 hour'), count(*) FILTER (WHERE event_time > received_at + interval '1 minute')
FROM almanac.events_queue WHERE event_id = ANY (%s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (minute, event_type, priority) DO UPDATE SET
    events = known.events + excluded.events, kb = known.kb + excluded.kb, late = known.late + excluded.late, early = known.early + excluded.early
"""
MARK = """
UPDATE almanac.events_queue SET state = 'done', batch_id = %s, finished_at = clock_timestamp() WHERE event_id = ANY (%s) AND state = 'waiting'
"""
TRY_AGAIN = """
UPDATE almanac.events_queue
SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + least(%(first)s * 2 ^ attempts, 60) * interval '1 second'
WHERE event_id = ANY (%(ids)s) AND state = 'waiting'
"""
BURY = """
WITH dead AS (
    UPDATE almanac.events_queue SET state = 'dead', finished_at = clock_timestamp()
    WHERE event_id = ANY (%(ids)s) AND state = 'waiting' AND attempts >= %(most)s RETURNING event_id, attempts
)
INSERT INTO almanac.events_dead (event_id, error, attempts) SELECT event_id, %(error)s, attempts FROM dead
RETURNING event_id
"""
REVIVE = """
WITH dead AS (DELETE FROM almanac.events_dead WHERE %(id)s::text IS NULL OR event_id = %(id)s RETURNING event_id)
UPDATE almanac.events_queue SET state = 'waiting', attempts = 0, next_attempt_at = NULL, finished_at = NULL
WHERE event_id IN (SELECT event_id FROM dead)
"""
# By now(), which an index can be searched for; clock_timestamp() would be asked for every row.
FORGET = """
DELETE FROM almanac.events_queue WHERE event_id IN (
    SELECT event_id FROM almanac.events_queue
    WHERE received_at < now() - %(keep)s * interval '1 second' AND finished_at < now() - %(keep)s * interval '1 second' AND state = 'done'
    ORDER BY received_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""


class EventFailed(AlmanacError):
    """The work on one event failed; the others of its batch are not to blame."""

    def __init__(self, event_id: str, reason: str) -> None:
        super().__init__(reason)
        self.event_id = event_id


@dataclass(frozen=True)
class Sight:
    """What waits and nobody has claimed; `ages` are the seconds of the oldest eight, oldest first.

    `next_ages` and `next_kb` are those of the next 500 in the order in which they are claimed. Events whose work failed before are
    not in the backlog: each is tried again by itself. `instant` is now and `newest_at` when the newest came in, in seconds since 1970.
    """

    backlog: int
    average_kb: float
    ages: Sequence[float]
    oldest_id: str | None
    is_any_again: bool
    is_again_due: bool
    hour: int
    next_ages: Sequence[float] = ()
    next_kb: Sequence[float] = ()
    newest_at: float = 0.0
    instant: float = 0.0

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event."""
        return self.ages[0] if self.ages else 0.0


@dataclass(frozen=True)
class Event:
    """A claimed event; `waited_seconds` is its age when it was claimed."""

    event_id: str
    event_type: str
    size_kb: float
    payload: Any
    attempts: int
    simulated: bool
    waited_seconds: float


@dataclass(frozen=True)
class Patience:
    """How often an event is tried, and how long after the first failure; each further wait is twice as long, up to a minute."""

    most_attempts: int = 5
    backoff_seconds: float = 1.0


def prepare(connection: Connection) -> None:
    """Set a worker's connection up: what waits is found by the indexes made for that, and only a connection that is really gone is ended."""
    connection.execute(PREPARE)


def look(connection: Connection) -> Sight:
    """Return what waits and no worker is at."""
    with connection.cursor(row_factory=class_row(Sight)) as cursor:
        found = cursor.execute(LOOK, [MOST_COUNTED]).fetchone()
    if found is None:
        raise AssertionError("an aggregate has one row")
    return found


def is_empty(connection: Connection) -> bool:
    """Tell whether nothing waits for its first attempt, not even what another worker is at."""
    found = connection.execute(ANYTHING).fetchone()
    return not (found and found[0])


def claim(connection: Connection, size: int) -> list[Event]:
    """Claim at most `size` events, by priority and then age, until the transaction ends; fewer where their payloads are long."""
    with connection.cursor(row_factory=class_row(Event)) as cursor:
        return cursor.execute(CLAIM_NEW, [size, MOST_PAYLOAD_BYTES]).fetchall()


def claim_again(connection: Connection) -> list[Event]:
    """Claim one event whose work failed before and whose next attempt is due."""
    with connection.cursor(row_factory=class_row(Event)) as cursor:
        return cursor.execute(CLAIM_AGAIN).fetchall()


def roll_up(connection: Connection, events: Sequence[Event]) -> None:
    """Count events and kB by type, priority and the minute of the event; who calls this also marks them, in the same transaction."""
    connection.execute(ROLL_UP, [[event.event_id for event in events]])


def mark(connection: Connection, events: Sequence[Event], batch_id: int) -> None:
    """Mark claimed events done."""
    connection.execute(MARK, [batch_id, [event.event_id for event in events]])


def try_again(connection: Connection, event_ids: Sequence[str], error: str, patience: Patience) -> list[str]:
    """Let events of a failed batch be tried again later, each by itself; return the ids of those that are buried instead."""
    wanted = {"ids": list(event_ids), "error": error[:2000], "most": patience.most_attempts}
    with connection.transaction():
        connection.execute(TRY_AGAIN, wanted | {"first": patience.backoff_seconds})
        return [row[0] for row in connection.execute(BURY, wanted).fetchall()]


def revive(connection: Connection, event_id: str | None = None) -> int:
    """Put a buried event, or all of them, back into the queue; return how many."""
    return connection.execute(REVIVE, {"id": event_id}).rowcount


def forget(connection: Connection, keep_seconds: float) -> int:
    """Delete at most DELETED_AT_ONCE events that were done longer ago than this; their ids are then no longer known. Return how many."""
    return connection.execute(FORGET, {"keep": keep_seconds, "most": DELETED_AT_ONCE}).rowcount
