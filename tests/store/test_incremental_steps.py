"""The predict step of an incremental workload, from its notebook to the release and its verification."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from almanac import discovery
from almanac.operations.chain import read_chain
from almanac.operations.inputs import check_scored_data
from almanac.operations.predictions import check_predictions
from almanac.project import Project
from almanac.runner import effects
from almanac.runner.attempt import Attempt, RunRequest, no_progress
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database, Work
from almanac.store.publishing import prune
from almanac.store.publishing.incremental import erasures
from almanac.store.records import ledger, run_steps, runs, versions
from tests.queries import change, rows, within
from tests.store.incremental_workload import DIARY, begin, create_tables, predictions_of, write

VERSION = {
    "workload": "diary",
    "mlflow_run_id": "m",
    "trained_until": date(2025, 4, 15),
    "artifact_hash": "a" * 64,
    "data_hash": "d" * 64,
    "recipe_hash": "r" * 64,
    "parameters": {},
    "metrics": {},
    "simulated": False,
}
COUNT_ENTRIES = "SELECT count(*) FROM almanac.diary_entries"
DELETE_B = "DELETE FROM almanac.diary_entries WHERE text = 'b' RETURNING entry_id"


@pytest.fixture
def project(owner: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An installation with the diary, which has two versions."""
    monkeypatch.setattr(discovery, "contract", lambda _name: DIARY)
    monkeypatch.setattr(discovery, "module", lambda _name, _part: None)
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    create_tables(owner)
    for version in (1, 2):
        within(owner, versions.add, VERSION | {"version": version})
    opened = Project(settings)
    yield opened
    opened.database.engine.dispose()


def step_of(settings: Settings, run_id: str) -> Step:
    return Step("diary", "predict", run_id, "full", datetime.now(UTC), None, settings)


def predict(project: Project, owner: Database, *, version: int = 1, shadow: int | None = None) -> str:
    """Run the predict step as a notebook and the runner do, and return the id of the run."""
    run_id = begin(owner)
    within(owner, run_steps.start, run_id, "predict")
    step = step_of(project.settings, run_id)
    _stage(step, version)
    if shadow:
        _stage(step, shadow, shadow=True)
    step.database.engine.dispose()
    within(owner, run_steps.finish, run_id, "predict", {"status": "succeeded"})
    request = RunRequest("diary")
    attempt = Attempt(run_id, request, DIARY, project, step.slot, time.monotonic(), no_progress)
    effects.publish_results(attempt, {"seconds": 1.0})
    return run_id


def _stage(step: Step, version: int, *, shadow: bool = False) -> None:
    unscored = step.unscored_entries(version)
    content = predictions_of(list(unscored), version=version)
    step.stage(content, version=version, scored=unscored, shadow=shadow)


