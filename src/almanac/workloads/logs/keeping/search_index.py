"""The search index by day: filled before a release, and rewritten in the order of its texts after the day."""

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from almanac.workloads.logs.keeping import queries

Connection = psycopg.Connection[Any]
MEMORY = "SET LOCAL maintenance_work_mem = '256MB'"
INDEXED = "SELECT until FROM almanac.log_indexed FOR UPDATE"
SET_INDEXED = "UPDATE almanac.log_indexed SET until = greatest(until, %s)"
NEW_DAYS = """
    SELECT day, count(*) FROM almanac.log_entries
    WHERE entry_id > %s AND entry_id <= %s GROUP BY day ORDER BY day"""
# Entries that share words mostly share logger and beginning. Side by side they are read from few pages.
ORDER = sql.SQL("e.logger, left(e.text, 200)")
FILL = sql.SQL("""
    INSERT INTO {} (entry_id, day, event_time, source, session, document)
    SELECT entry_id, day, event_time, source, session,
           to_tsvector('simple', api.log_words(coalesce(logger || ' ', '') || text))
    FROM almanac.log_entries AS e WHERE day = {} AND entry_id > {} AND entry_id <= {} ORDER BY {}""")
CLUSTER = sql.SQL("""
    INSERT INTO {} (entry_id, day, event_time, source, session, document)
    SELECT s.entry_id, s.day, s.event_time, s.source, s.session, s.document
    FROM {} AS s JOIN almanac.log_entries AS e ON e.entry_id = s.entry_id AND e.day = s.day ORDER BY {}""")
COUNT_PART = """
    INSERT INTO almanac.log_layouts AS layout (day, parts) VALUES (%s, 1)
    ON CONFLICT (day) DO UPDATE SET parts = layout.parts + 1"""
SET_ONE_PART = "UPDATE almanac.log_layouts SET parts = 1 WHERE day = %s"
# Days that are over, came in several parts, and have no entry that is not searchable yet.
SCATTERED = """
    SELECT day FROM almanac.log_layouts AS l WHERE parts > 1 AND day < %s AND NOT EXISTS (
        SELECT FROM almanac.log_entries AS e
        WHERE e.day = l.day AND entry_id > (SELECT until FROM almanac.log_indexed)) ORDER BY day LIMIT 1"""
# GIN first collects additions in a pending list, and every search reads all of it.
MERGE = """
    SELECT gin_clean_pending_list(i.indexrelid)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
    WHERE i.indrelid = to_regclass(%s) AND a.amname = 'gin'"""
EXISTS = "SELECT to_regclass(%s) IS NOT NULL"
# Those of the partitioned table. ATTACH then finds them and builds none while searches wait.
INDEXES = (
    "USING gin (document)",
    "(event_time, entry_id)",
    "(source, session, event_time, entry_id) WHERE session IS NOT NULL",
)
CREATE = sql.SQL("CREATE TABLE {} (LIKE almanac.log_search, CHECK (day = {}))")
DROP = sql.SQL("DROP TABLE {}")
RENAME = sql.SQL("ALTER TABLE {} RENAME TO {}")
ATTACH = sql.SQL("ALTER TABLE almanac.log_search ATTACH PARTITION {} FOR VALUES IN ({})")
# Whoever deletes or copies rows takes this lock, so that a copy does not bring back deleted rows.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('almanac log search', 0))"
# Wait this long for readers of a day; the next run tries again.
LOCK_TIMEOUT = "1s"


def prepare(connection: Connection, covered_until: int) -> int:
    """Make the entries up to this number searchable and return how many were added.

    A search shows them once they are released.
    """
    indexed = queries.value(connection, INDEXED)
    connection.execute(MEMORY)
    added = 0
    for day, entries in queries.rows(connection, NEW_DAYS, [indexed, covered_until]):
        _index_day(connection, day, indexed, covered_until)
        added += entries
    connection.execute(SET_INDEXED, [covered_until])
    return added


def cluster(connection: Connection, today: date) -> date | None:
    """Rewrite one day before `today` that came in several parts, in the order of its texts; return that day.

    The caller ends the transaction at once, because searches wait from here on. A day that readers lock is
    left for the next time.
    """
    days: list[date] = queries.column(connection, SCATTERED, [today])
    return days[0] if days and _cluster_day(connection, days[0]) else None


def partition(day: date) -> str:
    """Return the name of the table of a day."""
    return f"log_search_{day:%Y%m%d}"


def _index_day(connection: Connection, day: date, indexed: int, covered_until: int) -> None:
    """Add entries to a day. A new day is filled before its indexes are built, which is many times faster."""
    table = _identifier(partition(day))
    fill = FILL.format(table, day, indexed, covered_until, ORDER)
    if queries.value(connection, EXISTS, [table.as_string()]):
        connection.execute(fill)
        connection.execute(MERGE, [table.as_string()])
    else:
        _create(connection, table, day, fill)
        connection.execute(ATTACH.format(table, day))
    connection.execute(COUNT_PART, [day])


def _cluster_day(connection: Connection, day: date) -> bool:
    try:
        with connection.transaction():
            _replace(connection, day)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _replace(connection: Connection, day: date) -> None:
    """Replace the table of a day by a copy in the order of its texts."""
    name = partition(day)
    table, copy = _identifier(name), _identifier(f"{name}_fresh")
    connection.execute(LOCK)
    connection.execute(MEMORY)
    _create(connection, copy, day, CLUSTER.format(copy, table, ORDER))
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    connection.execute(DROP.format(table))
    connection.execute(RENAME.format(copy, sql.Identifier(name)))
    connection.execute(ATTACH.format(table, day))
    connection.execute(SET_ONE_PART, [day])


def _create(connection: Connection, table: sql.Identifier, day: date, fill: sql.Composed) -> None:
    connection.execute(CREATE.format(table, day))
    connection.execute(fill)
    for index in INDEXES:
        connection.execute(sql.SQL("CREATE INDEX ON {} " + index).format(table))
    connection.execute(sql.SQL("ANALYZE {}").format(table))


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier("almanac", name)
