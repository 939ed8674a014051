"""Executed notebooks as compressed HTML, which the server shows without the model registry."""

import gzip
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from almanac.store.connections.database import Connection
from almanac.store.schema import tables

COLUMNS = tables.notebooks_html.c
# What one notebook may take in the database.
MOST_BYTES = 1_000_000


def fits(page: bytes) -> bool:
    """Tell whether a page is small enough to be stored."""
    return len(_compressed(page)) <= MOST_BYTES


def store(connection: Connection, workload: str, run_id: str, step: str, page: bytes) -> None:
    """Store the page of one step; a page of the same step is replaced."""
    content = _compressed(page)
    row = {"run_id": run_id, "step": step, "workload": workload, "content": content, "html_bytes": len(page)}
    changed = {"content": content, "html_bytes": len(page)}
    statement = insert(tables.notebooks_html).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "step"], set_=changed))


def delete_before(
    connection: Connection, workload: str, *, before: datetime, without: Collection[str]
) -> None:
    """Delete the pages of runs that ended before an instant, except those of the runs `without`."""
    ended = sa.select(tables.runs.c.run_id).where(
        tables.runs.c.workload == workload, tables.runs.c.finished_at < before
    )
    is_old = COLUMNS.run_id.in_(ended) & COLUMNS.run_id.not_in(list(without))
    connection.execute(sa.delete(tables.notebooks_html).where(is_old))


def _compressed(page: bytes) -> bytes:
    return gzip.compress(page, compresslevel=6, mtime=0)
