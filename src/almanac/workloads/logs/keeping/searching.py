"""What a search looks through, by day: filled as entries are published, and laid out anew once a day is over."""

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
NEW_DAYS = """
    SELECT day, count(*) FROM almanac.log_entries WHERE entry_id > %s AND entry_id <= %s GROUP BY day ORDER BY day"""
# Entries that share words mostly share logger and beginning: side by side in the table, those of a word are read from few places.
ORDER = sql.SQL("e.logger, left(e.text, 200)")
FILL = sql.SQL("""
    INSERT INTO {} (entry_id, day, event_time, source, session, document)
    SELECT entry_id, day, event_time, source, session, to_tsvector('simple', coalesce(logger || ' ', '') || text)
    FROM almanac.log_entries AS e WHERE day = {} AND entry_id > {} AND entry_id <= {} ORDER BY {}""")
LAY_OUT = sql.SQL("""
    INSERT INTO {} (entry_id, day, event_time, source, session, document)
    SELECT s.entry_id, s.day, s.event_time, s.source, s.session, s.document
    FROM {} AS s JOIN almanac.log_entries AS e ON e.entry_id = s.entry_id AND e.day = s.day ORDER BY {}""")
NOTE = """
    INSERT INTO almanac.log_layouts AS known (day, parts) VALUES (%s, 1) ON CONFLICT (day) DO UPDATE SET parts = known.parts + 1"""
# Days that are over, came in several parts, and have no entry that is not searchable yet.
SCATTERED = """
    SELECT day FROM almanac.log_layouts AS l WHERE parts > 1 AND day < %s AND NOT EXISTS (
        SELECT FROM almanac.log_entries AS e WHERE e.day = l.day AND entry_id > (SELECT until FROM almanac.log_indexed)) ORDER BY day"""
# What was added to the index is first kept beside it, where every search has to look at all of it.
MERGE = """
    SELECT gin_clean_pending_list(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
    WHERE i.indrelid = to_regclass(%s) AND a.amname = 'gin'"""
# Those of the whole table: attaching finds them and builds none while searches wait.
INDEXES = (
    "USING gin (document)",
    "(event_time, entry_id)",
    "(source, session, event_time, entry_id) WHERE session IS NOT NULL",
)
ATTACH = sql.SQL("ALTER TABLE almanac.log_search ATTACH PARTITION {} FOR VALUES IN ({})")
# Held by whoever removes entries or copies them: what is deleted while a day is laid out must not come back with the copy.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('almanac log search', 0))"
# Whoever is reading is waited for that long; the next run tries again.
PATIENCE = "1s"


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


def lay_out(connection: Connection, today: date) -> date | None:
    """Lay out anew one day before `today` that came in several parts, as if it had come in one; return it.

    The caller ends the transaction at once: from here on searches wait. A day that readers do not let go of is left for the next time.
    """
    scattered = connection.execute(SCATTERED, [today]).fetchall()
    return scattered[0][0] if scattered and _laid_out(connection, scattered[0][0]) else None


def _index_day(connection: Connection, day: date, indexed: int, covered: int) -> None:
    """A day that is new is filled before its indexes are built, which is many times faster."""
    place = _place(day)
    fill = FILL.format(place, day, indexed, covered, ORDER)
    (known,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [place.as_string()]).fetchall()
    if known[0]:
        connection.execute(fill)
        connection.execute(MERGE, [place.as_string()])
    else:
        _make(connection, place, day, fill)
        connection.execute(ATTACH.format(place, day))
    connection.execute(NOTE, [day])


def _laid_out(connection: Connection, day: date) -> bool:
    place, fresh = _place(day), sql.Identifier("almanac", f"{_name(day)}_fresh")
    try:
        with connection.transaction():
            connection.execute(ALONE)
            connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
            _make(connection, fresh, day, LAY_OUT.format(fresh, place, ORDER))
            connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            connection.execute(sql.SQL("DROP TABLE {}").format(place))
            connection.execute(
                sql.SQL("ALTER TABLE {} RENAME TO {}").format(fresh, sql.Identifier(_name(day)))
            )
            connection.execute(ATTACH.format(place, day))
            connection.execute("UPDATE almanac.log_layouts SET parts = 1 WHERE day = %s", [day])
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _make(connection: Connection, place: sql.Identifier, day: date, fill: sql.Composed) -> None:
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE almanac.log_search, CHECK (day = {}))").format(place, day)
    )
    connection.execute(fill)
    for index in INDEXES:
        connection.execute(sql.SQL("CREATE INDEX ON {} " + index).format(place))
    connection.execute(sql.SQL("ANALYZE {}").format(place))


def _name(day: date) -> str:
    return f"log_search_{day:%Y%m%d}"


def _place(day: date) -> sql.Identifier:
    return sql.Identifier("almanac", _name(day))
