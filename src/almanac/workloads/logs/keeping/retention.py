"""What goes: days past retention as whole tables, and entries that somebody wants deleted."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from almanac.errors import UsageError
from almanac.workloads.logs.contract import BLOCK, FIRST_LETTER, LEVELS, SEVERITIES
from almanac.workloads.logs.keeping import searching
from almanac.workloads.logs.sources import own

Connection = psycopg.Connection[Any]
KINDS: Mapping[str, str] = {
    "source": "source = %s",
    "session": "session = %s",
    "logger": "logger = %s",
    "before": "received_at < %s::timestamptz",
    "since": "received_at >= %s::timestamptz",
    "contains": "strpos(text, %s) > 0",
    "id": "client_id = %s",
}
# Source and text of an entry that may have been learned from, NULL of others.
LEARNED = "CASE WHEN level IS NOT NULL THEN source END, CASE WHEN level IS NOT NULL THEN text END"
# Entries of {rows} by block; before the letter that `contract.letter` makes of each stand spaces for the numbers that are missing.
BLOCKS = f"""
    SELECT run_id, block, min(entry_id) AS first_entry, string_agg(repeat(' ', missing::integer) || letter, '' ORDER BY entry_id) AS letters
    FROM (
        SELECT run_id, block, entry_id, entry_id - coalesce(lag(entry_id) OVER of_block, block * {BLOCK} - 1) - 1 AS missing,
               chr({ord(FIRST_LETTER)} + anomaly::integer + 2 * (array_position(ARRAY{list(SEVERITIES)}, severity) - 1
                   + {len(SEVERITIES)} * (array_position(ARRAY{list(LEVELS)}, level) - 1))) AS letter
        FROM (SELECT *, entry_id / {BLOCK} AS block FROM {{rows}}) AS numbered
        WINDOW of_block AS (PARTITION BY run_id, block ORDER BY entry_id)
    ) AS spaced GROUP BY run_id, block"""  # noqa: S608  # made of constants
MENDS = (
    # What is counted of a run is counted again from the predictions that are left.
    "DELETE FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s)",
    """INSERT INTO almanac.logs_rollups (run_id, bucket, source, level, severity, entries, anomalies)
       SELECT run_id, date_bin('5 minutes', event_time, '2000-01-01Z'), source, level, severity, count(*), count(*) FILTER (WHERE anomaly)
       FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4, 5""",
    "DELETE FROM almanac.logs_hours WHERE run_id = ANY (%(runs)s)",
    """INSERT INTO almanac.logs_hours (run_id, bucket, source, level, severity, entries, anomalies)
       SELECT run_id, date_trunc('hour', bucket, 'UTC'), source, level, severity, sum(entries), sum(anomalies)
       FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4, 5""",
    "DELETE FROM almanac.logs_template_hours WHERE run_id = ANY (%(runs)s)",
    """INSERT INTO almanac.logs_template_hours (run_id, bucket, source, template_id, entries, anomalies)
       SELECT run_id, date_trunc('hour', event_time, 'UTC'), source, template_id, count(*), count(*) FILTER (WHERE anomaly)
       FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4""",
    "DELETE FROM almanac.logs_blocks WHERE run_id = ANY (%(runs)s)",
    "INSERT INTO almanac.logs_blocks (run_id, block, first_entry, letters)"
    + BLOCKS.format(rows="almanac.logs_predictions WHERE run_id = ANY (%(runs)s)"),
    # Texts and sessions that no entry has any more say nothing about anybody from now on.
    """DELETE FROM almanac.logs_templates AS t WHERE run_id = ANY (%(runs)s)
       AND NOT EXISTS (SELECT FROM almanac.logs_predictions AS p WHERE p.run_id = t.run_id AND p.template_id = t.template_id)""",
    """UPDATE almanac.logs_templates AS t SET entries = c.entries, anomalies = c.anomalies, first_seen = c.first_seen, last_seen = c.last_seen
       FROM (SELECT run_id, template_id, count(*) AS entries, count(*) FILTER (WHERE anomaly) AS anomalies, min(event_time) AS first_seen,
                    max(event_time) AS last_seen FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2) AS c
       WHERE t.run_id = c.run_id AND t.template_id = c.template_id""",
    """DELETE FROM almanac.logs_usage AS u WHERE run_id = ANY (%(runs)s) AND NOT EXISTS (
           SELECT FROM almanac.logs_predictions AS p WHERE p.run_id = u.run_id AND p.source = u.source AND p.template_id = u.template_id)""",
    """UPDATE almanac.logs_usage AS u SET entries = c.entries, anomalies = c.anomalies, first_seen = c.first_seen, last_seen = c.last_seen
       FROM (SELECT run_id, source, template_id, count(*) AS entries, count(*) FILTER (WHERE anomaly) AS anomalies, min(event_time) AS first_seen,
                    max(event_time) AS last_seen FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3) AS c
       WHERE u.run_id = c.run_id AND u.source = c.source AND u.template_id = c.template_id""",
    """DELETE FROM almanac.logs_sessions AS s WHERE run_id = ANY (%(runs)s)
       AND NOT EXISTS (SELECT FROM almanac.log_entries AS e WHERE e.source = s.source AND e.session = s.session)""",
)


def expired(connection: Connection, before: date) -> list[date]:
    """Return the days of receipt before `before` of which entries are kept, oldest first."""
    query = """
        SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'almanac.log_entries'::regclass ORDER BY 1"""
    return [day for (day,) in connection.execute(query).fetchall() if day < before]


def dropping(day: date) -> Callable[[Connection], list[int]]:
    """Return what drops the tables of a day with what refers to them, and returns the numbers of the entries that went."""

    def drop(connection: Connection) -> list[int]:
        name = sql.Identifier("almanac", f"log_entries_{day:%Y%m%d}")
        numbers = [
            number
            for (number,) in connection.execute(sql.SQL("SELECT entry_id FROM {}").format(name)).fetchall()
        ]
        connection.execute(sql.SQL("DROP TABLE {}").format(name))
        connection.execute(
            sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("almanac", f"log_search_{day:%Y%m%d}"))
        )
        for table in ("log_ids", "log_layouts"):
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE day = {}").format(sql.Identifier("almanac", table), day)
            )
        return numbers

    return drop


def removing(conditions: Sequence[str]) -> Callable[[Connection], list[int]]:
    """Return what removes the entries that meet all `conditions`, each written name=value, and returns their numbers; raises UsageError."""
    pairs = [_pair(condition) for condition in conditions]
    if not pairs:
        raise UsageError(f"Say what to delete: --where name=value. Names: {', '.join(sorted(KINDS))}.")
    where = " AND ".join(KINDS[name] for name, _ in pairs)

    def remove(connection: Connection) -> list[int]:
        connection.execute(searching.ALONE)
        statement = f"DELETE FROM almanac.log_entries WHERE {where} RETURNING entry_id, {LEARNED}"  # noqa: S608  # names come from KINDS alone
        try:
            gone = connection.execute(statement.encode(), [value for _, value in pairs]).fetchall()
        except psycopg.DataError as error:
            raise UsageError(
                f"--where does not fit: {error.diag.message_primary}. Instants look like 2025-04-15T06:00Z."
            ) from error
        numbers = [number for number, _, _ in gone]
        connection.execute("DELETE FROM almanac.log_search WHERE entry_id = ANY (%s)", [numbers])
        connection.execute("DELETE FROM almanac.log_ids WHERE entry_id = ANY (%s)", [numbers])
        _forget(connection, [(source, text) for _, source, text in gone if text is not None])
        return numbers

    return remove


def _forget(connection: Connection, learned: Sequence[tuple[str, str]]) -> None:
    """Remove the masked statements that entries were learned as; where others say the same, the next collect brings them back."""
    if not learned:
        return
    ids = own.ids([source for source, _ in learned], [text for _, text in learned])
    connection.execute("DELETE FROM almanac.logs_statements WHERE statement_id = ANY (%s)", [ids])


def mend(run_ids: list[str]) -> Callable[[Connection], None]:
    """Return what brings the side tables of these runs in line with the predictions that are left."""

    def counted_again(connection: Connection) -> None:
        for statement in MENDS:
            connection.execute(statement.encode(), {"runs": run_ids})

    return counted_again


def _pair(condition: str) -> tuple[str, str]:
    name, equals, value = condition.partition("=")
    if not equals or not value or name not in KINDS:
        raise UsageError(
            f"'{condition}' is not a condition. Write name=value with one of {', '.join(sorted(KINDS))}."
        )
    return name, value
