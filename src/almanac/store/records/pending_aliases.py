"""Promotions by HTTP whose alias the model registry does not have yet."""

import sqlalchemy as sa

from almanac.store.connections.rows import all_rows
from almanac.store.schema.access_tables import pending_aliases
from almanac.store.schema.tables import decisions

PendingRow = sa.RowMapping
COLUMNS = pending_aliases.c


def of(connection: sa.Connection, workload: str | None = None) -> list[PendingRow]:
    """Return what is pending, of one workload or of all."""
    query = sa.select(pending_aliases).order_by(COLUMNS.workload)
    return all_rows(connection, query.where(COLUMNS.workload == workload) if workload else query)


def is_overtaken(connection: sa.Connection, row: PendingRow) -> bool:
    """Tell whether another version became champion later."""
    later = (decisions.c.workload == row["workload"]) & (decisions.c.decision_id > row["decision_id"])
    query = sa.select(sa.exists().where(later, decisions.c.promoted))
    return bool(connection.execute(query).scalar())


def remove(connection: sa.Connection, row: PendingRow) -> None:
    """Forget a promotion, unless another has taken its place meanwhile."""
    is_same = (COLUMNS.workload == row["workload"]) & (COLUMNS.decision_id == row["decision_id"])
    connection.execute(sa.delete(pending_aliases).where(is_same))


def forget(connection: sa.Connection, workload: str) -> None:
    """Forget what is pending for a workload: somebody decides anew."""
    connection.execute(sa.delete(pending_aliases).where(COLUMNS.workload == workload))
