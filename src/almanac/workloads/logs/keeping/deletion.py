"""Deletes entries that meet conditions, with the statements that were learned from them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg

from almanac.errors import UsageError
from almanac.workloads.logs.keeping import queries, search_index
from almanac.workloads.logs.sources import own

Connection = psycopg.Connection[Any]
CONDITIONS: Mapping[str, str] = {
    "source": "source = %s",
    "session": "session = %s",
    "logger": "logger = %s",
    "before": "received_at < %s::timestamptz",
    "since": "received_at >= %s::timestamptz",
    "contains": "strpos(text, %s) > 0",
    "id": "client_id = %s",
}
# Source and text of an entry that statements may have been learned from, NULL of other entries.
DELETE = """
    DELETE FROM almanac.log_entries WHERE {conditions}
    RETURNING entry_id, CASE WHEN level IS NOT NULL THEN source END,
              CASE WHEN level IS NOT NULL THEN text END"""
DELETE_FROM_INDEX = "DELETE FROM almanac.log_search WHERE entry_id = ANY (%s)"
DELETE_IDS = "DELETE FROM almanac.log_ids WHERE entry_id = ANY (%s)"
# Of both samples: a mock run has learned from entries too.
DELETE_STATEMENTS = (
    "DELETE FROM almanac.logs_statements WHERE statement_id = ANY (%s)",
    "DELETE FROM almanac.logs_statements$mock WHERE statement_id = ANY (%s)",
)

Deletion = Callable[[Connection], list[int]]


def by_conditions(conditions: Sequence[str]) -> Deletion:
    """Return a function that deletes the entries that meet all `conditions`, and returns their numbers.

    A condition is written name=value. Raises UsageError for another form or an unknown name. The function
    raises it for a value that does not fit.
    """
    if not conditions:
        raise UsageError(f"Say what to delete: --where name=value. Names: {_names()}.")
    pairs = [_parsed(condition) for condition in conditions]
    where = " AND ".join(CONDITIONS[name] for name, _ in pairs)
    statement = DELETE.format(conditions=where)
    return partial(_delete, statement=statement, values=[value for _, value in pairs])


def _parsed(condition: str) -> tuple[str, str]:
    name, _, value = condition.partition("=")
    if not value or name not in CONDITIONS:
        raise UsageError(f"'{condition}' is not a condition. Write name=value with one of {_names()}.")
    return name, value


def _names() -> str:
    return ", ".join(sorted(CONDITIONS))


def _delete(connection: Connection, statement: str, values: Sequence[str]) -> list[int]:
    connection.execute(search_index.LOCK)
    rows = _delete_entries(connection, statement, values)
    numbers = [number for number, _, _ in rows]
    connection.execute(DELETE_FROM_INDEX, [numbers])
    connection.execute(DELETE_IDS, [numbers])
    _delete_statements(connection, [(source, text) for _, source, text in rows if source and text])
    return numbers


def _delete_entries(connection: Connection, statement: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
    try:
        return queries.rows(connection, statement, values)
    except psycopg.DataError as error:
        reason = error.diag.message_primary
        raise UsageError(f"--where does not fit: {reason}. Instants look like 2025-04-15T06:00Z.") from error


def _delete_statements(connection: Connection, learned: Sequence[tuple[str, str]]) -> None:
    """Delete the masked statements that entries were learned as.

    The next collect restores a statement that remaining entries say too.
    """
    if not learned:
        return
    sources, texts = zip(*learned, strict=True)
    numbers = own.statement_ids(sources, texts)
    for statement in DELETE_STATEMENTS:
        connection.execute(statement, [numbers])
