"""Merges the rows of several runs of an incremental workload into one row per key."""

from psycopg import sql

from almanac.contract import Column, Table
from almanac.store.rows.names import column_list

# `turn` grows from older rows to newer ones.
AGGREGATES = {
    "sum": "sum({0})::{1}",
    "min": "min({0})",
    "max": "max({0})",
    "last": "(array_agg({0} ORDER BY turn DESC))[1]",
}
# PostgreSQL sums integers as bigint and bigints as numeric; the sum gets the column's own type back.
SUM_TYPES = {"integer": "integer", "bigint": "bigint", "real": "double precision"}
ONE_PER_KEY = sql.SQL("SELECT {} FROM ({}) AS every GROUP BY {}")


def merge_query(table: Table, source: sql.Composable) -> sql.Composed:
    """Return the query that makes one row per key of the rows of `source`, which has a column `turn`."""
    columns = sql.SQL(", ").join(_merged_column(column) for column in table.columns)
    return ONE_PER_KEY.format(columns, source, column_list(table.key))


def _merged_column(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.merge is None:
        return name
    sum_type = sql.SQL(SUM_TYPES.get(column.type, "text"))
    aggregate = sql.SQL(AGGREGATES[column.merge]).format(name, sum_type)
    return sql.SQL("{} AS {}").format(aggregate, name)
