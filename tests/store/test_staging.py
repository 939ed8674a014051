"""Staging: rows are loaded and audited where no reader sees them; bad rows leave no table."""

from datetime import date

import pandas as pd
import psycopg
import pytest

from almanac.errors import AuditFailed
from almanac.store.connections.database import Database, driver_connection
from almanac.store.publishing import staging, staging_tables
from tests.queries import change, one, rows, staged_tables, within
from tests.stub import STUB, begin, content, release


def with_values(column: str, values: dict[int, object]) -> dict[str, pd.DataFrame]:
    """Ten good rows, in which the numbered ones have another value in a column."""
    frames = content(10)
    frames["predictions"] = frames["predictions"].astype({column: object})
    for row, value in values.items():
        frames["predictions"].loc[row, column] = value
    return frames


def with_table(name: str, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return content(10) | {name: frame}


INDEXED_COLUMNS = r"""
    SELECT substring(indexdef FROM '\((.*)\)$') FROM pg_indexes
    WHERE schemaname = 'staging' AND tablename ~ 'predictions' ORDER BY 1
"""
RUN_COUNT = "SELECT count(*) FROM almanac.stub_predictions WHERE run_id = :run"
BROKEN = [
    (
        with_values("up", {0: -0.5, 1: -0.25}),
        r"predictions: 2 rows break 'up >= 0'; predictions: 2 rows break 'up \+ down = 1'",
    ),
    (
        with_values("up", {9: 1.5}),
        r"predictions: 1 rows break 'up <= 1'; predictions: 1 rows break 'up \+ down = 1'",
    ),
    (with_values("down", {4: 0.9, 5: 0.9, 6: 0.9}), r"predictions: 3 rows break 'up \+ down = 1'"),
    (
        with_values("down", {0: 1.0001}),
        r"predictions: 1 rows break 'down <= 1'; predictions: 1 rows break 'up \+ down = 1'",
    ),
    (with_values("up", {3: float("nan")}), r"column 'up': 1 rows have none"),
    (with_values("up", {3: float("inf")}), r"column 'up': 1 rows are infinite"),
    (with_values("word", {0: None, 9: None}), r"column 'word': 2 rows have none"),
    (with_values("word", {2: "a\0b"}), r"column 'word': 1 rows hold the character NUL"),
    (
        with_values("item", {1: "item-0000000"}),
        r"1 rows repeat the key of another row, for example \{'item': 'item-0000000'\}",
    ),
    (
        with_values("day", {1: date(9999, 12, 31)}),
        r"Table 'predictions' of run .* was not accepted: .*9999-12-31",
    ),
    (
        with_table("predictions", content(10)["predictions"].head(0)),
        r"predictions: 0 rows, the contract allows 1 to 10000000",
    ),
    (
        with_table("predictions", content(10)["predictions"].drop(columns="word")),
        r"Table 'predictions' needs column \['word'\]",
    ),
    (
        with_table("totals", pd.DataFrame({"name": ["rows"], "value": [-1]})),
        r"totals: 1 rows break 'value >= 0'",
    ),
    (
        with_table("bands", pd.DataFrame()),
        (
            r"'stub' releases the tables \['predictions', 'totals'\] together; "
            r"the run staged \['bands', 'predictions', 'totals'\]"
        ),
    ),
    (
        {"predictions": content(10)["predictions"]},
        r"'stub' releases the tables .* the run staged \['predictions'\]",
    ),
]


@pytest.mark.parametrize(("frames", "reason"), BROKEN)
def test_a_broken_rule_is_named_with_its_count_and_nothing_is_left_behind(
    owner: Database, worker: Database, frames: dict[str, pd.DataFrame], reason: str
) -> None:
    with pytest.raises(AuditFailed, match=reason):
        staging.stage(worker, STUB, begin(owner), frames)
    assert staged_tables(owner) == []


def test_the_contracts_bounds_of_rows_are_allowed(owner: Database, worker: Database) -> None:
    contract = STUB.model_copy(update={"minimum_rows": 2, "maximum_rows": 3})
    for allowed in (2, 3):
        assert staging.stage(worker, contract, begin(owner), content(allowed)).rows == allowed
    for refused in (1, 4):
        with pytest.raises(AuditFailed, match=f"{refused} rows, the contract allows 2 to 3"):
            staging.stage(worker, contract, begin(owner), content(refused))


def test_good_rows_are_counted_and_hashed_and_no_reader_sees_them(
    owner: Database, worker: Database, reader: Database
) -> None:
    run_id = begin(owner)
    staged = staging.stage(worker, STUB, run_id, content(10))
    assert staged.rows == 10
    assert set(staged.hashes) == {"predictions", "totals"}
    suffix = run_id.replace("-", "_")
    assert staged_tables(owner) == [f"stub_predictions_{suffix}", f"stub_totals_{suffix}"]
    assert one(reader, "SELECT count(*) FROM api.stub_predictions") == 0


def test_the_same_rows_have_the_same_hash_in_any_order(owner: Database, worker: Database) -> None:
    shuffled = content(10) | {"predictions": content(10)["predictions"].sample(frac=1, random_state=1)}
    first, second = (staging.stage(worker, STUB, begin(owner), frames) for frames in (content(10), shuffled))
    other = staging.stage(worker, STUB, begin(owner), content(10, word="other"))
    assert first.prediction_hash == second.prediction_hash != other.prediction_hash


def test_staging_again_replaces_the_staged_rows(owner: Database, worker: Database) -> None:
    run_id = begin(owner)
    staging.stage(worker, STUB, run_id, content(10))
    staging.stage(worker, STUB, run_id, content(4))
    (name,) = [name for name in staged_tables(owner) if "predictions" in name]
    assert one(owner, f"SELECT count(*) FROM staging.{name}") == 4


def test_the_rows_of_another_run_cannot_enter_a_staged_table(owner: Database, worker: Database) -> None:
    staging.stage(worker, STUB, begin(owner), content(2))
    (name,) = [name for name in staged_tables(owner) if "totals" in name]
    with pytest.raises(Exception, match="is_this_run") as caught:
        change(worker, f"INSERT INTO staging.{name} VALUES ('another', 'x', 1)")
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)


