"""Promotion decisions: which version became champion or did not, and why; append-only."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from almanac.store.connections.rows import all_rows, first_row
from almanac.store.schema.tables import decisions

DecisionRow = sa.RowMapping
COLUMNS = decisions.c


def write(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Write one decision: workload, run_id, challenger, champion, promoted, reason, evidence, who."""
    connection.execute(sa.insert(decisions).values(dict(row)))


def newest(connection: sa.Connection, workload: str) -> DecisionRow | None:
    """Return the newest decision of a workload, or None."""
    query = sa.select(decisions).where(COLUMNS.workload == workload)
    return first_row(connection, query.order_by(COLUMNS.decision_id.desc()).limit(1))


def of_run(connection: sa.Connection, run_id: str) -> DecisionRow | None:
    """Return the decision that a run has made, or None."""
    query = sa.select(decisions).where(COLUMNS.run_id == run_id)
    return first_row(connection, query.order_by(COLUMNS.decision_id.desc()).limit(1))


def latest(connection: sa.Connection, workload: str | None, *, limit: int) -> list[DecisionRow]:
    """Return the newest decisions, of one workload or of all, newest first."""
    query = sa.select(decisions).order_by(COLUMNS.decision_id.desc()).limit(limit)
    return all_rows(connection, query.where(COLUMNS.workload == workload) if workload else query)
