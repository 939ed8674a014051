"""Write and audit: a run's rows are loaded and checked in tables of their own that no reader sees yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from almanac.contract import Contract, Table
from almanac.errors import AuditFailed
from almanac.store.connections.database import Database
from almanac.store.rows import frames
from almanac.store.rows.hashes import combined_hash
from almanac.store.rows.names import qualified_name
from almanac.store.schema.contract_tables import indexes, table_name
from almanac.store.schema.tables import STAGING

# A million keys fit, and are not sorted by way of files.
SORTED_IN_MEMORY = "SET LOCAL maintenance_work_mem = '256MB'"


@dataclass(frozen=True)
class Staged:
    """What a run has staged: rows of the prediction table, the hash of each table, and one hash over all of them."""

    rows: int
    prediction_hash: str
    hashes: Mapping[str, str]

    def summary(self) -> dict[str, Any]:
        """Return what the run's record is to say."""
        return {"rows": self.rows, "prediction_hash": self.prediction_hash, "hashes": dict(self.hashes)}


def no_checkpoint(_point: str) -> None:
    """Do nothing at a named point of publishing."""


def stage(
    database: Database,
    contract: Contract,
    run_id: str,
    content: Mapping[str, pd.DataFrame],
    *,
    at: Callable[[str], None] = no_checkpoint,
) -> Staged:
    """Load one frame for each released table of `contract`, index and audit them; in one transaction.

    `content` maps table names to frames. Raises AuditFailed and leaves nothing behind if anything is wrong. `at` is called at the
    named point after_copy.
    """
    refuse_other_tables(contract, content)
    with database.connect() as connection:
        hashes = {
            table.name: _load(connection, contract, table, run_id, content[table.name])
            for table in contract.released_tables
        }
        at("after_copy")
        audit(connection, contract, run_id)
    return Staged(len(content[contract.predictions.name]), combined_hash(hashes.values()), hashes)


def partition_name(contract: Contract, table: Table, run_id: str) -> str:
    """Return the name of the table that holds one run's rows."""
    return f"{contract.name}_{table.name}_{run_id.replace('-', '_').lower()}"


def audit(connection: psycopg.Connection[Any], contract: Contract, run_id: str) -> int:
    """Check the staged rows of a run against the contract and return how many predictions they are.

    Raises AuditFailed naming every broken rule with its count.
    """
    broken, rows = [], 0
    for table in contract.released_tables:
        rules = _rules(contract, table)
        counts = sql.SQL("").join(
            sql.SQL(", count(*) FILTER (WHERE NOT ({}))").format(rule) for _, rule in rules
        )
        (row,) = connection.execute(
            sql.SQL("SELECT count(*){} FROM {}").format(counts, staging_table(contract, table, run_id))
        ).fetchall()
        if table is contract.predictions:
            rows = row[0]
            if not contract.minimum_rows <= rows <= contract.maximum_rows:
                broken.append(
                    f"{table.name}: {rows} rows, the contract allows {contract.minimum_rows} to {contract.maximum_rows}"
                )
        broken += [
            f"{table.name}: {count} rows break '{what}'"
            for (what, _), count in zip(rules, row[1:], strict=True)
            if count
        ]
    if broken:
        raise AuditFailed(f"The predictions of run {run_id} were not published: {'; '.join(broken)}.")
    return rows


def refuse_other_tables(contract: Contract, content: Mapping[str, pd.DataFrame]) -> None:
    """Raise AuditFailed unless there is one frame for each released table."""
    wanted = {table.name for table in contract.released_tables}
    if set(content) != wanted:
        raise AuditFailed(
            f"'{contract.name}' releases the tables {sorted(wanted)} together; the run staged {sorted(content)}."
        )


def _load(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str, frame: pd.DataFrame
) -> str:
    target = create_table(connection, contract, table, run_id)
    try:
        digest = frames.copy_in(connection, target, table, frame)
        create_indexes(connection, contract, table, run_id)
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise AuditFailed(
            f"Table '{table.name}' of run {run_id} was not accepted: {detail(error)}."
        ) from error
    return digest


