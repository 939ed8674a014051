"""Rules of alerts in the database: list, add, remove."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from almanac.errors import NotFound, UsageError
from almanac.workloads.logs.keeping import queries
from almanac.workloads.logs.keeping.alerts import VALUES

Connection = psycopg.Connection[Any]
KINDS = tuple(VALUES)
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 10_080
LONGEST_NAME = 200


@dataclass(frozen=True)
class Rule:
    """The condition of an alert: a number of errors, anomalies or new templates of a source within a window.

    Without `source` it counts those of all sources.
    """

    name: str
    kind: str
    threshold: int
    window_minutes: int
    source: str | None = None


class RuleState(NamedTuple):
    """A rule with the state of its newest alert, which is empty where it never had one."""

    name: str
    kind: str
    threshold: int
    window_minutes: int
    source: str | None
    active: bool
    alert: str


LIST = """
    SELECT name, kind, threshold, window_minutes, source, is_active, coalesce((
        SELECT state FROM almanac.log_alerts AS a
        WHERE a.rule_id = r.rule_id ORDER BY alert_id DESC LIMIT 1), '')
    FROM almanac.log_rules AS r ORDER BY rule_id"""
# A rule with alerts is only switched off when it is removed. Adding it again switches it on.
ADD = """
    INSERT INTO almanac.log_rules AS present (name, kind, threshold, window_minutes, source)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, threshold = excluded.threshold,
        window_minutes = excluded.window_minutes, source = excluded.source, is_active = true
    WHERE NOT present.is_active"""
REMOVE = """
    DELETE FROM almanac.log_rules AS r WHERE name = %s
    AND NOT EXISTS (SELECT FROM almanac.log_alerts AS a WHERE a.rule_id = r.rule_id)"""
SWITCH_OFF = "UPDATE almanac.log_rules SET is_active = false WHERE name = %s AND is_active"


def list_all(connection: Connection) -> list[RuleState]:
    """Return every rule, the oldest first."""
    return [RuleState(*row) for row in queries.rows(connection, LIST)]


def add(connection: Connection, rule: Rule) -> None:
    """Add a rule, which is judged from the end of the next run on.

    Raises UsageError for an invalid rule or a name in use.
    """
    _check(rule)
    values = [rule.name, rule.kind, rule.threshold, rule.window_minutes, rule.source]
    if connection.execute(ADD, values).rowcount == 0:
        raise UsageError(f"There is a rule '{rule.name}' already. Remove it first, or choose another name.")


def remove(connection: Connection, name: str) -> bool:
    """Delete a rule and return True; switch off a rule that has had alerts and return False.

    The next run closes the alert of a rule that was switched off. Raises NotFound naming the active rules.
    """
    if connection.execute(REMOVE, [name]).rowcount:
        return True
    if connection.execute(SWITCH_OFF, [name]).rowcount == 0:
        active = _active_names(connection)
        raise NotFound(f"There is no rule '{name}' that is active. Active rules: {active}.")
    return False


def _active_names(connection: Connection) -> str:
    names = [f"'{rule.name}'" for rule in list_all(connection) if rule.active]
    return ", ".join(names) or "none"


def _check(rule: Rule) -> None:
    if not _is_name(rule.name):
        raise UsageError(f"A rule needs a name of at most {LONGEST_NAME} characters.")
    if rule.source is not None and not _is_source(rule.source):
        raise UsageError("The source is empty. Leave --source out for all sources.")
    if rule.kind not in KINDS:
        raise UsageError(f"Unknown kind of rule '{rule.kind}'. Known kinds: {', '.join(KINDS)}.")
    if rule.threshold < 1:
        raise UsageError(f"The threshold is {rule.threshold}. Use a number above 0.")
    if not SHORTEST_MINUTES <= rule.window_minutes <= LONGEST_MINUTES:
        bounds = f"{SHORTEST_MINUTES} to {LONGEST_MINUTES:,}"
        raise UsageError(f"The window is {rule.window_minutes} minutes. Use {bounds}.")


def _is_name(name: str) -> bool:
    return bool(name.strip()) and len(name) <= LONGEST_NAME and "\0" not in name


def _is_source(source: str) -> bool:
    return bool(source) and "\0" not in source
