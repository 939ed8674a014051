"""The reading SQL: made from a contract's columns, with the runs as literals so that PostgreSQL opens their partitions only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from almanac.contract import Contract, Table
from serve.reading.edition import Edition

EQUAL, OTHER = "{} = %s", "{} <> %s"
OPERATORS = {"eq": EQUAL, "in": "{} = ANY (%s)", "min": "{} >= %s", "max": "{} <= %s"}
Condition = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything that makes two queries the same text; the values stand beside it."""

    view: str
    run_ids: tuple[str, ...]
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: tuple[str, ...] = ()
    is_continued: bool = False


def one(contract: Contract, table: Table, edition: Edition, key: Any) -> tuple[bytes, tuple[Any, ...]]:
    """Return the query for the JSON of the row of `table` with this key."""
    return _one(Shape(view(contract, table), edition.run_ids, columns(table), ((table.key[0], EQUAL),))), (
        key,
    )


def page(
    contract: Contract,
    edition: Edition,
    values: Mapping[str, Any],
    *,
    chosen: Sequence[str] = (),
    key: Sequence[Any] = (),
) -> tuple[bytes, tuple[Any, ...]]:
    """Return the query for one row more than a page of predictions: the JSON of each and its key.

    `values` holds filters by name and `limit`; `chosen` names the columns of the answer, `key` continues after a row.
    """
    filters = [declared for declared in contract.filters if declared.name in values]
    shape = Shape(
        view(contract, contract.predictions),
        edition.run_ids,
        tuple(chosen) or columns(contract.predictions),
        tuple((declared.column, OPERATORS[declared.op]) for declared in filters),
        key_columns(contract),
        bool(key),
    )
    wanted = [
        list(values[declared.name]) if declared.op == "in" else values[declared.name] for declared in filters
    ]
    return _page(shape), (*wanted, *key, values["limit"] + 1)


def whole(contract: Contract, table: Table, edition: Edition, *conditions: Condition) -> bytes:
    """Return the query for one JSON array with the rows of a side table that meet `conditions`, in the order of its key."""
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
    text = sql.SQL(
        "SELECT row_to_json(found)::text FROM (SELECT {columns} FROM {view} WHERE {where} LIMIT 1) AS found"
    )
    return _filled(text, shape)


@lru_cache(maxsize=256)
def _page(shape: Shape) -> bytes:
    after = sql.SQL(" AND ({}) > ({})").format(
        _names(shape.order), sql.SQL(", ").join([sql.Placeholder()] * len(shape.order))
    )
    text = sql.SQL(
        "SELECT (SELECT row_to_json(chosen)::text FROM (SELECT {columns}) AS chosen), json_build_array({order})"
        " FROM (SELECT * FROM {view} WHERE {where}{after} ORDER BY {order} LIMIT %s) AS found ORDER BY {order}"
    )
    return _filled(text, shape, after=after if shape.is_continued else sql.SQL(""))


@lru_cache(maxsize=64)
def _whole(shape: Shape) -> bytes:
    text = sql.SQL(
        "SELECT coalesce(json_agg(row_to_json(found) ORDER BY {order}), '[]')::text FROM (SELECT {columns} FROM {view} WHERE {where}) AS found"
    )
    return _filled(text, shape)


def _filled(text: sql.SQL, shape: Shape, **parts: sql.Composable) -> bytes:
    made = text.format(
        columns=_names(shape.columns),
        view=sql.Identifier("api", shape.view),
        where=_where(shape),
        order=_names(shape.order),
        **parts,
    )
    return made.as_bytes(None)


def _where(shape: Shape) -> sql.Composable:
    runs = sql.SQL(", ").join(map(sql.Literal, shape.run_ids))
    conditions = [sql.SQL("run_id IN ({})").format(runs)]
    conditions += [
        sql.SQL(comparison).format(sql.Identifier(column)) for column, comparison in shape.conditions
    ]
    return sql.SQL(" AND ").join(conditions)


def _names(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
