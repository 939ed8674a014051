"""A run made again from its record gives the same predictions, and nothing is compared across different programs unasked."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from almanac.errors import BrokenChain, NotFound, UsageError
from almanac.operations import reproduce
from tests.installation import House


@contextmanager
def recorded(house: House, column: str, value: str) -> Iterator[None]:
    """Let the record of the first run say something else for a while."""
    run_id, change = (
        house.first_run,
        sql.SQL("UPDATE almanac.runs SET {0} = %s WHERE run_id = %s").format(sql.Identifier(column)),
    )
    with house.bypass() as connection:
        row = connection.execute(
            sql.SQL("SELECT {} FROM almanac.runs WHERE run_id = %s").format(sql.Identifier(column)), [run_id]
        ).fetchone()
        connection.execute(change, [value, run_id])
    yield
    with house.bypass() as connection:
        assert row
        connection.execute(change, [row[0], run_id])


def test_the_same_program_makes_the_same_predictions(house: House) -> None:
    found = house.ask("reproduce", house.first_run)
    assert found["equal"] is True
    assert found["recorded"] == found["found"]
    assert found["differences"] == []


def test_another_program_is_refused_by_name_and_compared_all_the_same_when_asked(at_home: House) -> None:
    with (
        recorded(at_home, "git_commit", "f" * 40),
        recorded(at_home, "lock_hash", "e" * 64),
        recorded(at_home, "python", "3.11.0"),
    ):
        with at_home.project() as project, pytest.raises(UsageError) as refused:
            reproduce.reproduce(project, at_home.first_run)
        with at_home.project() as project:
            anyway = reproduce.reproduce(project, at_home.first_run, anyway=True)
    for difference in (
        "commit was ffffffffffff, is ",
        "lock file was eeeeeeeeeeee, is ",
        "Python was 3.11.0, is ",
    ):
        assert difference in str(refused.value)
        assert any(found.startswith(difference) for found in anyway.differences)
    assert anyway.is_equal


def test_predictions_that_differ_leave_with_exit_code_9(house: House) -> None:
    place = "'{hashes,predictions}', to_jsonb(reverse(results->'hashes'->>'predictions'))"
    change = f"UPDATE almanac.run_steps SET results = jsonb_set(results, {place}) WHERE run_id = %s AND step = 'predict'".encode()
    with house.bypass() as connection:
        assert connection.execute(change, [house.first_run]).rowcount == 1
    ran = house.almanac("reproduce", house.first_run)
    with house.bypass() as connection:
        connection.execute(change, [house.first_run])
    assert ran.returncode == 9
    assert "Predictions are different: recorded " in ran.stdout


def test_kept_rows_that_were_changed_are_a_broken_chain(at_home: House) -> None:
    kept = at_home.artifact("scored.parquet")
    before = kept.read_bytes()
    kept.write_bytes(before + b" ")
    try:
        with (
            at_home.project() as project,
            pytest.raises(BrokenChain, match=r"The kept rows of run .* were changed"),
        ):
            reproduce.reproduce(project, at_home.first_run, anyway=True)
    finally:
        kept.write_bytes(before)


def test_a_run_without_kept_rows_cannot_be_made_again(at_home: House) -> None:
    with (
        at_home.project() as project,
        recorded(at_home, "input_hash", ""),
        pytest.raises(NotFound, match="kept no scored rows"),
    ):
        reproduce.reproduce(project, at_home.first_run)
