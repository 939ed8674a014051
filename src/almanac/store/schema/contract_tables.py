"""A workload's own tables and views, made from its contract."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.schema import CreateIndex, CreateTable

from almanac.contract import Column, Contract, Table
from almanac.errors import ContractError
from almanac.store.schema import tables, workload_sql
from almanac.store.schema.tables import API, SCHEMA

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    # Bytewise order: the same on every machine, and the order in which hashes and cursors walk.
    "text": sa.Text(collation="C"),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "real": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
    "json": JSON(),
}
# PostgreSQL plans a statement before it takes the snapshot that the statement reads by, so a plan may lack the partition of a release
# that the snapshot already shows. Such a statement is answered from the newest release that its own plan can reach.
LIVE_ROWS = """
    SELECT * FROM {rows} WHERE run_id = ANY ((
        SELECT run_ids FROM {schema}.releases AS r
        WHERE workload = '{workload}' AND (SELECT true FROM {rows} AS p WHERE p.run_id = r.run_id LIMIT 1)
        ORDER BY release_id DESC LIMIT 1
    )::text[])
"""
WAY_OUT = "Declare the column under a new name, or rename the table in the contract and keep the old one for its history."


def ensure(connection: sa.Connection, contract: Contract) -> None:
    """Make the own tables, then the tables and views of `contract`; add nullable columns; raises ContractError for every other change."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac shape ' || :name))"), {"name": contract.name}
    )
    workload_sql.migrate(connection, contract.name)
    if _is_recorded(connection, contract):
        return
    _enter_before_readers(connection, contract)
    wanted = [released_table(contract, table) for table in contract.released_tables] + [
        raw_table(contract, table) for table in contract.raw_tables
    ]
    for made in wanted:
        _ensure_table(connection, contract, made)
        connection.execute(sa.text(f'GRANT SELECT ON {SCHEMA}."{made.name}" TO almanac_worker'))
    _make_views(connection, contract)
    for table in contract.raw_tables:
        connection.execute(
            sa.text(f"GRANT INSERT, UPDATE ON {SCHEMA}.{table_name(contract, table)} TO almanac_worker")
        )
    declared = contract.model_dump(mode="json")
    statement = insert(tables.workloads).values(workload=contract.name, contract=declared)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["workload"], set_={"contract": declared})
    )


def table_name(contract: Contract, table: Table) -> str:
    """Return the database name of one of the workload's tables."""
    return f"{contract.name}_{table.name}"


def raw_table(contract: Contract, table: Table) -> sa.Table:
    """Return the SQLAlchemy table of a raw table."""
    columns = [_column(table, column, primary_key=column.name in table.key) for column in table.columns]
    return sa.Table(table_name(contract, table), sa.MetaData(schema=SCHEMA), *columns, *_checks(table))


def released_table(contract: Contract, table: Table) -> sa.Table:
    """Return the SQLAlchemy table of a prediction or side table, partitioned by run."""
    name = table_name(contract, table)
    run = sa.Column("run_id", TYPES["text"], nullable=False)
    columns = [_column(table, column) for column in table.columns]
    key = sa.PrimaryKeyConstraint("run_id", *table.key)
    made = sa.Table(
        name,
        sa.MetaData(schema=SCHEMA),
        run,
        *columns,
        key,
        *_checks(table),
        postgresql_partition_by="LIST (run_id)",
    )
    for index_columns in indexes(contract, table):
        sa.Index(f"{name}_by_{'_'.join(index_columns)}"[:63], *(made.c[part] for part in index_columns))
    return made


def indexes(contract: Contract, table: Table) -> list[tuple[str, ...]]:
    """Return the columns of each index of a released table besides its primary key."""
    if table is not contract.predictions:
        return []
    found: list[tuple[str, ...]] = [(*contract.order, contract.entity)] if contract.order else []
    for wanted in contract.filters:
        if not any(index[0] == wanted.column for index in found) and wanted.column != contract.entity:
            found.append((wanted.column,))
    return found


def _is_recorded(connection: sa.Connection, contract: Contract) -> bool:
    """Tell whether exactly this contract was already made; asking takes no lock that readers would feel."""
    query = sa.select(tables.workloads.c.contract).where(tables.workloads.c.workload == contract.name)
    return connection.execute(query).scalar() == contract.model_dump(mode="json")


def _enter_before_readers(connection: sa.Connection, contract: Contract) -> None:
    """Lock the views first, as their readers do: with tables locked first, a reader and we would wait for each other."""
    for name in (
        f"{contract.name}_live",
        *(table_name(contract, table) for table in contract.released_tables),
    ):
        connection.execute(sa.text(f'ALTER VIEW IF EXISTS {API}."{name}" OWNER TO almanac_owner'))


