"""The views through which readers see a workload's tables, made from its contract."""

import psycopg
import sqlalchemy as sa

from almanac.contract import Contract
from almanac.errors import ContractError
from almanac.store.schema.contract_tables import table_name
from almanac.store.schema.tables import API, SCHEMA

# PostgreSQL plans a statement before it takes the snapshot that the statement reads by. The plan may
# therefore lack the partition of a release that the snapshot already shows. The subquery on `p` passes over
# such a release: the statement is answered from the newest release whose partition is in its plan.
LIVE_ROWS = """
    SELECT * FROM {rows} WHERE run_id = ANY ((
        SELECT run_ids FROM {schema}.releases AS r
        WHERE workload = '{workload}' AND (SELECT true FROM {rows} AS p WHERE p.run_id = r.run_id LIMIT 1)
        ORDER BY release_id DESC LIMIT 1
    )::text[])
"""

IN_USE = (
    "The views of '{workload}' must be made again, but others show them: {detail}. "
    "Drop these, migrate, and make them again."
)


def lock_views(connection: sa.Connection, contract: Contract) -> None:
    """Lock the views before the tables, in the order of their readers.

    The other order could end in a deadlock.
    """
    tables = [table_name(contract, table) for table in contract.released_tables]
    for name in (_live_name(contract), *tables):
        connection.execute(sa.text(f'ALTER VIEW IF EXISTS {API}."{name}" OWNER TO almanac_owner'))


def make_views(connection: sa.Connection, contract: Contract) -> None:
    """Make or replace a view for each released table, and the view of the live predictions.

    PostgreSQL replaces no view that would lose a column, or have another type in its place; such views are
    dropped and made again. Raises ContractError where a view of somebody else shows them.
    """
    try:
        with connection.begin_nested():
            _make_views(connection, contract)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InvalidTableDefinition):
            raise
        drop_views(connection, contract)
        _make_views(connection, contract)


def drop_views(connection: sa.Connection, contract: Contract) -> None:
    """Drop the views of a workload; raises ContractError that names a view of somebody else on them."""
    names = [_live_name(contract), *(table_name(contract, table) for table in contract.released_tables)]
    views = ", ".join(f'{API}."{name}"' for name in names)
    try:
        with connection.begin_nested():
            connection.execute(sa.text(f"DROP VIEW IF EXISTS {views}"))
    except sa.exc.InternalError as error:
        raise _in_use(contract, error) from error


def _in_use(contract: Contract, error: sa.exc.InternalError) -> Exception:
    """Return the error to raise where a view cannot be dropped."""
    if not isinstance(error.orig, psycopg.errors.DependentObjectsStillExist):
        return error
    detail = (error.orig.diag.message_detail or "").replace("\n", "; ")
    return ContractError(IN_USE.format(workload=contract.name, detail=detail))


def _make_views(connection: sa.Connection, contract: Contract) -> None:
    for table in contract.released_tables:
        _make_table_view(connection, table_name(contract, table))
    predictions = table_name(contract, contract.predictions)
    live_rows = LIVE_ROWS.format(rows=f'{API}."{predictions}"', schema=SCHEMA, workload=contract.name)
    _replace_view(connection, _live_name(contract), live_rows)


def _live_name(contract: Contract) -> str:
    return f"{contract.name}_live"


def _make_table_view(connection: sa.Connection, name: str) -> None:
    """Show the columns in the table's order: PostgreSQL lets a view get new columns only at its end."""
    columns = sa.inspect(connection).get_columns(name, schema=SCHEMA)
    names = ", ".join(f'"{column["name"]}"' for column in columns)
    _replace_view(connection, name, f'SELECT {names} FROM {SCHEMA}."{name}"')


def _replace_view(connection: sa.Connection, name: str, query: str) -> None:
    connection.execute(sa.text(f'CREATE OR REPLACE VIEW {API}."{name}" AS {query}'))
    connection.execute(sa.text(f'GRANT SELECT ON {API}."{name}" TO almanac_reader, almanac_worker'))
