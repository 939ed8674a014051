"""Alerts of the rules in the database, judged after each run: an alert opens once and closes on recovery."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from almanac.workloads.logs.keeping import queries

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
            GROUP BY template_id
            HAVING min(first_seen) >= %(since)s AND min(first_seen) <= %(now)s) AS new""",
}
RULES = """
    SELECT rule_id, kind, threshold, window_minutes, source, is_active
    FROM almanac.log_rules ORDER BY rule_id"""
LIVE = "SELECT run_ids FROM almanac.releases WHERE workload = 'logs' ORDER BY release_id DESC LIMIT 1"
OPEN = """
    INSERT INTO almanac.log_alerts AS present (rule_id, value, highest, opened_at, changed_at)
    VALUES (%(rule)s, %(value)s, %(value)s, %(now)s, %(now)s)
    ON CONFLICT (rule_id) WHERE state <> 'closed'
    DO UPDATE SET value = excluded.value, highest = greatest(present.highest, excluded.value)"""
CLOSE = """
    UPDATE almanac.log_alerts
    SET state = 'closed', value = %(value)s, changed_at = %(now)s, closed_at = %(now)s
    WHERE rule_id = %(rule)s AND state <> 'closed'"""


def judge(connection: Connection, now: datetime) -> None:
    """Open, update or close the alert of every active rule; close those of rules that are switched off."""
    run_ids = _live_runs(connection)
    for row in queries.rows(connection, RULES):
        rule = _Rule(*row)
        window = {"since": now - rule.length, "now": now, "source": rule.source, "runs": run_ids}
        value = int(queries.value(connection, VALUES[rule.kind], window))
        statement = OPEN if rule.is_active and value >= rule.threshold else CLOSE
        connection.execute(statement.encode(), {"rule": rule.rule_id, "value": value, "now": now})


class _Rule(NamedTuple):
    """A row of RULES."""

    rule_id: int
    kind: str
    threshold: int
    window_minutes: int
    source: str | None
    is_active: bool

    @property
    def length(self) -> timedelta:
        """The length of the window."""
        return timedelta(minutes=self.window_minutes)


def _live_runs(connection: Connection) -> list[str]:
    """Return the runs of the live release."""
    releases = queries.column(connection, LIVE)
    return list(releases[0]) if releases else []
