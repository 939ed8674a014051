"""Alerts: rules in the database, judged after each run; an alert opens once and closes when its value has recovered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
# Each counts in the window that ends now, of one source or of all.
VALUES = {
    "errors": """
        SELECT coalesce(sum(entries), 0) FROM almanac.logs_rollups
        WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket <= %(now)s
        AND level = 'error' AND (%(source)s::text IS NULL OR source = %(source)s)""",
    "anomalies": """
        SELECT coalesce(sum(anomalies), 0) FROM almanac.logs_rollups
        WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket <= %(now)s
        AND (%(source)s::text IS NULL OR source = %(source)s)""",
    "new_templates": """
        SELECT count(*) FROM (
            SELECT template_id FROM almanac.logs_usage
            WHERE run_id = ANY (%(runs)s) AND (%(source)s::text IS NULL OR source = %(source)s)
            GROUP BY template_id HAVING min(first_seen) >= %(since)s AND min(first_seen) <= %(now)s) AS fresh""",
}
RULES = """
    SELECT rule_id, kind, threshold, window_minutes, source, is_active FROM almanac.log_rules ORDER BY rule_id"""
LIVE = "SELECT run_ids FROM almanac.releases WHERE workload = 'logs' ORDER BY release_id DESC LIMIT 1"
OPEN = """
    INSERT INTO almanac.log_alerts AS present (rule_id, value, highest, opened_at, changed_at)
    VALUES (%(rule)s, %(value)s, %(value)s, %(now)s, %(now)s)
    ON CONFLICT (rule_id) WHERE state <> 'closed'
    DO UPDATE SET value = excluded.value, highest = greatest(present.highest, excluded.value)"""
CLOSE = """
    UPDATE almanac.log_alerts SET state = 'closed', value = %(value)s, changed_at = %(now)s, closed_at = %(now)s
    WHERE rule_id = %(rule)s AND state <> 'closed'"""


def judge(connection: Connection, now: datetime) -> None:
    """Open, update or close the alert of every active rule; close the alerts of rules that were switched off."""
    live = connection.execute(LIVE).fetchall()
    run_ids = live[0][0] if live else []
    for rule_id, kind, threshold, minutes, source, is_active in connection.execute(RULES).fetchall():
        window = {"since": now - timedelta(minutes=minutes), "now": now, "source": source}
        value = _value(connection, kind, window, run_ids)
        statement = OPEN if is_active and value >= threshold else CLOSE
        connection.execute(statement.encode(), {"rule": rule_id, "value": value, "now": now})


def _value(connection: Connection, kind: str, window: dict[str, Any], run_ids: Sequence[str]) -> int:
    ((value,),) = connection.execute(VALUES[kind].encode(), {**window, "runs": run_ids}).fetchall()
    return int(value)
