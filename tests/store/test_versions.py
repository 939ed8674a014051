"""Model versions and promotion decisions."""

from datetime import date

import pytest
import sqlalchemy as sa

from almanac.errors import NotFound
from almanac.store.connections.database import Database
from almanac.store.records import decisions, run_steps, versions
from tests.queries import change, within
from tests.stub import begin


def version(number: int, **changes: object) -> dict[str, object]:
    hashes = {"artifact_hash": f"a{number}", "data_hash": "d", "recipe_hash": "r"}
    return {
        "workload": "stub",
        "version": number,
        "mlflow_run_id": "m",
        "trained_until": date(2025, 4, 15),
        **hashes,
    } | changes


def test_a_version_is_recorded_once_with_its_hashes(worker: Database) -> None:
    within(worker, versions.add, version(1, parameters={"trees": 200}))
    record = within(worker, versions.get, "stub", 1)
    assert (record["artifact_hash"], record["parameters"]) == ("a1", {"trees": 200})
    assert (record["metrics"], record["simulated"]) == ({}, False)
    with pytest.raises(sa.exc.IntegrityError, match="model_versions_pkey"):
        within(worker, versions.add, version(1))


def test_an_unknown_version_is_named_with_the_way_out(worker: Database) -> None:
    message = (
        r"'stub' has no model version 7\. `almanac list` .+ "
        r"If MLflow has it, database and registry do not belong together"
    )
    with pytest.raises(NotFound, match=message):
        within(worker, versions.get, "stub", 7)


def test_the_newest_version_is_the_highest_number_of_its_workload(worker: Database) -> None:
    assert within(worker, versions.newest, "stub") is None
    for row in (version(2), version(10), version(11, workload="football")):
        within(worker, versions.add, row)
    assert within(worker, versions.newest, "stub") == 10


def test_the_newest_version_of_the_same_data_and_recipe_is_returned(worker: Database) -> None:
    others = (version(3, data_hash="other"), version(4, recipe_hash="other"), version(5, workload="football"))
    for row in (version(1), version(2), *others):
        within(worker, versions.add, row)
    assert within(worker, versions.find_same, "stub", data_hash="d", recipe_hash="r")["version"] == 2
    assert within(worker, versions.find_same, "stub", data_hash="other", recipe_hash="other") is None


def measure(owner: Database, number: int, figure: float, run_id: str = "") -> None:
    """Measure a version, in a run or (without one) in a notebook that was opened by hand."""
    worker = Database(owner.url, "worker")
    record = within(worker, versions.get, "stub", number)
    within(worker, versions.save_metrics, record, {"log_loss": figure}, step=(run_id, "evaluate"))
    worker.engine.dispose()


def begun(owner: Database) -> str:
    """Return a run whose step `evaluate` is running."""
    run_id = begin(owner)
    within(owner, run_steps.start, run_id, "evaluate")
    return run_id


def figures(owner: Database, *numbers: int) -> list[float | None]:
    return [within(owner, versions.get, "stub", number)["metrics"].get("log_loss") for number in numbers]


def is_sealed(owner: Database, number: int) -> bool:
    reported = within(owner, versions.reported_metrics_hash, "stub", number)
    return reported == within(owner, versions.metrics_hash, "stub", number)


def test_figures_are_written_to_one_version_and_sealed_by_the_last_run_that_measured_them(
    owner: Database,
) -> None:
    for row in (version(1), version(2)):
        within(owner, versions.add, row)
    first, second = begun(owner), begun(owner)
    for number, figure, run_id in ((2, 1.0125, first), (1, 1e22, first), (2, 1e-20, second)):
        measure(owner, number, figure, run_id)
    assert (figures(owner, 1, 2), is_sealed(owner, 1), is_sealed(owner, 2)) == ([1e22, 1e-20], True, True)
    change(owner, "UPDATE almanac.model_versions SET metrics = '{}' WHERE version = 2")
    assert (is_sealed(owner, 1), is_sealed(owner, 2)) == (True, False)


def test_an_exploration_replaces_no_figures_of_a_run(
    owner: Database,
) -> None:
    for row in (version(1), version(2)):
        within(owner, versions.add, row)
    measure(owner, 1, 1.01, begun(owner))
    measure(owner, 1, 0.5)
    measure(owner, 2, 0.6)
    assert figures(owner, 1, 2) == [1.01, 0.6]
    assert within(owner, versions.reported_metrics_hash, "stub", 2) is None


def test_the_newest_decision_is_the_last_one_written(owner: Database) -> None:
    assert within(owner, decisions.newest, "stub") is None
    row = {"workload": "stub", "who": "tester", "challenger": 1}
    within(owner, decisions.write, row | {"promoted": True, "reason": "first"})
    within(owner, decisions.write, row | {"promoted": False, "reason": "no new evidence"})
    newest = within(owner, decisions.newest, "stub")
    assert newest is not None
    assert (newest["promoted"], newest["reason"], newest["evidence"]) == (False, "no new evidence", {})
    assert within(owner, decisions.newest, "football") is None