def test_a_staged_table_has_the_indexes_of_its_parent(owner: Database, worker: Database) -> None:
    staging.stage(worker, STUB, begin(owner), content(2))
    assert rows(owner, INDEXED_COLUMNS) == [("day, item",), ("run_id, item",), ("up",), ("word",)]


def test_a_sweep_drops_unpublished_tables_of_this_workload_only(owner: Database, worker: Database) -> None:
    published = release(owner)
    staging.stage(worker, STUB, begin(owner), content(2))
    change(worker, "CREATE TABLE staging.stubborn_predictions_20250415t060000_1f2e3d4c (n int)")
    change(worker, "CREATE TABLE staging.stub_predictions_more_20250415t060000_1f2e3d4c (n int)")
    swept = within(owner, lambda connection: staging_tables.sweep(driver_connection(connection), STUB))
    assert len(swept) == 2
    assert staged_tables(owner) == [
        "stub_predictions_more_20250415t060000_1f2e3d4c",
        "stubborn_predictions_20250415t060000_1f2e3d4c",
    ]
    assert one(owner, RUN_COUNT, run=published) == 10


def test_the_staged_tables_of_one_run_can_be_discarded(owner: Database, worker: Database) -> None:
    other, dropped = begin(owner), begin(owner)
    for run_id in (other, dropped):
        staging.stage(worker, STUB, run_id, content(2))
    staging_tables.discard(owner, STUB, dropped)
    staging_tables.discard(owner, STUB, dropped)
    suffix = other.replace("-", "_")
    assert staged_tables(owner) == [f"stub_predictions_{suffix}", f"stub_totals_{suffix}"]
