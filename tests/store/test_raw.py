"""Raw tables: rows may be loaded again, corrections are logged, a bad load changes nothing."""

import pandas as pd
import pytest

from almanac.contract import Column, Contract, Table
from almanac.errors import AuditFailed, UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import raw
from almanac.store.schema.migrate import migrate
from tests.queries import rows
from tests.stub import STUB

CHANGES = """
    SELECT table_name, key, before -> 'value', after -> 'value', run_id FROM almanac.raw_changes
    ORDER BY change_id
"""


def facts(**values: int | None) -> pd.DataFrame:
    """One fact per item."""
    return pd.DataFrame(
        {"item": list(values), "value": pd.array(list(values.values()), dtype="Int64"), "source": "test"}
    )


def stored(worker: Database) -> dict[str, int | None]:
    frame = raw.read(worker, STUB, "facts")
    values = [None if value is pd.NA else value for value in frame["value"]]
    return dict(zip(frame["item"], values, strict=True))


def test_new_corrected_and_unchanged_rows_are_counted(worker: Database) -> None:
    assert raw.upsert(worker, STUB, "facts", facts(a=1, b=2, c=None)) == raw.UpsertCounts(3, 0, 0)
    assert raw.upsert(worker, STUB, "facts", facts(a=1, b=3, c=4, d=5)) == raw.UpsertCounts(1, 2, 1)
    assert stored(worker) == {"a": 1, "b": 3, "c": 4, "d": 5}


def test_rows_are_read_in_the_order_of_their_keys(worker: Database) -> None:
    raw.upsert(worker, STUB, "facts", facts(b=2, d=4))
    raw.upsert(worker, STUB, "facts", facts(a=1, c=3, b=5))
    assert list(stored(worker)) == ["a", "b", "c", "d"]


def test_loading_the_same_rows_again_changes_nothing(owner: Database, worker: Database) -> None:
    raw.upsert(worker, STUB, "facts", facts(a=1, b=None))
    assert raw.upsert(worker, STUB, "facts", facts(a=1, b=None)) == raw.UpsertCounts(0, 0, 2)
    assert rows(owner, "SELECT count(*) FROM almanac.raw_changes") == [(0,)]


def test_a_corrected_value_is_updated_and_logged_with_the_run_that_brought_it(
    owner: Database, worker: Database
) -> None:
    raw.upsert(worker, STUB, "facts", facts(a=1))
    raw.upsert(worker, STUB, "facts", facts(a=2), run_id="run-7")
    raw.upsert(worker, STUB, "facts", facts(a=None))
    assert rows(owner, CHANGES) == [
        ("facts", {"item": "a"}, 1, 2, "run-7"),
        ("facts", {"item": "a"}, 2, None, None),
    ]
    newest = raw.corrections(worker, "stub", limit=1)
    assert newest[["table_name", "key"]].to_dict("records") == [{"table_name": "facts", "key": {"item": "a"}}]
    assert (newest["before"][0]["value"], newest["after"][0]["value"]) == (2, None)
    assert raw.corrections(worker, "football", limit=5).empty


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (
            pd.concat([facts(a=5, b=5), facts(a=6)]),
            r"1 rows repeat the key of another row, for example \{'item': 'a'\}",
        ),
        (facts(a=5, b=5).drop(columns="source"), r"needs column \['source'\]"),
        (facts(a=5, b=5).assign(source=["x", None]), r"column 'source': 1 rows have none"),
        (facts(a=5, b=5).assign(item=["a", "b\0"]), r"column 'item': 1 rows hold the character NUL"),
        (facts(a=5, b=5).assign(value=[5, 2**40]), r"column 'value' is not all integer"),
    ],
)
def test_a_load_with_one_bad_row_stores_nothing(worker: Database, frame: pd.DataFrame, reason: str) -> None:
    raw.upsert(worker, STUB, "facts", facts(a=1))
    with pytest.raises(AuditFailed, match=reason):
        raw.upsert(worker, STUB, "facts", frame)
    assert stored(worker) == {"a": 1}


def test_an_unknown_raw_table_is_refused_with_the_names_of_the_others(worker: Database) -> None:
    with pytest.raises(UsageError, match=r"'stub' has no raw table 'fact'\. Its raw tables: facts\."):
        raw.upsert(worker, STUB, "fact", facts(a=1))


def test_a_load_without_rows_changes_nothing(worker: Database) -> None:
    assert raw.upsert(worker, STUB, "facts", facts()) == raw.UpsertCounts(0, 0, 0)
    assert raw.read(worker, STUB, "facts").empty


@pytest.fixture
def notes(owner: Database) -> Contract:
    """A workload with a raw table that has JSON, and one that has key columns only."""
    item = Column(name="item", type="text")
    columns = (item, Column(name="day", type="date"), Column(name="note", type="json"))
    tables = (
        Table(name="notes", key=("item", "day"), columns=columns),
        Table(name="seen", key=("item",), columns=(item,)),
    )
    contract = STUB.model_copy(update={"name": "noting", "raw_tables": tables})
    migrate(Database(owner.url, "login"), {"noting": contract})
    return contract


def test_json_is_compared_by_its_value(worker: Database, notes: Contract) -> None:
    def note(value: object) -> pd.DataFrame:
        return pd.DataFrame({"item": ["a"], "day": pd.to_datetime(["2025-04-15"]), "note": [value]})

    raw.upsert(worker, notes, "notes", note({"x": 1, "y": [2]}))
    assert raw.upsert(worker, notes, "notes", note({"y": [2], "x": 1})) == raw.UpsertCounts(0, 0, 1)
    assert raw.upsert(worker, notes, "notes", note({"x": 1, "y": [3]})) == raw.UpsertCounts(0, 1, 0)


def test_a_table_without_value_columns_is_never_updated(worker: Database, notes: Contract) -> None:
    assert raw.upsert(worker, notes, "seen", pd.DataFrame({"item": ["a", "b"]})) == raw.UpsertCounts(2, 0, 0)
    assert raw.upsert(worker, notes, "seen", pd.DataFrame({"item": ["b", "c"]})) == raw.UpsertCounts(1, 0, 1)
    assert raw.read(worker, notes, "seen")["item"].tolist() == ["a", "b", "c"]
