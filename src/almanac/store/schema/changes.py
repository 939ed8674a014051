"""What has to be changed in a table so that it fits its contract, and what is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.schema import CreateIndex, CreateTable

from almanac.contract import Contract
from almanac.errors import ContractError
from almanac.store.schema.tables import SCHEMA

# The note on a column whose NOT NULL went, so that the contract which declared it may come back.
WAS_NOT_NULL = "almanac: was NOT NULL"
WAY_OUT = (
    "Declare the column under a new name, "
    "or rename the table in the contract and keep the old one for its history. "
    "Where only simulated data were ever released: almanac reset {workload}"
)
UNDECLARED = "{place} has column '{column}', which the contract no longer declares; it is NULL in new rows"
STAYS_NULLABLE = "{place} has rows without '{column}', so its NOT NULL is not restored; new rows need a value"
HAS_NULL = 'SELECT EXISTS (SELECT FROM {schema}."{table}" WHERE "{column}" IS NULL)'


@dataclass(frozen=True)
class Changes:
    """The statements that bring a table to its contract, and what a person should know of it."""

    statements: tuple[sa.Executable, ...] = ()
    warnings: tuple[str, ...] = ()


def changes(connection: sa.Connection, contract: Contract, table: sa.Table) -> Changes:
    """Return what has to be changed in a table; raises ContractError for what would change or lose data."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=SCHEMA):
        return Changes((CreateTable(table), *_created(_named_indexes(table))))
    existing = {column["name"]: column for column in inspector.get_columns(table.name, schema=SCHEMA)}
    _refuse_other_key(contract, inspector, table)
    steps = [
        *(_fit(connection, contract, table, column, existing.get(column.name)) for column in table.c),
        *(_undeclared(table, column) for name, column in existing.items() if name not in table.c),
    ]
    return Changes(
        (*(each for step in steps for each in step.statements), *_index_statements(inspector, table)),
        tuple(warning for step in steps for warning in step.warnings),
    )


def _fit(
    connection: sa.Connection,
    contract: Contract,
    table: sa.Table,
    column: sa.Column[Any],
    existing: ReflectedColumn | None,
) -> Changes:
    if existing is None:
        return _addition(connection, contract, table, column)
    declared = _type_text(connection, column.type, column.nullable)
    actual = _type_text(connection, existing["type"], existing["nullable"])
    if declared == actual:
        return Changes()
    if declared == actual.removesuffix(" NOT NULL"):
        return Changes(_without_not_null(table, column.name))
    if declared == f"{actual} NOT NULL" and existing.get("comment") == WAS_NOT_NULL:
        return _restored(connection, table, column.name)
    reason = f"has column '{column.name}' of type {actual}, the contract declares {declared}"
    raise _refusal(contract, table, reason)


def _addition(
    connection: sa.Connection, contract: Contract, table: sa.Table, column: sa.Column[Any]
) -> Changes:
    if not column.nullable:
        reason = f"lacks column '{column.name}', which is not nullable; only nullable columns are added"
        raise _refusal(contract, table, reason)
    kind = column.type.compile(connection.dialect)
    return Changes((_alter(table, f'ADD COLUMN "{column.name}" {kind}'),))


def _undeclared(table: sa.Table, column: ReflectedColumn) -> Changes:
    """Keep a column that the contract no longer declares; rows of older runs keep their values."""
    warning = UNDECLARED.format(place=_place(table), column=column["name"])
    statements = () if column["nullable"] else _without_not_null(table, column["name"])
    return Changes(statements, (warning,))


def _without_not_null(table: sa.Table, column: str) -> tuple[sa.Executable, ...]:
    note = f'COMMENT ON COLUMN {SCHEMA}."{table.name}"."{column}" IS \'{WAS_NOT_NULL}\''
    return (_alter(table, f'ALTER COLUMN "{column}" DROP NOT NULL'), sa.text(note))


def _restored(connection: sa.Connection, table: sa.Table, column: str) -> Changes:
    """Restore the NOT NULL of a column, unless rows were written without it meanwhile."""
    query = HAS_NULL.format(schema=SCHEMA, table=table.name, column=column)
    if connection.execute(sa.text(query)).scalar():
        return Changes(warnings=(STAYS_NULLABLE.format(place=_place(table), column=column),))
    note = f'COMMENT ON COLUMN {SCHEMA}."{table.name}"."{column}" IS NULL'
    return Changes((_alter(table, f'ALTER COLUMN "{column}" SET NOT NULL'), sa.text(note)))


def _refuse_other_key(contract: Contract, inspector: sa.Inspector, table: sa.Table) -> None:
    declared = [column.name for column in table.primary_key]
    actual = inspector.get_pk_constraint(table.name, schema=SCHEMA)["constrained_columns"]
    if declared != actual:
        raise _refusal(contract, table, f"has the key {actual}, the contract declares {declared}")


def _index_statements(inspector: sa.Inspector, table: sa.Table) -> Iterator[sa.Executable]:
    """Make the declared indexes and drop all others: the tables of new runs have the declared ones only."""
    existing = {str(index["name"]) for index in inspector.get_indexes(table.name, schema=SCHEMA)}
    declared = _named_indexes(table)
    yield from _created({name: index for name, index in declared.items() if name not in existing})
    for name in sorted(existing - declared.keys()):
        yield sa.text(f'DROP INDEX {SCHEMA}."{name}"')


def _created(indexes: Mapping[str, sa.Index]) -> Iterator[sa.Executable]:
    return (CreateIndex(index) for _, index in sorted(indexes.items()))


def _named_indexes(table: sa.Table) -> dict[str, sa.Index]:
    return {str(index.name): index for index in table.indexes}


def _type_text(connection: sa.Connection, kind: sa.types.TypeEngine[Any], nullable: bool | None) -> str:
    return kind.compile(connection.dialect) + ("" if nullable else " NOT NULL")


def _alter(table: sa.Table, change: str) -> sa.Executable:
    return sa.text(f"ALTER TABLE {_place(table, quoted=True)} {change}")


def _place(table: sa.Table, *, quoted: bool = False) -> str:
    return f'{SCHEMA}."{table.name}"' if quoted else f"{SCHEMA}.{table.name}"


def _refusal(contract: Contract, table: sa.Table, reason: str) -> ContractError:
    return ContractError(f"Table {_place(table)} {reason}. {WAY_OUT.format(workload=contract.name)}")
