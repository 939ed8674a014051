"""Slots of schedules, as people ask for them; the scheduler itself writes them."""

import sqlalchemy as sa

from almanac.store.connections.rows import all_rows
from almanac.store.schema.tables import schedules

COLUMNS = schedules.c
RECENT = sa.text("slot > clock_timestamp() - interval '7 days'")


def missed(connection: sa.Connection, workload: str = "", *, limit: int = 20) -> list[sa.RowMapping]:
    """Return the newest slots of the last seven days that were missed, of one workload or of all."""
    query = sa.select(schedules).where(COLUMNS.state == "missed", RECENT)
    if workload:
        query = query.where(COLUMNS.workload == workload)
    return all_rows(connection, query.order_by(COLUMNS.slot.desc()).limit(limit))
