"""Somebody tidies up in MLflow, or points two databases at it: what is missing is named, nothing is mixed."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from almanac.errors import NotFound, RegistryError
from almanac.registry import CHALLENGER, CHAMPION, Registry, Submission, open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.records import installation, runs
from almanac.store.records.runs import RunUpdate
from tests.queries import one, within
from tests.stub import begin

# MLflow warns of its own code when it saves a model.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
EXAMPLE = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
Open = Callable[[str], Registry]


@pytest.fixture
def open_as(tmp_path: Path, registry_loaded: None, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A function that opens one local registry for the database of a name."""
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    return lambda owner: open_registry(Settings(home=tmp_path), lambda: owner)


def register(registry: Registry, *, beyond: int = 0) -> int:
    """Register a small model and return its number."""
    pipeline = LogisticRegression().fit(EXAMPLE, [0, 0, 1, 1])
    run_id = registry.start_run("stub", "a run")
    version = registry.register("stub", run_id, Submission(pipeline, EXAMPLE, ()), beyond=beyond)
    assert registry.version_hash("stub", version.number) == version.artifact_hash
    return version.number


def test_a_version_that_was_deleted_is_no_longer_there_and_not_promoted(open_as: Open) -> None:
    registry = open_as("")
    first = register(registry)
    registry.set_alias("stub", CHAMPION, first)
    second = register(registry)
    registry.client.delete_model_version("stub", str(first))
    assert [registry.has_version("stub", number) for number in (first, second, 99)] == [False, True, False]
    assert registry.alias("stub", CHAMPION) is None
    refused = r"said: .*not found.*Somebody may have deleted it there\. .*or train anew: almanac run"
    with pytest.raises(RegistryError, match=refused) as caught:
        registry.set_alias("stub", CHAMPION, first)
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("beyond", [0, 1, 3])
def test_numbers_go_on_after_somebody_deleted_the_registered_model(open_as: Open, beyond: int) -> None:
    registry = open_as("")
    register(registry)
    registry.client.delete_registered_model("stub")
    assert registry.alias("stub", CHALLENGER) is None
    assert not registry.has_version("stub", 1)
    assert register(registry, beyond=beyond) == beyond + 1
    assert register(registry, beyond=beyond) == beyond + 2
    assert register(registry, beyond=beyond + 5) == beyond + 6


def test_an_experiment_that_was_deleted_is_named_with_the_way_to_restore_it(open_as: Open) -> None:
    registry = open_as("")
    number = registry.experiment("stub")
    registry.client.delete_experiment(number)
    refused = rf"'stub' was deleted in MLflow.*mlflow experiments restore --experiment-id {number}`"
    with pytest.raises(RegistryError, match=refused):
        registry.start_run("stub", "a run")
    registry.client.restore_experiment(number)
    assert registry.start_run("stub", "a run")


def test_a_run_that_was_deleted_is_not_blamed_on_the_address(open_as: Open) -> None:
    registry = open_as("")
    run_id = registry.start_run("stub", "a run")
    registry.client.delete_run(run_id)
    with pytest.raises(RegistryError, match="Somebody may have deleted it there") as caught:
        registry.log(run_id, metrics={"loss": 1.0})
    assert "MLFLOW_TRACKING_URI" not in str(caught.value)


CALLS: dict[str, Callable[[Registry], object]] = {
    "open a run": lambda registry: registry.start_run("stub", "another"),
    "read an alias": lambda registry: registry.alias("stub", CHAMPION),
    "move an alias": lambda registry: registry.set_alias("stub", CHAMPION, 1),
    "open the experiment": lambda registry: registry.experiment("stub"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_registry_that_belongs_to_another_database_is_refused(open_as: Open, call: str) -> None:
    first = open_as("first database")
    number = register(first)
    first.set_alias("stub", CHAMPION, number)
    second = open_as("second database")
    refused = r"'stub' in MLflow at .* belongs to another database; .*URI.*'almanac\.database'"
    with pytest.raises(RegistryError, match=refused):
        CALLS[call](second)
    assert open_as("first database").alias("stub", CHAMPION) == number


def test_workloads_of_two_databases_may_share_a_registry(open_as: Open) -> None:
    open_as("first database").experiment("stub")
    assert open_as("second database").experiment("other")


def test_a_registry_of_an_earlier_program_is_marked_by_the_first_that_writes(open_as: Open) -> None:
    open_as("").experiment("stub")
    assert open_as("second database").alias("stub", CHAMPION) is None
    open_as("first database").experiment("stub")
    with pytest.raises(RegistryError, match="belongs to another database"):
        open_as("second database").experiment("stub")


def test_a_database_has_one_name_for_every_role(owner: Database, worker: Database) -> None:
    name = installation.identity(owner)
    assert (len(name), installation.identity(worker)) == (36, name)
    assert one(owner, "SELECT count(*) FROM almanac.installation") == 1


def test_a_step_does_not_wait_for_an_mlflow_run_that_cannot_be_opened(owner: Database) -> None:
    run_id = begin(owner)
    within(owner, runs.finish, run_id, "failed", "The experiment was deleted.", RunUpdate())
    with pytest.raises(NotFound, match=r"has no MLflow run: The experiment was deleted\."):
        runs.mlflow_run(owner, run_id)