def test_a_run_publishes_the_predictions_of_its_notebook(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    first = predict(project, owner)
    write(owner, ["c"])
    second = predict(project, owner)
    run = within(owner, runs.get, second)
    assert (run["rows"], run["covered_until"]) == (3, 3)
    assert (run["model_version"], run["model_hash"]) == (1, "a" * 64)
    assert within(owner, runs.get, first)["absorbed_by"] == second
    staged = within(owner, run_steps.results, second, "predict")["staged"]
    assert (staged["covered_after"], staged["covered_until"], staged["absorbed"]) == (2, 3, [first])
    step = step_of(project.settings, second)
    assert list(step.read_published("moods", 1)["entries"]) == [1, 1, 1]
    count = step.query(lambda connection: connection.execute(COUNT_ENTRIES).fetchall())
    assert count == [(3,)]
    step.database.engine.dispose()


def test_the_shadow_version_is_complete_for_a_rollback(project: Project, owner: Database) -> None:
    write(owner, ["a"])
    predict(project, owner, version=1)
    write(owner, ["b"])
    predict(project, owner, version=2)
    write(owner, ["c"])
    step = step_of(project.settings, begin(owner))
    assert step.shadow_version(2) == 1
    step.database.engine.dispose()
    predict(project, owner, version=2, shadow=1)
    within(owner, ledger.rollback, "diary", who="tester")
    assert rows(owner, "SELECT entry_id, score FROM api.diary_live ORDER BY entry_id") == [
        (1, 0.25),
        (2, 0.25),
        (3, 0.25),
    ]


def test_on_hold_the_version_of_the_rollback_predicts(project: Project, owner: Database) -> None:
    write(owner, ["a"])
    predict(project, owner, version=1)
    predict(project, owner, version=2)
    within(owner, ledger.rollback, "diary", who="tester")
    step = step_of(project.settings, begin(owner))
    assert step.serving_version() == 1
    step.database.engine.dispose()


def test_an_exploration_leaves_no_staged_table(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    step = step_of(project.settings, "")
    unscored = step.unscored_entries(1)
    staged = step.stage(predictions_of(list(unscored)), version=1, scored=unscored)
    step.database.engine.dispose()
    assert staged.rows == 2
    assert rows(owner, "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'") == [(0,)]


def links(project: Project, owner: Database, run_id: str) -> dict[str, tuple[str, str]]:
    """Return the links of the chain that differ for incremental workloads: scored data and predictions."""
    chain = within(owner, read_chain, project, run_id)
    checked = (check_scored_data(chain), check_predictions(chain))
    return {link.name: (link.state, link.detail) for link in checked}


def test_the_entries_that_a_run_has_scored_are_read_again_to_verify_it(
    project: Project, owner: Database
) -> None:
    write(owner, ["a", "b"])
    run_id = predict(project, owner)
    assert links(project, owner, run_id) == {
        "scored data": ("ok", "2 entries"),
        "predictions": ("ok", "2 rows"),
    }
    change(owner, "UPDATE almanac.diary_entries SET text = 'c' WHERE entry_id = 2")
    assert links(project, owner, run_id)["scored data"] == ("broken", "the entries 1 to 2 were changed")
    change(owner, "UPDATE almanac.diary_predictions SET score = 0.5 WHERE entry_id = 2")
    assert links(project, owner, run_id)["predictions"][0] == "broken"


def test_the_entries_of_a_shadow_are_read_again_to_verify_it(project: Project, owner: Database) -> None:
    write(owner, ["a"])
    predict(project, owner, version=1)
    write(owner, ["b"])
    predict(project, owner, version=2)
    write(owner, ["c"])
    run_id = predict(project, owner, version=2, shadow=1)
    assert [links(project, owner, each)["scored data"] for each in (run_id, f"{run_id}-shadow")] == [
        ("ok", "1 entries"),
        ("ok", "2 entries"),
    ]


def test_after_an_erasure_the_remaining_rows_verify(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    run_id = predict(project, owner)

    def delete_b(connection: psycopg.Connection[Any]) -> list[int]:
        return [number for (number,) in connection.execute(DELETE_B).fetchall()]

    def change_nothing(_run_ids: list[str]) -> Work[None]:
        return lambda _connection: None

    request = erasures.ErasureRequest(DIARY, delete_b, change_nothing, "tester", "asked for")
    erasures.erase(owner, request)
    scored = "1 of its entries are kept; the others went by retention or were erased"
    checked = links(project, owner, run_id)
    assert checked["scored data"] == ("pruned", scored)
    assert checked["predictions"][0] == "ok"


def test_an_absorbed_run_names_the_run_that_has_its_rows(project: Project, owner: Database) -> None:
    run_ids = []
    for text in "abc":
        write(owner, [text])
        run_ids.append(predict(project, owner))
    assert prune.prune(owner, DIARY, now=datetime.now(UTC) + timedelta(hours=2)) == run_ids[:1]
    state = ("pruned", f"taken over by run {run_ids[1]}; verify that one")
    assert links(project, owner, run_ids[0])["predictions"] == state
