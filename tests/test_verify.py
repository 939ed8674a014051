"""One byte changed anywhere between a release and its sources is found, and the broken link is named."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from almanac.operations import verify
from tests.installation import WORKLOAD, Installation, commit

Tampering = Callable[[Installation, str], AbstractContextManager[None]]


@contextmanager
def statement(installation: Installation, run_id: str, change: str, undo: str) -> Iterator[None]:
    """Change the database behind the back of its triggers, and change it back."""
    for text in (change, undo):
        with installation.without_triggers() as connection:
            assert connection.execute(text.replace("{run}", run_id).encode()).rowcount == 1
        if text is change:
            yield


@contextmanager
def flipped(path: Path) -> Iterator[None]:
    """Change one byte in the middle of a file, and change it back."""
    before = path.read_bytes()
    middle = len(before) // 2
    path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    yield
    path.write_bytes(before)


@contextmanager
def another_history(installation: Installation, run_id: str) -> Iterator[None]:
    """Put a history in place of the one in which the run was made."""
    (installation.home / ".git").rename(installation.home / "away")
    commit(installation)
    yield
    (installation.home / ".git").rename(installation.home / "other")
    (installation.home / "away").rename(installation.home / ".git")


PUBLISHED = "run_id = '{run}' AND kind = 'publish'"
COLLECT = "run_id = '{run}' AND step = 'collect'"
BACKWARDS = ("reverse(artifact_hash)", "reverse(artifact_hash)")


def in_database(
    table: str, column: str, change: str, undo: str, where: str = "run_id = '{run}'"
) -> Tampering:
    texts = [f"UPDATE almanac.{table} SET {column} = {value} WHERE {where}" for value in (change, undo)]
    return lambda installation, run_id: statement(installation, run_id, *texts)


def in_file(name: str) -> Tampering:
    return lambda installation, _: flipped(installation.artifact(name))


TAMPERED = {
    "the ledger says another reason": (
        in_database("releases", "why", "why || '!'", "left(why, -1)", PUBLISHED),
        "release",
    ),
    "the ledger says another person": (
        in_database("releases", "who", "'somebody'", "'tester'", PUBLISHED),
        "release",
    ),
    "the run had other parameters": (in_database("runs", "parameters", '\'{"SEED": "8"}\'', "'{}'"), "run"),
    "the run took longer": (in_database("runs", "seconds", "seconds + 1", "seconds - 1"), "run"),
    "a step reported something else": (
        in_database(
            "run_steps",
            "results",
            "results || '{\"inserted\": 1}'",
            "results || '{\"inserted\": 4800}'",
            "run_id = '{run}' AND step = 'collect'",
        ),
        "run",
    ),
    "a notebook shows something else": (in_file("2_train.ipynb"), "notebook train"),
    "the training data changed": (in_file("training.parquet"), "training data"),
    "the scored rows changed": (in_file("scored.parquet"), "scored data"),
    "the model changed": (in_file("model.skops"), "model version"),
    "the model's record changed": (
        in_database("model_versions", "artifact_hash", "reverse(artifact_hash)", "reverse(artifact_hash)"),
        "model version",
    ),
    "the figures of the model changed": (
        in_database("model_versions", "metrics", "metrics || '{\"made_up\": 1}'", "metrics - 'made_up'"),
        "figures",
    ),
    "a prediction changed": (
        in_database(
            "demand_predictions",
            "chance",
            "chance + 0.000001",
            "chance - 0.000001",
            "run_id = '{run}' AND item_id = 'item-007'",
        ),
        "predictions",
    ),
    "the commit is not in the history": (another_history, "commit"),
}


def links(installation: Installation, run_id: str) -> dict[str, str]:
    with installation.project() as project:
        return {link.name: link.state for link in verify.verify(project, run_id)}


def test_the_chain_behind_a_release_holds(loaded_installation: Installation) -> None:
    run_id = loaded_installation.first_run
    states = links(loaded_installation, run_id)
    assert set(states.values()) == {"ok"}
    assert [name for name in states if not name.startswith("release ")] == [
        "run", "artifacts", "notebook collect", "notebook train", "notebook evaluate", "notebook predict",
        "training data", "scored data", "model version 1", "cut-off", "figures", "predictions", "commit",
    ]  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_the_broken_link_is_named_where(what: str, loaded_installation: Installation) -> None:
    tamper, name = TAMPERED[what]
    run_id = loaded_installation.first_run
    with tamper(loaded_installation, run_id):
        broken = [link for link, state in links(loaded_installation, run_id).items() if state == "broken"]
    assert len(broken) == 1
    assert broken[0].startswith(name)
    assert "broken" not in links(loaded_installation, run_id).values()


def test_rows_dropped_by_retention_are_pruned_not_broken(loaded_installation: Installation) -> None:
    run_id = loaded_installation.first_run
    with statement(
        loaded_installation,
        run_id,
        *(
            f"UPDATE almanac.runs SET pruned_at = {value} WHERE run_id = '{{run}}'"
            for value in ("now()", "NULL")
        ),
    ):
        assert links(loaded_installation, run_id)["predictions"] == "pruned"


def test_the_command_names_the_broken_link_and_leaves_with_exit_code_9(
    loaded_installation: Installation,
) -> None:
    run_id = loaded_installation.first_run
    whole = loaded_installation.almanac("verify", run_id)
    with flipped(loaded_installation.artifact("4_predict.ipynb")):
        broken = loaded_installation.almanac("verify", run_id)
    assert (whole.returncode, broken.returncode) == (0, 9)
    assert f"The chain of run {run_id} is broken at: notebook predict." in broken.stderr
    assert WORKLOAD not in broken.stderr
