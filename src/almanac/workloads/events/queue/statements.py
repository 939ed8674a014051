"""The SQL of the event queue: view, claim, mark as done, retry, bury."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from almanac.errors import AlmanacError
from almanac.workloads.events.policy.queue_view import Connection, QueueView

# Counting a longer backlog would cost time and change no decision.
MOST_COUNTED = 2_000
DELETED_AT_ONCE = 1_000
MOST_PAYLOAD_BYTES = 16_000_000
MOST_ERROR_CHARACTERS = 2_000
# The queue is nearly empty most of the time, and so it is in the planner's statistics. Plans made by these
# would sort a whole backlog for each batch. Work may take long between two statements, and the events of a
# worker whose machine is gone must not stay claimed for hours.
PREPARE = """
SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""

# Events that a worker has claimed do not wait. The statement takes no locks: those are written to disk, and
# workers execute it many times a second.
VIEW = """
WITH waiting AS MATERIALIZED (
    SELECT event_id, received_at, rank_at, size_kb FROM almanac.events_queue
    WHERE state = 'waiting' AND attempts = 0
        AND event_id NOT IN (SELECT unnest(event_ids) FROM almanac.events_claims)
    ORDER BY received_at LIMIT %s
), retries AS (
    SELECT next_attempt_at <= clock_timestamp()
        OR next_attempt_at > clock_timestamp() + interval '1 minute' AS is_due
    FROM almanac.events_queue WHERE state = 'waiting' AND attempts > 0 ORDER BY next_attempt_at LIMIT 1
)
SELECT count(*)::int AS backlog, coalesce(avg(size_kb), 0)::float8 AS average_kb,
    coalesce((array_agg(extract(epoch FROM clock_timestamp() - received_at)::float8
        ORDER BY received_at))[1:8], '{}') AS ages,
    coalesce((array_agg(extract(epoch FROM clock_timestamp() - received_at)::float8
        ORDER BY rank_at, event_id))[1:500], '{}') AS next_ages,
    coalesce((array_agg(size_kb ORDER BY rank_at, event_id))[1:500], '{}') AS next_kb,
    (array_agg(event_id ORDER BY received_at))[1] AS oldest_id,
    coalesce(extract(epoch FROM max(received_at)), 0)::float8 AS newest_at,
    extract(epoch FROM clock_timestamp())::float8 AS instant,
    EXISTS (SELECT FROM retries) AS has_retries,
    coalesce((SELECT is_due FROM retries), false) AS is_retry_due,
    extract(hour FROM clock_timestamp() AT TIME ZONE 'UTC')::int AS hour
FROM waiting
"""
# Events that another worker has claimed count as well, since it may return them.
HAS_EVENTS = "SELECT EXISTS (SELECT FROM almanac.events_queue WHERE state = 'waiting' AND attempts = 0)"
CLAIM = """
SELECT event_id, event_type, size_kb, payload, attempts, simulated,
    greatest(extract(epoch FROM clock_timestamp() - received_at), 0)::float8 AS waited_seconds
FROM {which}
"""
# A batch ends with the event that makes its payloads too long for memory. Short payloads are not measured,
# since that would mean to write them out as text.
NEW = """(
    SELECT *, sum(bytes) OVER (
        ORDER BY rank_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM (
        SELECT *, CASE WHEN pg_column_size(payload) > 200 THEN octet_length(payload::text) ELSE 0 END AS bytes
        FROM almanac.events_queue WHERE state = 'waiting' AND attempts = 0
        ORDER BY rank_at, event_id LIMIT %s FOR UPDATE SKIP LOCKED
    ) AS claimed
) AS measured WHERE coalesce(bytes_before, 0) < %s ORDER BY rank_at, event_id"""
# No wait is longer than a minute; a clock that was set back must not make one longer.
RETRY = """almanac.events_queue
WHERE state = 'waiting' AND attempts > 0
    AND (next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + interval '1 minute')
ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
# The events that failed together with one and are retried together with it.
RETRY_GROUP = """almanac.events_queue WHERE state = 'waiting' AND retry_group = (
    SELECT retry_group FROM almanac.events_queue WHERE event_id = %s)
ORDER BY event_id FOR UPDATE SKIP LOCKED"""
CLAIM_NEW, CLAIM_RETRY = CLAIM.format(which=NEW), CLAIM.format(which=RETRY)
CLAIM_GROUP = CLAIM.format(which=RETRY_GROUP)
# In the order of the key, so that two workers never wait for each other crosswise.
ROLL_UP = """
INSERT INTO almanac.events_rollups AS stored (minute, event_type, priority, events, kb, late, early)
SELECT date_trunc('minute', event_time, 'UTC') AS minute, event_type, priority, count(*), sum(size_kb),
    count(*) FILTER (WHERE event_time < received_at - interval '1 hour'),
    count(*) FILTER (WHERE event_time > received_at + interval '1 minute')
