"""Raw tables: rows may be loaded again, corrections are logged, a bad load changes nothing."""

from datetime import date

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
    ("frame", "refusal"),
    [
        (pd.concat([facts(a=5, b=5), facts(a=6)]), ("a", "repeats the key of another row")),
        (facts(a=5, b=5, c=5).assign(source=["x", "x", None]), ("c", "source is missing")),
        (
            facts(a=5, b=5, c=5).assign(item=["a", "b", "c\0"]),
            (r"c\x00", "item': 1 rows hold the character NUL"),
        ),
        (
            facts(a=5, b=5, c=5).assign(item=pd.Series(["a", "b", "\ud800"], dtype=object)),
            (r"\ud800", "is not all text"),
        ),
        (facts(a=5, b=5, c=5).assign(value=[5, 5, 2**40]), ("c", "value' is not all integer")),
        (facts(a=5, b=5, c=5).assign(value=[5, 5, "many"]), ("c", "value' is not all integer")),
    ],
)
def test_a_bad_row_is_left_out_with_its_reason_and_the_others_are_stored(
    worker: Database, frame: pd.DataFrame, refusal: tuple[str, str]
) -> None:
    counts = raw.upsert(worker, STUB, "facts", frame)
    assert counts == raw.UpsertCounts(2, 0, 0, refused=1)
    assert stored(worker) == {"a": 5, "b": 5}
    key, reason = refusal
    assert counts.refusals[0].key == key
    assert reason in counts.refusals[0].reason


def test_a_load_that_lacks_a_column_stores_nothing(worker: Database) -> None:
    with pytest.raises(AuditFailed, match=r"needs column \['source'\]"):
        raw.upsert(worker, STUB, "facts", facts(a=5).drop(columns="source"))
    assert stored(worker) == {}


def test_a_load_of_unreadable_rows_only_stores_nothing(worker: Database) -> None:
    frame = pd.DataFrame({"item": [f"{n}" for n in range(1_500)], "value": "many", "source": "test"})
    with pytest.raises(AuditFailed, match="more than 1000 rows: column 'value' is not all integer"):
        raw.upsert(worker, STUB, "facts", pd.concat([facts(a=5), frame]))
    assert stored(worker) == {}


@pytest.fixture
def bounded(owner: Database) -> Contract:
    """A workload whose raw table has ranges, days and two columns that differ."""
    columns = (
        Column(name="item", type="text"),
        Column(name="other", type="text", nullable=True),
        Column(name="share", type="real", nullable=True, minimum=0.0, maximum=1.0),
        Column(name="day", type="date", earliest=date(2000, 1, 1), latest=date(2099, 12, 31)),
    )
    table = Table(name="shares", key=("item",), columns=columns, different=(("item", "other"),))
    contract = STUB.model_copy(update={"name": "bounded", "raw_tables": (table,)})
    migrate(Database(owner.url, "login"), {"bounded": contract})
    return contract


def share(item: str, share: float | None, day: str = "2025-04-15", other: str | None = "x") -> pd.DataFrame:
    return pd.DataFrame({"item": [item], "other": other, "share": share, "day": pd.to_datetime([day])})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (share("bad", -1.0), "share -1.0 is below 0"),
        (share("bad", 1.01), "share 1.01 is above 1"),
        (share("bad", float("inf")), "share inf is above 1"),
        (share("bad", 0.5, "1999-12-31"), "is before 2000-01-01"),
        (share("bad", 0.5, "2205-01-01"), "is after 2099-12-31"),
        (share("bad", 0.5, other="bad"), "item bad is also other"),
        (
            share("bad", 2.0, "2205-01-01"),
            "share 2.0 is above 1; day 2205-01-01 00:00:00 is after 2099-12-31",
        ),
    ],
)
def test_the_ranges_of_the_contract_hold_at_the_raw_table(
    worker: Database, bounded: Contract, row: pd.DataFrame, reason: str
) -> None:
    good = [share("low", 0.0), share("high", 1.0), share("none", None, other=None)]
    counts = raw.upsert(worker, bounded, "shares", pd.concat([*good[:1], row, *good[1:]], ignore_index=True))
    assert counts == raw.UpsertCounts(3, 0, 0, refused=1)
    assert counts.refusals[0].key == "bad"
    assert reason in counts.refusals[0].reason
    assert raw.read(worker, bounded, "shares")["item"].to_list() == ["high", "low", "none"]


def test_a_refused_correction_leaves_the_stored_row(worker: Database, bounded: Contract) -> None:
    raw.upsert(worker, bounded, "shares", share("a", 0.5))
    assert raw.upsert(worker, bounded, "shares", share("a", 7.0)) == raw.UpsertCounts(0, 0, 0, refused=1)
    assert raw.read(worker, bounded, "shares")["share"].to_list() == [0.5]


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
