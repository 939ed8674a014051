"""What was published, as frames for people at a terminal or in a notebook."""

import pandas as pd
from psycopg import sql

from almanac.contract import Contract
from almanac.store import frames, increments, runs
from almanac.store.database import Database
from almanac.store.shape import table_name


def published(database: Database, contract: Contract, name: str, run_id: str) -> pd.DataFrame:
    """Return the rows of one run in a released table, in the contract's order."""
    table = next(table for table in contract.released_tables if table.name == name)
    order = (*contract.order, contract.entity) if table is contract.predictions else table.key
    columns, keys = (sql.SQL(", ").join(map(sql.Identifier, names)) for names in (table.column_names, order))
    place = frames.location(table_name(contract, table))
    query = sql.SQL("SELECT {} FROM {} WHERE run_id = {} ORDER BY {}").format(columns, place, run_id, keys)
    with database.connect() as connection:
        return frames.read(connection, table, query)


def of_version(database: Database, contract: Contract, name: str, version: int) -> pd.DataFrame:
    """Return a released table of an incremental workload over all runs of a version, in the order of its key; side tables merged by key."""
    table = next(table for table in contract.released_tables if table.name == name)
    with database.engine.begin() as asking:
        run_ids = [str(record["run_id"]) for record in runs.of_version(asking, contract.name, version)]
    columns, keys = (sql.SQL(", ").join(map(sql.Identifier, names)) for names in (table.column_names, table.key))
    turn = sql.SQL("array_position({}::text[], run_id::text) AS turn").format(run_ids)
    source = sql.SQL("SELECT {}, {} FROM {} WHERE run_id = ANY ({})").format(columns, turn, frames.location(table_name(contract, table)), run_ids)
    query = source if table is contract.predictions else increments.merged(table, source)
    with database.connect() as connection:
        return frames.read(connection, table, sql.SQL("SELECT {} FROM ({}) AS every ORDER BY {}").format(columns, query, keys))
