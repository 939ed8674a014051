"""Reads what the workers measured and what arrived, from the views of the operational tables."""

import pandas as pd
import psycopg
from psycopg import sql

from almanac.contract import Table
from almanac.store import frames
from almanac.store.database import Database
from almanac.workloads.events.contract import HISTORY, TRAFFIC

SOURCE = "worker"
NEWEST_BATCHES = 20_000
NEWEST_EVENTS = 50_000


def batches(database: Database) -> pd.DataFrame:
    """Return the newest batches that workers processed, as rows of the contract's `history`."""
    return _newest(database, HISTORY, "events_batches", by="started_at", limit=NEWEST_BATCHES)


def arrivals(database: Database) -> pd.DataFrame:
    """Return the newest events that came in, as rows of the contract's `traffic`."""
    return _newest(database, TRAFFIC, "events_arrivals", by="arrived_at", limit=NEWEST_EVENTS)


def _newest(database: Database, table: Table, view: str, *, by: str, limit: int) -> pd.DataFrame:
    own = [column.name for column in table.columns if column.name != "source"]
    parts = [sql.SQL("{}::{} AS {}").format(sql.Identifier(name), _type(table, name), sql.Identifier(name)) for name in own]
    listed = sql.SQL(", ").join([sql.SQL("{} AS source").format(SOURCE), *parts])
    ordered = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    query = sql.SQL("SELECT {} FROM (SELECT {} FROM {} ORDER BY {} DESC LIMIT {}) AS newest").format(
        ordered, listed, frames.location(view, "api"), sql.Identifier(by), limit
    )
    with database.connect() as connection:
        try:
            return frames.read(connection, table, query)
        except psycopg.errors.UndefinedTable:
            connection.rollback()
            return pd.DataFrame(columns=table.column_names)


def _type(table: Table, name: str) -> sql.SQL:
    types = {"text": "text", "integer": "integer", "real": "double precision", "timestamp": "timestamptz", "json": "json"}
    return sql.SQL(types[table.column(name).type])