def staging_table(contract: Contract, table: Table, run_id: str) -> sql.Identifier:
    """Return the quoted name of the table in which a run's rows are staged."""
    return qualified_name(partition_name(contract, table, run_id), STAGING)


def create_table(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str
) -> sql.Identifier:
    """Make the table in which a run's rows are staged, empty and without indexes, and return its name."""
    parent, target = (
        qualified_name(table_name(contract, table)),
        staging_table(contract, table, run_id),
    )
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(target))
    # The run's id is a constant of the table, so the rows that are sent need not repeat it.
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS, CONSTRAINT is_this_run CHECK (run_id = {}))"
        ).format(target, parent, run_id)
    )
    connection.execute(sql.SQL("ALTER TABLE {} ALTER run_id SET DEFAULT {}").format(target, run_id))
    return target


def create_indexes(
    connection: psycopg.Connection[Any], contract: Contract, table: Table, run_id: str
) -> None:
    """Build the key and the indexes after loading, which is faster than keeping them up to date row by row."""
    target = staging_table(contract, table, run_id)
    connection.execute(SORTED_IN_MEMORY)
    key = sql.SQL(", ").join(map(sql.Identifier, ("run_id", *table.key)))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(target, key))
    name = partition_name(contract, table, run_id)
    for number, columns in enumerate(indexes(contract, table)):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        # Names that PostgreSQL makes of the columns' names are cut, and then are alike in the schema to which the table moves.
        connection.execute(
            sql.SQL("CREATE INDEX {} ON {} ({})").format(
                sql.Identifier(f"i{number}_{name}"[:63]), target, names
            )
        )
    connection.execute(sql.SQL("ANALYZE {}").format(target))


def _rules(contract: Contract, table: Table) -> list[tuple[str, sql.Composable]]:
    """Return each rule in words and as a condition that holds for a good row (or is null)."""
    rules: list[tuple[str, sql.Composable]] = []
    for column in table.columns:
        name = sql.Identifier(column.name)
        if column.minimum is not None:
            rules.append(
                (f"{column.name} >= {column.minimum:g}", sql.SQL("{} >= {}").format(name, column.minimum))
            )
        if column.maximum is not None:
            rules.append(
                (f"{column.name} <= {column.maximum:g}", sql.SQL("{} <= {}").format(name, column.maximum))
            )
    for rule in contract.sums if table is contract.predictions else ():
        total = sql.SQL(" + ").join(map(sql.Identifier, rule.columns))
        condition = sql.SQL("abs({} - {}) <= {}").format(total, rule.total, rule.tolerance)
        rules.append((f"{' + '.join(rule.columns)} = {rule.total:g}", condition))
    return rules


def detail(error: psycopg.Error) -> str:
    """Return what PostgreSQL says about rows that it does not accept."""
    return (
        error.diag.message_detail or error.diag.message_primary or str(error).strip() or type(error).__name__
    )


def sweep(connection: psycopg.Connection[Any], contract: Contract) -> list[str]:
    """Drop what earlier runs of the workload staged and never published; return the tables' names."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename ~ %s ORDER BY tablename"
    parents = "|".join(table_name(contract, table) for table in contract.released_tables)
    left = [
        row[0] for row in connection.execute(query, [STAGING, rf"^({parents})_\d{{8}}t\d{{6}}_"]).fetchall()
    ]
    for name in left:
        connection.execute(sql.SQL("DROP TABLE {}").format(qualified_name(name, STAGING)))
    return left


def discard(database: Database, contract: Contract, run_id: str) -> None:
    """Drop what one run has staged."""
    with database.connect() as connection:
        for table in contract.released_tables:
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}").format(
                    qualified_name(partition_name(contract, table, run_id), STAGING)
                )
            )