def _column(table: Table, column: Column, *, primary_key: bool = False) -> sa.Column[object]:
    nullable = column.nullable and column.name not in table.key
    return sa.Column(
        column.name, TYPES[column.type], nullable=nullable, primary_key=primary_key, autoincrement=False
    )


def _checks(table: Table) -> list[sa.CheckConstraint]:
    """Keep out the instants that a client cannot read back: infinity, BC, years beyond 9999."""
    times = [column.name for column in table.columns if column.type in ("date", "timestamp")]
    return [
        sa.CheckConstraint(f"{name} >= '0001-01-01' AND {name} < '9999-12-31'", name=f"{name}_is_readable")
        for name in times
    ]


def _ensure_table(connection: sa.Connection, contract: Contract, table: sa.Table) -> None:
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=SCHEMA):
        connection.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda made: str(made.name)):
            connection.execute(CreateIndex(index))
        return
    existing = {column["name"]: column for column in inspector.get_columns(table.name, schema=SCHEMA)}
    gone = sorted(set(existing) - set(table.c.keys()))
    if gone:
        raise ContractError(
            f"{_where(table)} has column {gone} that the contract of '{contract.name}' no longer declares. {WAY_OUT}"
        )
    _refuse_other_key(table, inspector.get_pk_constraint(table.name, schema=SCHEMA)["constrained_columns"])
    for column in table.c:
        if column.name in existing:
            _refuse_change(connection, table, column, existing[column.name])
        else:
            _add(connection, table, column)
    _ensure_indexes(connection, inspector, table)


def _refuse_other_key(table: sa.Table, found: list[str]) -> None:
    declared = [column.name for column in table.primary_key]
    if declared != found:
        raise ContractError(
            f"{_where(table)} has the key {found}, the contract declares {declared}. {WAY_OUT}"
        )


def _refuse_change(
    connection: sa.Connection, table: sa.Table, column: sa.Column[object], found: ReflectedColumn
) -> None:
    declared, actual = (
        _described(connection, kind, nullable)
        for kind, nullable in ((column.type, column.nullable), (found["type"], found["nullable"]))
    )
    if declared != actual:
        raise ContractError(
            f"{_where(table)} has column '{column.name}' of type {actual}, the contract declares {declared}. {WAY_OUT}"
        )


def _described(connection: sa.Connection, kind: sa.types.TypeEngine[Any], nullable: bool | None) -> str:
    return kind.compile(connection.dialect) + ("" if nullable else " NOT NULL")


def _add(connection: sa.Connection, table: sa.Table, column: sa.Column[object]) -> None:
    if not column.nullable:
        raise ContractError(
            f"{_where(table)} lacks column '{column.name}', which is not nullable; only nullable columns are added. {WAY_OUT}"
        )
    kind = column.type.compile(connection.dialect)
    connection.execute(sa.text(f'ALTER TABLE {SCHEMA}."{table.name}" ADD COLUMN "{column.name}" {kind}'))


def _ensure_indexes(connection: sa.Connection, inspector: sa.Inspector, table: sa.Table) -> None:
    """Make the indexes that are declared and drop those that no longer are: a run's own table has the declared ones only."""
    existing = {str(index["name"]) for index in inspector.get_indexes(table.name, schema=SCHEMA)}
    declared = {str(index.name): index for index in table.indexes}
    for name in sorted(declared.keys() - existing):
        connection.execute(CreateIndex(declared[name]))
    for name in sorted(existing - declared.keys()):
        connection.execute(sa.text(f'DROP INDEX {SCHEMA}."{name}"'))


def _where(table: sa.Table) -> str:
    return f"Table {SCHEMA}.{table.name}"


def _make_views(connection: sa.Connection, contract: Contract) -> None:
    inspector = sa.inspect(connection)
    for table in contract.released_tables:
        name = table_name(contract, table)
        columns = ", ".join(f'"{column["name"]}"' for column in inspector.get_columns(name, schema=SCHEMA))
        _replace_view(connection, name, f'SELECT {columns} FROM {SCHEMA}."{name}"')
    name = table_name(contract, contract.predictions)
    _replace_view(
        connection,
        f"{contract.name}_live",
        LIVE_ROWS.format(rows=f'{API}."{name}"', schema=SCHEMA, workload=contract.name),
    )


def _replace_view(connection: sa.Connection, name: str, query: str) -> None:
    """Replace a view; tables keep the order in which columns came, so new ones stand last as PostgreSQL demands."""
    connection.execute(sa.text(f'CREATE OR REPLACE VIEW {API}."{name}" AS {query}'))
    connection.execute(sa.text(f'GRANT SELECT ON {API}."{name}" TO almanac_reader, almanac_worker'))
