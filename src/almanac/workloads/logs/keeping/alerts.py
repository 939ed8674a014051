"""Alerts: rules in the database, judged after each run; one is opened once and closed when its value has recovered."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
# Each counts what lies in the window up to the present, of one source or of all.
VALUES = {
    "errors": """
        SELECT coalesce(sum(entries), 0) FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket <= %(now)s
        AND level = 'error' AND (%(source)s::text IS NULL OR source = %(source)s)""",
    "anomalies": """
        SELECT coalesce(sum(anomalies), 0) FROM almanac.logs_rollups WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket <= %(now)s
        AND (%(source)s::text IS NULL OR source = %(source)s)""",
    "new_templates": """
        SELECT count(*) FROM (
            SELECT template_id FROM almanac.logs_usage WHERE run_id = ANY (%(runs)s) AND (%(source)s::text IS NULL OR source = %(source)s)
            GROUP BY template_id HAVING min(first_seen) >= %(since)s AND min(first_seen) <= %(now)s) AS fresh""",
}
LIVE = "SELECT run_ids FROM almanac.releases WHERE workload = 'logs' ORDER BY release_id DESC LIMIT 1"
OPEN = """
    INSERT INTO almanac.log_alerts AS known (rule_id, value, highest, opened_at, changed_at) VALUES (%(rule)s, %(value)s, %(value)s, %(now)s, %(now)s)
    ON CONFLICT (rule_id) WHERE state <> 'closed' DO UPDATE SET value = excluded.value, highest = greatest(known.highest, excluded.value)"""
CLOSE = """
    UPDATE almanac.log_alerts SET state = 'closed', value = %(value)s, changed_at = %(now)s, closed_at = %(now)s
    WHERE rule_id = %(rule)s AND state <> 'closed'"""


def judge(connection: Connection, now: datetime) -> None:
    """Open, update or close the alert of every active rule; a rule that was switched off closes its alert."""
    rules = connection.execute(
        "SELECT rule_id, kind, threshold, window_minutes, source, is_active FROM almanac.log_rules ORDER BY rule_id"
    ).fetchall()
    live = connection.execute(LIVE).fetchall()
    for rule_id, kind, threshold, minutes, source, is_active in rules:
        wanted = {
            "since": now - timedelta(minutes=minutes),
            "now": now,
            "source": source,
            "runs": live[0][0] if live else [],
        }
        ((value,),) = connection.execute(VALUES[kind].encode(), wanted).fetchall()
        statement = OPEN if is_active and value >= threshold else CLOSE
        connection.execute(statement.encode(), {"rule": rule_id, "value": int(value), "now": now})
