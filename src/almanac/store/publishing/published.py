"""What was published, as frames for people at a terminal or in a notebook."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from almanac.contract import Contract
from almanac.store.connections.database import Database
from almanac.store.publishing.incremental.merging import merge_query
from almanac.store.records import runs
from almanac.store.rows import frames
from almanac.store.rows.names import column_list, workload_table

# Columns that differ between runs by their nature and say nothing about what readers get.
ABOUT_THE_RUN = frozenset({"model_version", "predicted_at"})
ROWS_OF_RUN = sql.SQL("SELECT {} FROM {} WHERE run_id = {} ORDER BY {}")
ROWS_OF_RUNS = sql.SQL("SELECT {}, {} FROM {} WHERE run_id = ANY ({})")
# `turn` grows from the oldest run to the newest.
TURN = sql.SQL("array_position({}::text[], run_id::text) AS turn")
ORDERED = sql.SQL("SELECT {} FROM ({}) AS every ORDER BY {}")
SIDE = sql.SQL("(SELECT * FROM {} WHERE run_id IN ({})) AS {}")
JOINED = sql.SQL("{} JOIN {} USING ({})")
DIFFERING_ROWS = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}")


@dataclass(frozen=True)
class Differences:
    """The rows in which two sets of runs differ, in the order of the entity, and how many are common."""

    before: pd.DataFrame
    after: pd.DataFrame
    common: int
    only_first: int
    only_second: int


def read_run(database: Database, contract: Contract, name: str, run_id: str) -> pd.DataFrame:
    """Return the rows of one run in a released table, in the contract's order."""
    table = contract.table(name)
    order = (*contract.order, contract.entity) if table is contract.predictions else table.key
    place = workload_table(contract, table)
    query = ROWS_OF_RUN.format(column_list(table.column_names), place, run_id, column_list(order))
    with database.connect() as connection:
        return frames.read(connection, table, query)


def read_version(database: Database, contract: Contract, name: str, version: int) -> pd.DataFrame:
    """Return a released table of an incremental workload over all runs of a version, in the order of its key.

    The rows of side tables are merged by key, as the contract declares.
    """
    table = contract.table(name)
    with database.engine.begin() as connection:
        run_ids = [str(row["run_id"]) for row in runs.of_version(connection, contract.name, version)]
    columns = column_list(table.column_names)
    place = workload_table(contract, table)
    source = ROWS_OF_RUNS.format(columns, TURN.format(run_ids), place, run_ids)
    rows = source if table is contract.predictions else merge_query(table, source)
    with database.connect() as connection:
        return frames.read(connection, table, ORDERED.format(columns, rows, column_list(table.key)))


def differences(database: Database, contract: Contract, first: list[str], second: list[str]) -> Differences:
    """Return the predictions of two sets of runs that differ in anything but ABOUT_THE_RUN."""
    sides = (_side(contract, first, "a"), _side(contract, second, "b"))
    joined = JOINED.format(*sides, sql.Identifier(contract.entity))
    with database.connect() as connection:
        before, after = (_differing_rows(connection, contract, joined, side) for side in ("a", "b"))
        common, in_first, in_second = (_count(connection, source) for source in (joined, *sides))
    return Differences(before, after, common, in_first - common, in_second - common)


def _differing_rows(
    connection: psycopg.Connection[Any], contract: Contract, joined: sql.Composed, side: str
) -> pd.DataFrame:
    entity = sql.Identifier(contract.entity)
    query = DIFFERING_ROWS.format(_columns_of(side, contract), joined, _any_differs(contract), entity)
    return frames.read(connection, contract.predictions, query)


def _count(connection: psycopg.Connection[Any], source: sql.Composed) -> int:
    ((count,),) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(source)).fetchall()
    return int(count)


def _side(contract: Contract, run_ids: list[str], alias: str) -> sql.Composed:
    place = workload_table(contract, contract.predictions)
    listed = sql.SQL(", ").join(map(sql.Literal, run_ids))
    return SIDE.format(place, listed, sql.Identifier(alias))


def _columns_of(side: str, contract: Contract) -> sql.Composed:
    names: Iterable[str] = contract.predictions.column_names
    return sql.SQL(", ").join(sql.Identifier(side, name) for name in names)


def _any_differs(contract: Contract) -> sql.Composed:
    ignored = {*ABOUT_THE_RUN, contract.entity}
    names = [name for name in contract.predictions.column_names if name not in ignored]
    return sql.SQL(" OR ").join(_differs(contract, name) for name in names)


def _differs(contract: Contract, name: str) -> sql.Composed:
    """Compare one column; JSON has no equality, so its text is compared."""
    cast = sql.SQL("::text" if contract.predictions.column(name).type == "json" else "")
    return sql.SQL("a.{0}{1} IS DISTINCT FROM b.{0}{1}").format(sql.Identifier(name), cast)
