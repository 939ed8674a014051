"""What is done around a release of the logs, on a connection of the owner: search, alerts, questions, and what has expired."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from almanac.workloads.logs import alerts, retention
from almanac.workloads.logs.contract import CONTRACT

Connection = psycopg.Connection[Any]
Removal = tuple[str, Callable[[Connection], list[int]], Callable[[list[str]], Callable[[Connection], None]]]
ASKED_FOR = timedelta(hours=24)
NEW_DAYS = """
    SELECT day, count(*) FROM almanac.log_entries WHERE entry_id > %s AND entry_id <= %s GROUP BY day ORDER BY day"""
# Entries that share words mostly share logger and beginning: side by side in the table, those of a word are read from few places.
FILL = """
    INSERT INTO {} (entry_id, day, event_time, source, session, document)
    SELECT entry_id, day, event_time, source, session, to_tsvector('simple', coalesce(logger || ' ', '') || text)
    FROM almanac.log_entries WHERE day = {} AND entry_id > {} AND entry_id <= {} ORDER BY logger, left(text, 200)"""


def prepare(connection: Connection, covered_until: int) -> int:
    """Make the entries up to this number searchable; return how many were added. A search shows them from their release on."""
    ((indexed,),) = connection.execute("SELECT until FROM almanac.log_indexed FOR UPDATE").fetchall()
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    added = 0
    for day, entries in connection.execute(NEW_DAYS, [indexed, covered_until]).fetchall():
        _index_day(connection, day, indexed, covered_until)
        added += entries
    connection.execute("UPDATE almanac.log_indexed SET until = greatest(until, %s)", [covered_until])
    return added


def tend(connection: Connection, now: datetime) -> None:
    """Judge the rules of alerts and forget old questions."""
    alerts.judge(connection, now)
    connection.execute("DELETE FROM almanac.log_questions WHERE asked_at < %s", [now - ASKED_FOR])


def expired(connection: Connection, now: datetime) -> Iterator[Removal]:
    """Yield what retention takes: why, what removes the entries and returns their numbers, and what mends the runs."""
    for day in retention.expired(connection, (now - CONTRACT.retention).date()):
        yield f"retention: received on {day}", retention.dropping(day), retention.mend


def _index_day(connection: Connection, day: date, indexed: int, covered: int) -> None:
    """A day that is new is filled before its indexes are built, which is many times faster."""
    name = sql.Identifier("almanac", f"log_search_{day:%Y%m%d}")
    (known,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"almanac.log_search_{day:%Y%m%d}"]).fetchall()
    if known[0]:
        connection.execute(sql.SQL(FILL).format(name, day, indexed, covered))
        return
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE almanac.log_search, CHECK (day = {}))").format(name, day))
    connection.execute(sql.SQL(FILL).format(name, day, indexed, covered))
    connection.execute(sql.SQL("ALTER TABLE almanac.log_search ATTACH PARTITION {} FOR VALUES IN ({})").format(name, day))
    connection.execute(sql.SQL("ANALYZE {}").format(name))
