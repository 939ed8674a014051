"""The rows of the table `schedules`: one for each slot that a scheduler has seen, and for the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import TupleRow, class_row, dict_row

from almanac.runner.schedule.rhythm import TOLERANCE, Rhythm

Connection = psycopg.Connection[TupleRow]
LOCK_SPACE = 0x5C4ED
KEEP = timedelta(days=90)
RUN_OF_SLOT = """
    SELECT r.run_id FROM almanac.runs AS r
    WHERE r.workload = s.workload AND coalesce(r.schedule, 'default') = s.schedule AND r.slot = s.slot
        AND r.kind = 'run' AND r.status = 'succeeded'
"""
NEWEST = "SELECT max(slot) FROM almanac.schedules WHERE workload = %s AND schedule = %s"
ADD = """
    INSERT INTO almanac.schedules (workload, schedule, slot)
    SELECT %s, %s, unnest(%s::timestamptz[]) ON CONFLICT DO NOTHING
"""
DROP_COMING = """
    DELETE FROM almanac.schedules
    WHERE state = 'waiting' AND slot > %(now)s AND NOT (workload, schedule, slot) IN (
        SELECT * FROM unnest(%(workloads)s::text[], %(schedules)s::text[], %(slots)s::timestamptz[])
    )
"""
# Of slots that are past, only the newest may still run. One that has been tried has failed.
PASS_OVER = f"""
    UPDATE almanac.schedules AS s SET
        run_id = coalesce(({RUN_OF_SLOT}), s.run_id), changed_at = clock_timestamp(),
        state = CASE WHEN EXISTS ({RUN_OF_SLOT}) THEN 'succeeded'
            WHEN s.attempts > 0 THEN 'failed' ELSE 'missed' END,
        reason = CASE WHEN EXISTS ({RUN_OF_SLOT}) THEN NULL
            ELSE concat_ws('; ', s.reason, %(reason)s::text) END
    WHERE workload = %(workload)s AND schedule = %(schedule)s AND state IN ('waiting', 'retrying')
        AND slot < %(before)s
"""
NEWEST_PAST = """
    SELECT slot FROM almanac.schedules
    WHERE workload = %(workload)s AND schedule = %(schedule)s AND slot <= %(now)s
    ORDER BY slot DESC OFFSET %(most)s - 1 LIMIT 1
"""
OPEN = """
    SELECT workload, schedule, slot, state, attempts, reason, run_id, code_hash, not_before
    FROM almanac.schedules WHERE state IN ('waiting', 'running', 'retrying') ORDER BY slot
"""
ONE = """
    SELECT workload, schedule, slot, state, attempts, reason, run_id, code_hash, not_before
    FROM almanac.schedules WHERE workload = %s AND schedule = %s AND slot = %s
"""
FAILED = """
    SELECT DISTINCT ON (workload, schedule)
        workload, schedule, slot, state, attempts, reason, run_id, code_hash, not_before
    FROM almanac.schedules WHERE slot <= %s ORDER BY workload, schedule, slot DESC
"""
SUCCEEDED_RUN = f"""
    SELECT ({RUN_OF_SLOT})
    FROM (SELECT %s::text AS workload, %s::text AS schedule, %s::timestamptz AS slot) AS s
"""
REASON = """
    SELECT reason FROM almanac.runs WHERE workload = %s AND coalesce(schedule, 'default') = %s AND slot = %s
        AND kind = 'run' AND status = 'failed' ORDER BY started_at DESC LIMIT 1
"""
LIST = """
    SELECT workload, schedule, slot, state, attempts, reason, run_id, who, changed_at FROM almanac.schedules
    WHERE (%(workload)s = '' OR workload = %(workload)s) AND (%(state)s = '' OR state = %(state)s)
    ORDER BY slot DESC, workload, schedule LIMIT %(limit)s
"""
WAKE = """
    UPDATE almanac.schedules SET not_before = NULL
    WHERE workload = %s AND state = 'waiting' AND not_before IS NOT NULL