FROM almanac.events_queue WHERE event_id = ANY (%s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (minute, event_type, priority) DO UPDATE SET
    events = stored.events + excluded.events, kb = stored.kb + excluded.kb,
    late = stored.late + excluded.late, early = stored.early + excluded.early
"""
MARK_DONE = """
UPDATE almanac.events_queue SET state = 'done', batch_id = %s, finished_at = clock_timestamp()
WHERE event_id = ANY (%s) AND state = 'waiting'
"""
SCHEDULE_RETRY = """
UPDATE almanac.events_queue SET attempts = attempts + 1, retry_group = NULL,
    next_attempt_at = clock_timestamp() + least(%(first)s * 2 ^ attempts, 60) * interval '1 second'
WHERE event_id = ANY (%(ids)s) AND state = 'waiting'
"""
# Nobody knows which of them is to blame, so however often a group is halved, that is one attempt.
SCHEDULE_GROUP = """
WITH new AS MATERIALIZED (SELECT nextval('almanac.events_retry_groups') AS retry_group)
UPDATE almanac.events_queue SET attempts = greatest(attempts, 1), retry_group = new.retry_group,
    next_attempt_at = clock_timestamp() + least(%(first)s, 60) * interval '1 second'
FROM new WHERE event_id = ANY (%(ids)s) AND state = 'waiting'
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
WITH dead AS (
    DELETE FROM almanac.events_dead WHERE %(id)s::text IS NULL OR event_id = %(id)s RETURNING event_id
)
UPDATE almanac.events_queue SET state = 'waiting', attempts = 0, next_attempt_at = NULL, finished_at = NULL,
    retry_group = NULL
WHERE event_id IN (SELECT event_id FROM dead)
"""
# By now(), which an index scan can use; clock_timestamp() would be evaluated for every row.
DELETE_DONE = """
DELETE FROM almanac.events_queue WHERE event_id IN (
    SELECT event_id FROM almanac.events_queue
    WHERE received_at < now() - %(keep)s * interval '1 second'
        AND finished_at < now() - %(keep)s * interval '1 second' AND state = 'done'
    ORDER BY received_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""


class EventFailed(AlmanacError):
    """The work on one event failed; the others of its batch are not to blame."""

    def __init__(self, event_id: str, reason: str) -> None:
        super().__init__(reason)
        self.event_id = event_id


@dataclass(frozen=True)
class ClaimedEvent:
    """A claimed event; `waited_seconds` is its age when it was claimed."""

    event_id: str
    event_type: str
    size_kb: float
    payload: Any
    attempts: int
    simulated: bool
    waited_seconds: float


@dataclass(frozen=True)
class RetryPolicy:
    """How often an event is tried, and the wait after the first failure.

    All failures of batches with others count as one attempt. Each further wait of an event that is tried
    alone is twice as long, up to a minute.
    """

    most_attempts: int = 5
    backoff_seconds: float = 1.0


def prepare(connection: Connection) -> None:
    """Set up a worker's connection: it uses the indexes of the queue, and ends only when it is lost."""
    connection.execute(PREPARE)


def view(connection: Connection) -> QueueView:
    """Return a view of the events that wait and that no worker has claimed."""
    with connection.cursor(row_factory=class_row(QueueView)) as cursor:
        row = cursor.execute(VIEW, [MOST_COUNTED]).fetchone()
    if row is None:
        raise AssertionError("an aggregate has one row")
    return row


def is_empty(connection: Connection) -> bool:
    """Return whether no event waits for its first attempt, not even a claimed one."""
    row = connection.execute(HAS_EVENTS).fetchone()
    return not (row and row[0])


def claim(connection: Connection, size: int) -> list[ClaimedEvent]:
    """Claim at most `size` events, by priority and then age, until the transaction ends.

    A batch of long payloads has fewer events.
    """
    with connection.cursor(row_factory=class_row(ClaimedEvent)) as cursor:
        return cursor.execute(CLAIM_NEW, [size, MOST_PAYLOAD_BYTES]).fetchall()


def claim_retry(connection: Connection) -> list[ClaimedEvent]:
    """Claim an event whose work failed before and whose next attempt is due, with those of its group."""
    with connection.cursor(row_factory=class_row(ClaimedEvent)) as cursor:
        first = cursor.execute(CLAIM_RETRY).fetchall()
        group = cursor.execute(CLAIM_GROUP, [first[0].event_id]).fetchall() if first else []
        return group or first


def roll_up(connection: Connection, events: Sequence[ClaimedEvent]) -> None:
    """Count events and kB by type, priority and the minute of the event.

    The caller marks them in the same transaction.
    """
    connection.execute(ROLL_UP, [[event.event_id for event in events]])


def mark_done(connection: Connection, events: Sequence[ClaimedEvent], batch_id: int) -> None:
    """Mark claimed events as done."""
    connection.execute(MARK_DONE, [batch_id, [event.event_id for event in events]])


def schedule_retry(
    connection: Connection, event_ids: Sequence[str], error: str, retry_policy: RetryPolicy
) -> list[str]:
    """Let events of a failed batch be retried later, in two halves, and one that failed alone by itself.

    Return the ids of those that are buried instead: only an event that failed alone is to blame.
    """
    ids, most = list(event_ids), retry_policy.most_attempts
    if len(ids) > 1:
        _schedule_halves(connection, ids, retry_policy)
        return []
    with connection.transaction():
        connection.execute(SCHEDULE_RETRY, {"ids": ids, "first": retry_policy.backoff_seconds})
        buried = connection.execute(BURY, {"ids": ids, "error": error[:MOST_ERROR_CHARACTERS], "most": most})
        return [event_id for (event_id,) in buried.fetchall()]


def _schedule_halves(connection: Connection, ids: list[str], retry_policy: RetryPolicy) -> None:
    middle = len(ids) // 2
    with connection.transaction():
        for half in (ids[:middle], ids[middle:]):
            connection.execute(SCHEDULE_GROUP, {"ids": half, "first": retry_policy.backoff_seconds})


def revive(connection: Connection, event_id: str | None = None) -> int:
    """Put a buried event, or all of them, back into the queue; return how many."""
    return connection.execute(REVIVE, {"id": event_id}).rowcount


def delete_done(connection: Connection, keep_seconds: float) -> int:
    """Delete at most DELETED_AT_ONCE events that were done longer ago than this.

    Their ids may then be used again. Return how many.
    """
    return connection.execute(DELETE_DONE, {"keep": keep_seconds, "most": DELETED_AT_ONCE}).rowcount
