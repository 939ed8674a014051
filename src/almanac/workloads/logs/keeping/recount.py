"""Counts the side tables of runs again, from the predictions that a deletion has left."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from almanac.workloads.logs.contract import BLOCK, FIRST_LETTER, LEVELS, SEVERITIES

Connection = psycopg.Connection[Any]
# Entries of {rows} by block. Spaces before a letter (see `contract.letter`) stand for missing numbers.
BLOCKS = f"""
    SELECT run_id, block, min(entry_id) AS first_entry,
           string_agg(repeat(' ', missing::integer) || letter, '' ORDER BY entry_id) AS letters
    FROM (
        SELECT run_id, block, entry_id,
               entry_id - coalesce(lag(entry_id) OVER of_block, block * {BLOCK} - 1) - 1 AS missing,
               chr({ord(FIRST_LETTER)} + anomaly::integer
                   + 2 * (array_position(ARRAY{list(SEVERITIES)}, severity) - 1
                   + {len(SEVERITIES)} * (array_position(ARRAY{list(LEVELS)}, level) - 1))) AS letter
        FROM (SELECT *, entry_id / {BLOCK} AS block FROM {{rows}}) AS numbered
        WINDOW of_block AS (PARTITION BY run_id, block ORDER BY entry_id)
    ) AS spaced GROUP BY run_id, block"""  # noqa: S608  # made of constants
ROLLUPS = """
    INSERT INTO almanac.logs_rollups
        (run_id, bucket, source, level, severity, entries, anomalies, written, differing)
    SELECT run_id, date_bin('5 minutes', event_time, '2000-01-01Z'), source, level, severity,
           count(*), count(*) FILTER (WHERE anomaly),
           count(written_level), count(*) FILTER (WHERE written_level <> level)
    FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4, 5"""
HOURS = """
    INSERT INTO almanac.logs_hours
        (run_id, bucket, source, level, severity, entries, anomalies, written, differing)
    SELECT run_id, date_trunc('hour', bucket, 'UTC'), source, level, severity,
           sum(entries), sum(anomalies), sum(written), sum(differing)
    FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4, 5"""
TEMPLATE_HOURS = """
    INSERT INTO almanac.logs_template_hours (run_id, bucket, source, template_id, entries, anomalies)
    SELECT run_id, date_trunc('hour', event_time, 'UTC'), source, template_id,
           count(*), count(*) FILTER (WHERE anomaly)
    FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3, 4"""
LEFT_BLOCKS = BLOCKS.format(rows="almanac.logs_predictions WHERE run_id = ANY (%(runs)s)")
DELETE_TEMPLATES = """
    DELETE FROM almanac.logs_templates AS t WHERE run_id = ANY (%(runs)s) AND NOT EXISTS (
        SELECT FROM almanac.logs_predictions AS p
        WHERE p.run_id = t.run_id AND p.template_id = t.template_id)"""
TEMPLATES = """
    UPDATE almanac.logs_templates AS t
    SET entries = c.entries, anomalies = c.anomalies, first_seen = c.first_seen, last_seen = c.last_seen
    FROM (SELECT run_id, template_id, count(*) AS entries, count(*) FILTER (WHERE anomaly) AS anomalies,
                 min(event_time) AS first_seen, max(event_time) AS last_seen
          FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2) AS c
    WHERE t.run_id = c.run_id AND t.template_id = c.template_id"""
DELETE_USAGE = """
    DELETE FROM almanac.logs_usage AS u WHERE run_id = ANY (%(runs)s) AND NOT EXISTS (
        SELECT FROM almanac.logs_predictions AS p
        WHERE p.run_id = u.run_id AND p.source = u.source AND p.template_id = u.template_id)"""
USAGE = """
    UPDATE almanac.logs_usage AS u
    SET entries = c.entries, anomalies = c.anomalies, first_seen = c.first_seen, last_seen = c.last_seen
    FROM (SELECT run_id, source, template_id,
                 count(*) AS entries, count(*) FILTER (WHERE anomaly) AS anomalies,
                 min(event_time) AS first_seen, max(event_time) AS last_seen
          FROM almanac.logs_predictions WHERE run_id = ANY (%(runs)s) GROUP BY 1, 2, 3) AS c
    WHERE u.run_id = c.run_id AND u.source = c.source AND u.template_id = c.template_id"""
DELETE_SESSIONS = """
    DELETE FROM almanac.logs_sessions AS s WHERE run_id = ANY (%(runs)s) AND NOT EXISTS (
        SELECT FROM almanac.log_entries AS e WHERE e.source = s.source AND e.session = s.session)"""
STATEMENTS = (
    "DELETE FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s)",
    ROLLUPS,
    "DELETE FROM almanac.logs_hours WHERE run_id = ANY (%(runs)s)",
    HOURS,
    "DELETE FROM almanac.logs_template_hours WHERE run_id = ANY (%(runs)s)",
    TEMPLATE_HOURS,
    "DELETE FROM almanac.logs_blocks WHERE run_id = ANY (%(runs)s)",
    f"INSERT INTO almanac.logs_blocks (run_id, block, first_entry, letters) {LEFT_BLOCKS}",
    # Templates and sessions without an entry must not stay, because they tell what the deleted entries said.
    DELETE_TEMPLATES,
    TEMPLATES,
    DELETE_USAGE,
    USAGE,
    DELETE_SESSIONS,
)


def repair(run_ids: list[str]) -> Callable[[Connection], None]:
    """Return a function that brings the side tables of these runs in line with the remaining predictions."""
    return partial(_recount, run_ids=run_ids)


def _recount(connection: Connection, run_ids: list[str]) -> None:
    for statement in STATEMENTS:
        connection.execute(statement.encode(), {"runs": run_ids})
