"""A run repeated from its record has the same predictions; another program is compared only on request."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from almanac import provenance
from almanac.errors import BrokenChain, NotFound, UsageError
from almanac.operations import reproduce
from tests.installation import Installation


@contextmanager
def recorded(installation: Installation, column: str, value: str) -> Iterator[None]:
    """Let the record of the first run say something else for a while."""
    run_id, change = (
        installation.first_run,
        sql.SQL("UPDATE almanac.runs SET {0} = %s WHERE run_id = %s").format(sql.Identifier(column)),
    )
    with installation.without_triggers() as connection:
        row = connection.execute(
            sql.SQL("SELECT {} FROM almanac.runs WHERE run_id = %s").format(sql.Identifier(column)), [run_id]
        ).fetchone()
        connection.execute(change, [value, run_id])
    yield
    with installation.without_triggers() as connection:
        assert row
        connection.execute(change, [row[0], run_id])


def test_the_same_program_makes_the_same_predictions(installation: Installation) -> None:
    output = installation.ask("reproduce", installation.first_run)
    assert output["equal"] is True
    assert output["recorded"] == output["found"]
    assert output["differences"] == []


def test_another_program_is_refused_by_name_and_compared_all_the_same_when_asked(
    loaded_installation: Installation,
) -> None:
    with (
        recorded(loaded_installation, "git_commit", "f" * 40),
        recorded(loaded_installation, "lock_hash", "e" * 64),
        recorded(loaded_installation, "python", "3.11.0"),
    ):
        with loaded_installation.project() as project, pytest.raises(UsageError) as refused:
            reproduce.reproduce(project, loaded_installation.first_run)
        with loaded_installation.project() as project:
            anyway = reproduce.reproduce(project, loaded_installation.first_run, anyway=True)
    for difference in (
        "commit was ffffffffffff, is ",
        "lock file was eeeeeeeeeeee, is ",
        "Python was 3.11.0, is ",
    ):
        assert difference in str(refused.value)
        assert any(text.startswith(difference) for text in anyway.differences)
    assert anyway.is_equal


def test_predictions_that_differ_leave_with_exit_code_9(installation: Installation) -> None:
    place = "'{hashes,predictions}', to_jsonb(reverse(results->'hashes'->>'predictions'))"
    update = f"UPDATE almanac.run_steps SET results = jsonb_set(results, {place})"
    change = f"{update} WHERE run_id = %s AND step = 'predict'".encode()
    with installation.without_triggers() as connection:
        assert connection.execute(change, [installation.first_run]).rowcount == 1
    ran = installation.almanac("reproduce", installation.first_run)
    with installation.without_triggers() as connection:
        connection.execute(change, [installation.first_run])
    assert ran.returncode == 9
    assert "Predictions are different: recorded " in ran.stdout


def test_kept_rows_that_were_changed_are_a_broken_chain(loaded_installation: Installation) -> None:
    path = loaded_installation.artifact("scored.parquet")
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    try:
        with (
            loaded_installation.project() as project,
            pytest.raises(BrokenChain, match=r"The kept rows of run .* were changed"),
        ):
            reproduce.reproduce(project, loaded_installation.first_run, anyway=True)
    finally:
        path.write_bytes(before)


def test_a_run_without_kept_rows_cannot_be_made_again(loaded_installation: Installation) -> None:
    with (
        loaded_installation.project() as project,
        recorded(loaded_installation, "input_hash", ""),
        pytest.raises(NotFound, match="kept no scored rows"),
    ):
        reproduce.reproduce(project, loaded_installation.first_run)


def test_other_packages_are_refused_by_name_and_compared_when_asked(
    loaded_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = provenance._installed
    others = {"scikit-learn": "1.8.0", "scipy": None}
    monkeypatch.setattr(provenance, "_installed", lambda name: others.get(name, installed(name)))
    with loaded_installation.project() as project:
        with pytest.raises(UsageError) as refused:
            reproduce.reproduce(project, loaded_installation.first_run)
        anyway = reproduce.reproduce(project, loaded_installation.first_run, anyway=True)
    assert anyway.differences[-2:] == (
        f"scikit-learn was {version('scikit-learn')}, is 1.8.0",
        f"scipy was {version('scipy')}, is not installed",
    )
    assert all(difference in str(refused.value) for difference in anyway.differences[-2:])
    assert anyway.is_equal


COMMIT = "cbd09f8a8c3d0123456789"
PAIRS = {
    (COMMIT, f"{COMMIT}+changes"): "commit was cbd09f8a8c3d, is cbd09f8a8c3d+changes",
    (f"{COMMIT}+changes", COMMIT): "commit was cbd09f8a8c3d+changes, is cbd09f8a8c3d",
    (COMMIT, f"{COMMIT}0"): f"commit was {COMMIT}, is {COMMIT}0",
    ("unknown", COMMIT): "commit was unknown, is cbd09f8a8c3d",
    ("None", COMMIT): "commit was None, is cbd09f8a8c3d",
}


@pytest.mark.parametrize(("then", "here"), PAIRS)
def test_two_different_commits_never_look_the_same(then: str, here: str) -> None:
    assert reproduce._difference("commit", then, here) == PAIRS[then, here]


@given(st.text("abc+", min_size=1), st.text("abc+", min_size=1))
def test_two_different_texts_never_look_the_same(then: str, here: str) -> None:
    before, after = reproduce._difference("code", then, here).removeprefix("code was ").split(", is ")
    assert (before == after) == (then == here)
