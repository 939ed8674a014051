"""Rules of alerts, as they stand in the database: listed, added, taken away."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from almanac.errors import NotFound, UsageError
from almanac.workloads.logs.keeping.alerts import VALUES

Connection = psycopg.Connection[Any]
KINDS = tuple(VALUES)
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 10_080
LONGEST_NAME = 200


@dataclass(frozen=True)
class Rule:
    """What opens an alert: so many errors, anomalies or new templates within a window, of one source or of all."""

    name: str
    kind: str
    threshold: int
    window_minutes: int
    source: str | None = None


class Listed(NamedTuple):
    """A rule with the state of its newest alert, which is empty where it never had one."""

    name: str
    kind: str
    threshold: int
    window_minutes: int
    source: str | None
    active: bool
    alert: str


LIST = """
    SELECT name, kind, threshold, window_minutes, source, is_active,
           coalesce((SELECT state FROM almanac.log_alerts AS a WHERE a.rule_id = r.rule_id ORDER BY alert_id DESC LIMIT 1), '')
    FROM almanac.log_rules AS r ORDER BY rule_id"""
# A rule that was switched off, because its alerts tell its history, comes back under its name.
ADD = """
    INSERT INTO almanac.log_rules AS known (name, kind, threshold, window_minutes, source) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, threshold = excluded.threshold, window_minutes = excluded.window_minutes,
        source = excluded.source, is_active = true
    WHERE NOT known.is_active"""
REMOVE = """
    DELETE FROM almanac.log_rules AS r WHERE name = %s AND NOT EXISTS (SELECT FROM almanac.log_alerts AS a WHERE a.rule_id = r.rule_id)"""
SWITCH_OFF = "UPDATE almanac.log_rules SET is_active = false WHERE name = %s AND is_active"


def listed(connection: Connection) -> list[Listed]:
    """Return every rule in the order in which they were made."""
    return [Listed(*row) for row in connection.execute(LIST).fetchall()]


def add(connection: Connection, rule: Rule) -> None:
    """Add a rule, which counts from the end of the next run on; raises UsageError naming what does not fit."""
    _refuse(rule)
    if (
        connection.execute(
            ADD, [rule.name, rule.kind, rule.threshold, rule.window_minutes, rule.source]
        ).rowcount
        == 0
    ):
        raise UsageError(f"There is a rule '{rule.name}' already. Remove it first, or choose another name.")


def remove(connection: Connection, name: str) -> bool:
    """Take a rule away and return whether it is gone: one that has had alerts is switched off, and the next run closes its alert.

    Raises NotFound naming the rules there are.
    """
    if connection.execute(REMOVE, [name]).rowcount:
        return True
    if connection.execute(SWITCH_OFF, [name]).rowcount == 0:
        names = ", ".join(f"'{rule.name}'" for rule in listed(connection) if rule.active) or "none"
        raise NotFound(f"There is no rule '{name}' that is active. Active rules: {names}.")
    return False


def _refuse(rule: Rule) -> None:
    if not rule.name.strip() or len(rule.name) > LONGEST_NAME or "\0" in rule.name:
        raise UsageError(f"A rule needs a name of at most {LONGEST_NAME} characters.")
    if rule.kind not in KINDS:
        raise UsageError(f"Unknown kind of rule '{rule.kind}'. Known kinds: {', '.join(KINDS)}.")
    if rule.threshold < 1:
        raise UsageError(f"The threshold is {rule.threshold}. Use a number above 0.")
    if not SHORTEST_MINUTES <= rule.window_minutes <= LONGEST_MINUTES:
        raise UsageError(
            f"The window is {rule.window_minutes} minutes. Use {SHORTEST_MINUTES} to {LONGEST_MINUTES:,}."
        )
    if rule.source is not None and (not rule.source or "\0" in rule.source):
        raise UsageError("An empty source means nothing here. Leave --source out for all sources.")
