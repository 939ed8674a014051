"""No step predicts with a model that knows days from the cut-off on."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac import discovery
from almanac.contract import CutOff
from almanac.errors import LookAhead
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.records import run_steps, runs, versions
from tests.queries import change, within
from tests.stub import STUB, begin, content

CUT = CutOff(date(2025, 4, 15), demo=False, simulated=False, source="tests")
VERSION = {
    "workload": "stub",
    "mlflow_run_id": "m",
    "artifact_hash": "b",
    "data_hash": "d",
    "recipe_hash": "r",
}


@pytest.fixture
def step(settings: Settings, owner: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The step `predict` of a running run; version 1 is champion."""
    monkeypatch.setattr(discovery, "contract", {STUB.name: STUB}.__getitem__)
    monkeypatch.setattr(Step, "champion", lambda _self, *, simulated=None: 1)
    run_id = begin(owner)
    within(owner, run_steps.start, run_id, "predict")
    opened = Step(STUB.name, "predict", run_id, "mock", datetime(2025, 4, 15, tzinfo=UTC), None, settings)
    yield opened
    opened.database.engine.dispose()


def record(owner: Database, version: int, trained_until: str) -> None:
    within(owner, versions.add, VERSION | {"version": version, "trained_until": trained_until})


def train(owner: Database, step: Step, version: int) -> None:
    """Let the step `train` of the same run report a version."""
    with owner.engine.begin() as connection:
        run_steps.start(connection, step.run_id, "train")
        run_steps.report(connection, step.run_id, "train", {"model_version": version})
        run_steps.finish(connection, step.run_id, "train", {"status": "succeeded"})


@pytest.mark.parametrize("trained_until", ["2025-04-15", "2025-04-14", "1999-12-31"])
def test_a_champion_trained_before_the_cut_off_predicts(
    step: Step, owner: Database, trained_until: str
) -> None:
    record(owner, 1, trained_until)
    step.report_cut_off(CUT)
    assert step.serving_version() == 1


@pytest.mark.parametrize("trained_until", ["2025-04-16", "2025-04-25", "2026-12-31"])
def test_a_champion_trained_later_is_refused_with_both_ways_out(
    step: Step, owner: Database, trained_until: str
) -> None:
    record(owner, 1, trained_until)
    step.report_cut_off(CUT)
    ways_out = (
        rf"Version 1 of 'stub' was trained on the days before {trained_until}\. .* nothing from 2025-04-15 on"
        rf".*`almanac run stub --data-as-of 2025-04-15`\), or name a cut-off from {trained_until} on"
    )
    with pytest.raises(LookAhead, match=ways_out) as refused:
        step.serving_version()
    assert refused.value.exit_code == 2
    with pytest.raises(LookAhead, match=ways_out):
        step.stage(content(), version=1, scored=content()["predictions"])


def test_the_version_that_the_run_has_trained_takes_the_place_of_a_later_champion(
    step: Step, owner: Database
) -> None:
    record(owner, 1, "2025-04-25")
    record(owner, 2, "2025-04-15")
    train(owner, step, 2)
    step.report_cut_off(CUT)
    assert (step.serving_version(), step.shadow_version(2)) == (2, None)
    results = within(owner, run_steps.of_run, step.run_id)
    reported = next(row["results"] for row in results if row["step"] == "predict")
    assert reported["in_place_of_champion"] == 2


def test_the_recorded_cut_off_of_the_run_counts_before_the_step_reports_its_own(
    step: Step, owner: Database
) -> None:
    record(owner, 1, "2025-04-25")
    within(owner, runs.update, step.run_id, runs.RunUpdate(data_as_of=date(2025, 4, 15)))
    with pytest.raises(LookAhead):
        step.serving_version()


@pytest.mark.parametrize(("day", "expected"), [("2025-04-20", 2), ("2025-04-10", 2), ("2025-04-25", 1)])
def test_an_exploration_takes_the_newest_version_that_was_trained_in_time(
    step: Step, owner: Database, day: str, expected: int
) -> None:
    record(owner, 1, "2025-04-25")
    record(owner, 2, "2025-04-10")
    record(owner, 3, "2025-04-30")
    alone = replace(step, run_id="", requested_date=date.fromisoformat(day))
    assert alone.serving_version() == expected
    alone.database.engine.dispose()


def test_an_exploration_of_real_data_takes_no_version_of_simulated_data(step: Step, owner: Database) -> None:
    record(owner, 1, "2025-04-25")
    record(owner, 2, "2025-04-10")
    change(owner, "UPDATE almanac.model_versions SET simulated = true WHERE version = 2")
    alone = replace(step, run_id="", requested_date=date(2025, 4, 20))
    with pytest.raises(LookAhead):
        alone.serving_version()
    alone.database.engine.dispose()


def test_an_exploration_without_a_version_in_time_is_refused(step: Step, owner: Database) -> None:
    record(owner, 1, "2025-04-25")
    alone = replace(step, run_id="", requested_date=date(2025, 4, 24))
    with pytest.raises(LookAhead):
        alone.serving_version()
    alone.database.engine.dispose()


def test_the_shadow_never_looks_ahead_either(step: Step, owner: Database) -> None:
    record(owner, 1, "2025-04-15")
    record(owner, 2, "2025-04-16")
    decision = {"challenger": 2, "champion": 1}
    with owner.engine.begin() as connection:
        run_steps.start(connection, step.run_id, "evaluate")
        run_steps.report(connection, step.run_id, "evaluate", {"decision": decision})
        run_steps.finish(connection, step.run_id, "evaluate", {"status": "succeeded"})
    assert step.shadow_version(1) == 2
    step.report_cut_off(CUT)
    assert step.shadow_version(1) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_version_is_served_exactly_where_it_was_trained_in_time(
    step: Step, owner: Database, trained_until: date, cut_off: date
) -> None:
    change(owner, "DELETE FROM almanac.model_versions")
    record(owner, 1, trained_until.isoformat())
    alone = replace(step, run_id="", requested_date=cut_off)
    try:
        assert alone.serving_version() == 1
        assert trained_until <= cut_off
    except LookAhead:
        assert trained_until > cut_off
    finally:
        alone.database.engine.dispose()
