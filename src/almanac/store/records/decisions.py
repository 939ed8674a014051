"""Promotion decisions: which version became champion or did not, and why; append-only."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from almanac.store.connections.rows import first_row
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
