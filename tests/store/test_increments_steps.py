"""What a notebook of an incremental workload calls, and what the runner makes of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from almanac import discovery
from almanac.operations import verify
from almanac.project import Project
from almanac.runner import effects
from almanac.runner.attempt import Attempt, RunRequest, no_progress
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.publishing.incremental import erasures
from almanac.store.records import ledger, run_steps, runs, versions
from tests.queries import change, rows, within
from tests.store import diary
from tests.store.diary import DIARY, judged, write


@pytest.fixture
def project(owner: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An installation that knows the diary, with two versions."""
    monkeypatch.setattr(discovery, "contract", lambda _name: DIARY)
    monkeypatch.setattr(discovery, "module", lambda _name, _part: None)
    monkeypatch.setenv("DATABASE_URL", str(settings.database_url.get_secret_value()))  # type: ignore[union-attr]
    diary.make(owner)
    for version in (1, 2):
        hashes = {"artifact_hash": "a" * 64, "data_hash": "d" * 64, "recipe_hash": "r" * 64}
        row = {
            "workload": "diary",
            "version": version,
            "mlflow_run_id": "m",
            "trained_until": datetime(2025, 4, 15, tzinfo=UTC).date(),
        }
        within(owner, versions.add, row | hashes | {"parameters": {}, "metrics": {}, "simulated": False})
    opened = Project(settings)
    yield opened
    opened.database.engine.dispose()


def step_of(settings: Settings, run_id: str) -> Step:
    return Step("diary", "predict", run_id, "full", datetime.now(UTC), None, settings)


def predict(project: Project, owner: Database, *, version: int = 1, shadow: int | None = None) -> str:
    """Run the predict step as a notebook and the runner do, and return the id of the run."""
    run_id = diary.begin(owner)
    within(owner, run_steps.start, run_id, "predict")
    step = step_of(project.settings, run_id)
    for number, is_shadow in [(version, False)] + ([(shadow, True)] if shadow else []):
        unscored = step.unscored_entries(number)
        step.stage(judged(list(unscored), version=number), version=number, scored=unscored, shadow=is_shadow)
    step.database.engine.dispose()
    within(owner, run_steps.finish, run_id, "predict", {"status": "succeeded"})
    effects.publish_results(
        Attempt(run_id, RunRequest("diary"), DIARY, project, step.slot, time.monotonic(), no_progress),
        {"seconds": 1.0},
    )
    return run_id


def test_a_run_publishes_what_its_notebook_has_scored(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    first = predict(project, owner)
    write(owner, ["c"])
    second = predict(project, owner)
    record = within(owner, runs.get, second)
    assert (record["rows"], record["covered_until"], record["model_version"], record["model_hash"]) == (
        3,
        3,
        1,
        "a" * 64,
    )
    assert within(owner, runs.get, first)["absorbed_by"] == second
    staged = within(owner, run_steps.results, second, "predict")["staged"]
    assert (staged["covered_after"], staged["covered_until"], staged["absorbed"]) == (2, 3, [first])
    step = step_of(project.settings, second)
    assert list(step.read_published("moods", 1)["entries"]) == [1, 1, 1]
    assert step.query(
        lambda connection: connection.execute("SELECT count(*) FROM almanac.diary_entries").fetchall()
    ) == [(3,)]
    step.database.engine.dispose()


def test_the_other_version_is_scored_beside_so_that_a_rollback_finds_it_complete(
    project: Project, owner: Database
) -> None:
    write(owner, ["a"])
    predict(project, owner, version=1)
    write(owner, ["b"])
    predict(project, owner, version=2)
    write(owner, ["c"])
    step = step_of(project.settings, diary.begin(owner))
    assert step.shadow_version(2) == 1
    step.database.engine.dispose()
    predict(project, owner, version=2, shadow=1)
    within(owner, ledger.rollback, "diary", who="tester")
    assert rows(owner, "SELECT entry_id, score FROM api.diary_live ORDER BY entry_id") == [
        (1, 0.25),
        (2, 0.25),
        (3, 0.25),
    ]


def test_while_a_rollback_holds_its_version_is_the_one_that_predicts(
    project: Project, owner: Database
) -> None:
    write(owner, ["a"])
    predict(project, owner, version=1)
    predict(project, owner, version=2)
    within(owner, ledger.rollback, "diary", who="tester")
    step = step_of(project.settings, diary.begin(owner))
    assert step.serving_version() == 1
    step.database.engine.dispose()


def test_an_exploration_scores_for_trial_and_leaves_nothing(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    step = step_of(project.settings, "")
    unscored = step.unscored_entries(1)
    staged = step.stage(judged(list(unscored)), version=1, scored=unscored)
    step.database.engine.dispose()
    assert staged.rows == 2
    assert rows(owner, "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'") == [(0,)]


def links(project: Project, owner: Database, run_id: str) -> dict[str, tuple[str, str]]:
    """The links of the chain that differ for increments: what was scored, and the predictions."""
    run = within(owner, runs.get, run_id)
    maker = within(owner, runs.notebook_run, run)
    opened = verify.Chain(project, run, maker, within(owner, run_steps.of_run, maker["run_id"]), [], None)
    return {
        link.name: (link.state, link.detail) for link in (verify._scored(opened), verify._predictions(opened))
    }


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


def test_the_entries_of_a_shadow_are_others_than_those_of_its_run_and_are_read_again_as_well(
    project: Project, owner: Database
) -> None:
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


def test_what_was_erased_is_pruned_and_what_is_left_verifies(project: Project, owner: Database) -> None:
    write(owner, ["a", "b"])
    run_id = predict(project, owner)

    def remove(connection):  # type: ignore[no-untyped-def]
        return [
            number
            for (number,) in connection.execute(
                "DELETE FROM almanac.diary_entries WHERE text = 'b' RETURNING entry_id"
            ).fetchall()
        ]

    erasures.erase(
        owner,
        erasures.ErasureRequest(
            DIARY, remove, lambda _run_ids: lambda _connection: None, "tester", "asked for"
        ),
    )
    found = links(project, owner, run_id)
    assert found["scored data"] == (
        "pruned",
        "1 of its entries are kept; the others went by retention or were erased",
    )
    assert found["predictions"][0] == "ok"


def test_a_run_whose_rows_were_taken_over_points_to_the_one_that_has_them(
    project: Project, owner: Database
) -> None:
    made = []
    for text in "abc":
        write(owner, [text])
        made.append(predict(project, owner))
    assert prune.prune(owner, DIARY, now=datetime.now(UTC) + timedelta(hours=2)) == made[:1]
    assert links(project, owner, made[0])["predictions"] == (
        "pruned",
        f"taken over by run {made[1]}; verify that one",
    )
