"""The views through which readers see a workload's tables, made from its contract."""

import sqlalchemy as sa

from almanac.contract import Contract
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


def lock_views(connection: sa.Connection, contract: Contract) -> None:
    """Lock the views before the tables, in the order of their readers.

    The other order could end in a deadlock.
    """
    tables = [table_name(contract, table) for table in contract.released_tables]
    for name in (_live_name(contract), *tables):
        connection.execute(sa.text(f'ALTER VIEW IF EXISTS {API}."{name}" OWNER TO almanac_owner'))


def make_views(connection: sa.Connection, contract: Contract) -> None:
    """Make or replace a view for each released table, and the view of the live predictions."""
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
