"""Promotion decisions: who became champion or did not, and why; append-only."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from almanac.store.schema.tables import decisions

DecisionRow = sa.RowMapping


def write(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Write one decision: workload, run_id, challenger, champion, promoted, reason, evidence, who."""
    connection.execute(sa.insert(decisions).values(dict(row)))


def newest(connection: sa.Connection, workload: str) -> DecisionRow | None:
    """Return the newest decision of a workload, or None."""
    query = (
        sa.select(decisions)
        .where(decisions.c.workload == workload)
        .order_by(decisions.c.decision_id.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()
