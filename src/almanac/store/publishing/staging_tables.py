"""The tables in which one run's rows are staged: later they become partitions of the workload's tables."""

from typing import Any

import psycopg
from psycopg import sql

from almanac.contract import Contract, Table
from almanac.store.connections.database import Database
from almanac.store.rows.names import column_list, qualified_name, workload_table
from almanac.store.schema.contract_tables import LONGEST_NAME, indexes, table_name
from almanac.store.schema.tables import STAGING

# The run's id is a constant of the table, so the rows that are sent need not repeat it.
CREATE_TABLE = sql.SQL(
    "CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS, CONSTRAINT is_this_run CHECK (run_id = {}))"
)
SET_RUN_ID = sql.SQL("ALTER TABLE {} ALTER run_id SET DEFAULT {}")
ADD_KEY = sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})")
CREATE_INDEX = sql.SQL("CREATE INDEX {} ON {} ({})")
# A million keys fit into this memory, so that PostgreSQL sorts them without temporary files.
SORT_IN_MEMORY = "SET LOCAL maintenance_work_mem = '256MB'"
STAGED_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename ~ %s ORDER BY tablename
"""


def partition_name(contract: Contract, table: Table, run_id: str) -> str:
    """Return the name of the table that has one run's rows."""
    return f"{table_name(contract, table)}_{run_id.replace('-', '_').lower()}"


def staging_table(contract: Contract, table: Table, run_id: str) -> sql.Identifier:
    """Return the quoted name of the table in which a run's rows are staged."""
    return qualified_name(partition_name(contract, table, run_id), STAGING)


def create_table(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str
) -> sql.Identifier:
    """Make the table in which a run's rows are staged, empty and without indexes, and return its name."""
    target = staging_table(contract, table, run_id)
    parent = workload_table(contract, table)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(target))
    connection.execute(CREATE_TABLE.format(target, parent, run_id))
    connection.execute(SET_RUN_ID.format(target, run_id))
    return target


def create_indexes(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str
) -> None:
    """Build the key and the indexes after loading, which is faster than updating them row by row."""
    target = staging_table(contract, table, run_id)
    name = partition_name(contract, table, run_id)
    connection.execute(SORT_IN_MEMORY)
    connection.execute(ADD_KEY.format(target, column_list(("run_id", *table.key))))
    for number, columns in enumerate(indexes(contract, table)):
        # PostgreSQL would cut the names it makes itself, and two of them could then be equal in the table's
        # new schema.
        index = sql.Identifier(f"i{number}_{name}"[:LONGEST_NAME])
        connection.execute(CREATE_INDEX.format(index, target, column_list(columns)))
    connection.execute(sql.SQL("ANALYZE {}").format(target))


def discard(database: Database, contract: Contract, run_id: str) -> None:
    """Drop what one run has staged."""
    with database.connect() as connection:
        for table in contract.released_tables:
            target = staging_table(contract, table, run_id)
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(target))


def sweep(connection: psycopg.Connection[Any], contract: Contract) -> list[str]:
    """Drop what earlier runs of the workload staged and never published; return the tables' names."""
    parents = "|".join(table_name(contract, table) for table in contract.released_tables)
    of_a_run = rf"^({parents})_\d{{8}}t\d{{6}}_"
    names = [name for (name,) in connection.execute(STAGED_TABLES, [STAGING, of_a_run]).fetchall()]
    for name in names:
        connection.execute(sql.SQL("DROP TABLE {}").format(qualified_name(name, STAGING)))
    return names
