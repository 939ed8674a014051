"""What was published, as frames for people at a terminal or in a notebook."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from psycopg import sql

from almanac.contract import Contract
from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import increments
from almanac.store.records import runs
from almanac.store.rows import frames
from almanac.store.rows.names import qualified_name
from almanac.store.schema.contract_tables import table_name

# Columns that differ between runs by their nature and say nothing about what readers get.
ABOUT_THE_RUN = frozenset({"model_version", "predicted_at"})


@dataclass(frozen=True)
class Differences:
    """The rows of two sets of runs that differ, each in the order of the entity, and how many entities they have in common."""

    before: pd.DataFrame
    after: pd.DataFrame
    common: int
    only_first: int
    only_second: int


def read_run(database: Database, contract: Contract, name: str, run_id: str) -> pd.DataFrame:
    """Return the rows of one run in a released table, in the contract's order."""
    table = contract.table(name)
    order = (*contract.order, contract.entity) if table is contract.predictions else table.key
    columns, keys = (sql.SQL(", ").join(map(sql.Identifier, names)) for names in (table.column_names, order))
    place = qualified_name(table_name(contract, table))
    query = sql.SQL("SELECT {} FROM {} WHERE run_id = {} ORDER BY {}").format(columns, place, run_id, keys)
    with database.connect() as connection:
        return frames.read(connection, table, query)


def read_version(database: Database, contract: Contract, name: str, version: int) -> pd.DataFrame:
    """Return a released table of an incremental workload over all runs of a version, in the order of its key; side tables merged by key."""
    table = contract.table(name)
    with database.engine.begin() as asking:
        run_ids = [str(record["run_id"]) for record in runs.of_version(asking, contract.name, version)]
    columns, keys = (
        sql.SQL(", ").join(map(sql.Identifier, names)) for names in (table.column_names, table.key)
    )
    turn = sql.SQL("array_position({}::text[], run_id::text) AS turn").format(run_ids)
    source = sql.SQL("SELECT {}, {} FROM {} WHERE run_id = ANY ({})").format(
        columns, turn, qualified_name(table_name(contract, table)), run_ids
    )
    query = source if table is contract.predictions else increments.merge_query(table, source)
    with database.connect() as connection:
        return frames.read(
            connection,
            table,
            sql.SQL("SELECT {} FROM ({}) AS every ORDER BY {}").format(columns, query, keys),
        )


def differences(database: Database, contract: Contract, first: list[str], second: list[str]) -> Differences:
    """Return the predictions of two sets of runs that differ in anything but ABOUT_THE_RUN."""
    table, entity = contract.predictions, sql.Identifier(contract.entity)
    place = qualified_name(table_name(contract, table))
    sides = [
        sql.SQL("(SELECT * FROM {} WHERE run_id IN ({}))").format(
            place, sql.SQL(", ").join(map(sql.Literal, ids))
        )
        for ids in (first, second)
    ]
    joined = sql.SQL("{} AS a JOIN {} AS b USING ({})").format(*sides, entity)
    compared = sql.SQL(" OR ").join(
        _distinct(contract, name)
        for name in table.column_names
        if name not in {*ABOUT_THE_RUN, contract.entity}
    )
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}")
    with database.connect() as connection:
        before, after = (
            frames.read(connection, table, query.format(_of(side, contract), joined, compared, entity))
            for side in "ab"
        )
        counts = [
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(part)).fetchall()[0][0]
            for part in (joined, sql.SQL("{} AS a").format(sides[0]), sql.SQL("{} AS b").format(sides[1]))
        ]
    return Differences(before, after, counts[0], counts[1] - counts[0], counts[2] - counts[0])


def _distinct(contract: Contract, name: str) -> sql.Composed:
    """Compare one column; JSON by its text, since it has no equality."""
    cast = sql.SQL("::text" if contract.predictions.column(name).type == "json" else "")
    return sql.SQL("a.{0}{1} IS DISTINCT FROM b.{0}{1}").format(sql.Identifier(name), cast)


def _of(side: str, contract: Contract) -> sql.Composed:
    names: Iterable[sql.Composable] = (
        sql.SQL("{}.{}").format(sql.Identifier(side), sql.Identifier(name))
        for name in contract.predictions.column_names
    )
    return sql.SQL(", ").join(names)