"""
CHANGEABLE = ("state", "attempts", "not_before", "reason", "run_id", "code_hash", "who")


@dataclass(frozen=True)
class Slot:
    """One row of the table."""

    workload: str
    schedule: str
    slot: datetime
    state: str
    attempts: int
    reason: str | None
    run_id: str | None
    code_hash: str | None
    not_before: datetime | None

    @property
    def key(self) -> tuple[str, str, datetime]:
        """The primary key."""
        return self.workload, self.schedule, self.slot

    def is_due(self, now: datetime) -> bool:
        """Tell whether it may start."""
        return max(self.slot, self.not_before or self.slot) <= now


def newest(connection: Connection, rhythm: Rhythm) -> datetime | None:
    """Return the newest slot of a schedule that has a row, or None."""
    row = connection.execute(NEWEST, rhythm.key).fetchone()
    return row[0] if row else None


def add(connection: Connection, rhythm: Rhythm, slots: Sequence[datetime]) -> None:
    """Add rows of slots; a slot that has one keeps it."""
    connection.execute(ADD, [*rhythm.key, list(slots)])


def drop_coming(connection: Connection, now: datetime, rhythms: Sequence[Rhythm]) -> None:
    """Delete coming slots that are not the next ones of these schedules, as after a change of a rhythm."""
    connection.execute(
        DROP_COMING,
        {
            "now": now,
            "workloads": [rhythm.workload for rhythm in rhythms],
            "schedules": [rhythm.name for rhythm in rhythms],
            "slots": [rhythm.following(now) for rhythm in rhythms],
        },
    )


def pass_over(connection: Connection, rhythm: Rhythm, now: datetime) -> int:
    """Mark past slots as missed that catch-up does not allow to run; return how many."""
    most = rhythm.catch_up.most
    key = {"workload": rhythm.workload, "schedule": rhythm.name}
    before: datetime = now - TOLERANCE
    if most:
        row = connection.execute(NEWEST_PAST, key | {"now": now, "most": most}).fetchone()
        if row is None:
            return 0
        before = row[0]
    bound = f" {most}" if rhythm.catch_up.name == "all" else ""
    reason = f"not run in time; catch-up {rhythm.catch_up.name}{bound} leaves it out"
    return connection.execute(PASS_OVER, key | {"before": before, "reason": reason}).rowcount


def open_slots(connection: Connection) -> list[Slot]:
    """Return the slots that are to run, also the coming ones, oldest first."""
    with connection.cursor(row_factory=class_row(Slot)) as cursor:
        return cursor.execute(OPEN).fetchall()


def newest_past(connection: Connection, now: datetime) -> list[Slot]:
    """Return the newest slot of each schedule that is not ahead."""
    with connection.cursor(row_factory=class_row(Slot)) as cursor:
        return cursor.execute(FAILED, [now]).fetchall()


def get(connection: Connection, key: tuple[str, str, datetime]) -> Slot | None:
    """Return one slot, or None."""
    with connection.cursor(row_factory=class_row(Slot)) as cursor:
        return cursor.execute(ONE, key).fetchone()


def change(connection: Connection, slot: Slot, **values: object) -> None:
    """Write columns of a slot."""
    names = [name for name in CHANGEABLE if name in values]
    assignments = ", ".join(f"{name} = %({name})s" for name in names)
    statement = f"""
        UPDATE almanac.schedules SET {assignments}, changed_at = clock_timestamp()
        WHERE workload = %(workload)s AND schedule = %(schedule)s AND slot = %(slot)s"""
    key = {"workload": slot.workload, "schedule": slot.schedule, "slot": slot.slot}
    connection.execute(statement.encode(), {**values, **key})


def succeeded_run(connection: Connection, key: tuple[str, str, datetime]) -> str | None:
    """Return the run that has succeeded in a slot, whoever started it, or None."""
    row = connection.execute(SUCCEEDED_RUN.encode(), key).fetchone()
    return row[0] if row else None


def failure(connection: Connection, slot: Slot) -> str | None:
    """Return why the newest run of a slot has failed, or None where it left no record."""
    row = connection.execute(REASON, slot.key).fetchone()
    return row[0] if row else None


def try_lock(connection: Connection, workload: str) -> bool:
    """Take the lock of a workload's schedules for this session, unless another scheduler has it."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s))", [LOCK_SPACE, workload]
    ).fetchone()
    return row == (True,)


def unlock(connection: Connection, workload: str) -> None:
    """Give the lock of a workload's schedules back."""
    connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [LOCK_SPACE, workload])


def wake(connection: Connection, workload: str) -> None:
    """Let the links of a workload's chains start that have waited for another one."""
    connection.execute(WAKE, [workload])


def has_release(connection: Connection, workload: str) -> bool:
    """Tell whether readers get anything of a workload."""
    query = "SELECT EXISTS (SELECT FROM almanac.releases WHERE workload = %s)"
    return connection.execute(query, [workload]).fetchone() == (True,)


def forget(connection: Connection, now: datetime) -> None:
    """Delete the rows of slots that are past retention."""
    connection.execute("DELETE FROM almanac.schedules WHERE slot < %s", [now - KEEP])


def listed(connection: Connection, filters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the newest slots for which `workload` and `state` are equal, where these are not empty."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LIST, filters).fetchall()
