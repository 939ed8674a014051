"""The SQL that reads predictions, made from a contract's columns.

Run ids are literals in the text of a query, so that PostgreSQL plans with the partitions of these runs only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from almanac.contract import Contract, Table
from serve.reading.edition import Edition

EQUAL, OTHER = "{} = %s", "{} <> %s"
OPERATORS = {"eq": EQUAL, "in": "{} = ANY (%s)", "min": "{} >= %s", "max": "{} <= %s"}
# A column, and how it is compared.
Condition = tuple[str, str]
# The text of a query, and its values.
Query = tuple[bytes, tuple[Any, ...]]
# No column can have the name `_row`.
ONE = sql.SQL(
    "SELECT row_to_json(_row)::text FROM (SELECT {columns} FROM {view} WHERE {where} LIMIT 1) AS _row"
)
PAGE = sql.SQL(
    "SELECT (SELECT row_to_json(_row)::text FROM (SELECT {columns}) AS _row), json_build_array({order})"
    " FROM (SELECT * FROM {view} WHERE {where}{after} ORDER BY {order} LIMIT %s) AS page ORDER BY {order}"
)
AFTER = sql.SQL(" AND ({}) > ({})")
WHOLE = sql.SQL(
    "SELECT coalesce(json_agg(row_to_json(_row) ORDER BY {order}), '[]')::text"
    " FROM (SELECT {columns} FROM {view} WHERE {where}) AS _row"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything that the text of a query depends on."""

    view: str
    run_ids: tuple[str, ...]
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: tuple[str, ...] = ()
    is_continued: bool = False


def one(contract: Contract, table: Table, edition: Edition, key: Any) -> Query:
    """Return the query for the JSON of the row of `table` with this key."""
    condition = (table.key[0], EQUAL)
    shape = Shape(view(contract, table), edition.run_ids, columns(table), (condition,))
    return _one(shape), (key,)


def page(
    contract: Contract,
    edition: Edition,
    values: Mapping[str, Any],
    *,
    chosen: Sequence[str] = (),
    key: Sequence[Any] = (),
) -> Query:
    """Return the query for one row more than a page of predictions: the JSON of each and its key.

    `values` has filters by name and `limit`; `chosen` names the columns of the answer, `key` is that of the
    row before.
    """
    filters = [each for each in contract.filters if each.name in values]
    shape = Shape(
        view(contract, contract.predictions),
        edition.run_ids,
        tuple(chosen) or columns(contract.predictions),
        tuple((each.column, OPERATORS[each.op]) for each in filters),
        key_columns(contract),
        bool(key),
    )
    operands = [_operand(values[each.name]) for each in filters]
    return _page(shape), (*operands, *key, values["limit"] + 1)


def whole(contract: Contract, table: Table, edition: Edition, *conditions: Condition) -> bytes:
    """Return the query for one JSON array of the rows of a side table that meet `conditions`."""
    return _whole(Shape(view(contract, table), edition.run_ids, columns(table), conditions, table.key))


def view(contract: Contract, table: Table) -> str:
    """Return the name of the view that shows `table`."""
    return f"{contract.name}_{table.name}"


def columns(table: Table) -> tuple[str, ...]:
    """Return the columns of `table` as an answer shows them."""
    return tuple(table.column_names)


def key_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns by which lists are sorted; the entity breaks ties."""
    return tuple(dict.fromkeys((*contract.order, contract.entity)))


@lru_cache(maxsize=64)
def _one(shape: Shape) -> bytes:
    return _text(ONE, shape)


@lru_cache(maxsize=256)
def _page(shape: Shape) -> bytes:
    after: sql.Composable = sql.SQL("")
    if shape.is_continued:
        placeholders = sql.SQL(", ").join([sql.Placeholder()] * len(shape.order))
        after = AFTER.format(_names(shape.order), placeholders)
    return _text(PAGE, shape, after=after)


@lru_cache(maxsize=64)
def _whole(shape: Shape) -> bytes:
    return _text(WHOLE, shape)


def _text(query: sql.SQL, shape: Shape, **parts: sql.Composable) -> bytes:
    parts |= {
        "columns": _names(shape.columns),
        "view": sql.Identifier("api", shape.view),
        "where": _where(shape),
        "order": _names(shape.order),
    }
    return query.format(**parts).as_bytes(None)


def _operand(value: Any) -> Any:
    """Return a value as psycopg passes it: a tuple would become a composite value, a list is an array."""
    return list(value) if isinstance(value, tuple) else value


def _where(shape: Shape) -> sql.Composable:
    runs = sql.SQL(", ").join(map(sql.Literal, shape.run_ids))
    conditions = [sql.SQL("run_id IN ({})").format(runs)]
    for column, comparison in shape.conditions:
        conditions.append(sql.SQL(comparison).format(sql.Identifier(column)))
    return sql.SQL(" AND ").join(conditions)


def _names(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
