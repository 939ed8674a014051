"""A contract that contradicts itself is refused before it reaches a database."""

from typing import Any

import pytest
from pydantic import ValidationError

from almanac import discovery
from almanac.contract import RESERVED, Column, Contract, Filter, SumRule, Table
from almanac.errors import UsageError
from tests.store.incremental_workload import DIARY
from tests.stub import STUB

ITEM = Column(name="item", type="text")


def table(**change: Any) -> Table:
    return Table(
        **{
            "name": "predictions",
            "key": ("item",),
            "columns": (ITEM, Column(name="up", type="real")),
            **change,
        }
    )


def contract(**change: Any) -> Contract:
    return Contract(
        **{
            "name": "stub",
            "title": "Stub",
            "doc": "Stub.",
            "predictions": table(),
            "primary_metric": "log_loss",
            **change,
        }
    )


WRONG_TABLES = {
    "a column twice": ({"columns": (ITEM, ITEM)}, r"declares column \['item'\] twice"),
    "a key that is no column": (
        {"key": ("day",)},
        r"key \['day'\] of table 'predictions' is not among its columns",
    ),
    "no key": ({"key": ()}, "at least 1 item"),
    "a name that is no identifier": ({"name": "Drop table"}, "should match pattern"),
    **{
        f"the reserved column {name}": (
            {"columns": (ITEM, Column(name=name, type="text"))},
            "reserved column name",
        )
        for name in sorted(RESERVED)
    },
}
WRONG_CONTRACTS = {
    "two key columns": ({"predictions": table(key=("item", "up"))}, "exactly one key column, the entity"),
    "a filter on no column": (
        {"filters": (Filter(name="a", column="day", op="eq"),)},
        "filter of 'stub' names column 'day'",
    ),
    "an order by no column": ({"order": ("day",)}, "order of 'stub' names column 'day'"),
    "a sum of no column": ({"sums": (SumRule(columns=("up", "down")),)}, "sum of 'stub' names column 'down'"),
    "an order by a column with gaps": (
        {
            "predictions": table(columns=(ITEM, Column(name="up", type="real", nullable=True))),
            "order": ("up",),
        },
        "nullable column, which cannot be paged",
    ),
    "names that are too long together": ({"predictions": table(name="p" * 27)}, "more than 30 characters"),
    "a word it does not know": ({"colour": "red"}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize("what", WRONG_TABLES)
def test_a_wrong_table_is_refused(what: str) -> None:
    change, message = WRONG_TABLES[what]
    with pytest.raises(ValidationError, match=message):
        table(**change)


@pytest.mark.parametrize("what", WRONG_CONTRACTS)
def test_a_wrong_contract_is_refused(what: str) -> None:
    change, message = WRONG_CONTRACTS[what]
    with pytest.raises(ValidationError, match=message):
        contract(**change)


def test_a_contract_has_an_entity_and_released_tables() -> None:
    assert STUB.entity == "item"
    assert [released.name for released in STUB.released_tables] == ["predictions", "totals"]
    assert STUB.predictions.column("up").maximum == 1.0
    with pytest.raises(KeyError):
        STUB.predictions.column("left")


@pytest.mark.parametrize("name", discovery.names())
def test_every_contract_is_the_same_after_json(name: str) -> None:
    declared = discovery.contract(name)
    # Databases keep no schedule and no variables: who changes them migrates nothing.
    stored = declared.model_copy(update={"schedule": "", "environment": ()})
    assert Contract.model_validate_json(declared.model_dump_json()) == stored
    assert declared.name == name
    assert all(column.doc for column in declared.predictions.columns)


@pytest.mark.parametrize("name", ["predictions", "totals", "facts"])
def test_a_contract_returns_its_tables_by_name(name: str) -> None:
    assert STUB.table(name).name == name


def test_a_table_that_no_contract_declares_is_refused_with_the_names_of_the_others() -> None:
    with pytest.raises(
        UsageError, match=r"'stub' has no table 'fact'\. Its tables: facts, predictions, totals\."
    ):
        STUB.table("fact")


WRONG_INCREMENTAL_CONTRACTS = {
    "no entries": ({"entries": ""}, "must declare `incremental` and `entries` together"),
    "no entity among the entry columns": (
        {"entry_columns": ("text",)},
        "must be a bigint and stand among `entry_columns`",
    ),
    "a minimum of rows": ({"minimum_rows": 1}, "needs minimum_rows=0"),
}


@pytest.mark.parametrize("what", WRONG_INCREMENTAL_CONTRACTS)
def test_a_wrong_contract_of_an_incremental_workload_is_refused(what: str) -> None:
    change, message = WRONG_INCREMENTAL_CONTRACTS[what]
    with pytest.raises(ValidationError, match=message):
        Contract(**(DIARY.model_dump() | change))


def test_a_side_table_of_an_incremental_workload_must_say_how_rows_are_merged() -> None:
    (moods,) = DIARY.side_tables
    columns = (*moods.columns[:1], moods.columns[1].model_copy(update={"merge": None}))
    side_tables = (moods.model_copy(update={"columns": columns}),)
    message = r"side table 'moods' of incremental 'diary' does not say how to merge \['entries'\]"
    with pytest.raises(ValidationError, match=message):
        Contract(**(DIARY.model_dump() | {"side_tables": side_tables}))
