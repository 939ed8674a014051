"""The handle of a notebook: what it reads and reports, in a run and in an exploration."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pandas as pd
import pytest

from almanac import discovery
from almanac.contract import CutOff
from almanac.errors import NotFound, UsageError
from almanac.registry import Submission, Version
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.records import run_steps, runs, versions
from tests.queries import within
from tests.stub import STUB, begin, content

CUT = CutOff(date(2025, 4, 15), demo=False, simulated=False, source="tests")


@pytest.fixture
def step(settings: Settings, owner: Database, monkeypatch: pytest.MonkeyPatch) -> Step:
    """The step `predict` of a running run."""
    monkeypatch.setattr(discovery, "contract", {STUB.name: STUB}.__getitem__)
    run_id = begin(owner)
    with owner.engine.begin() as connection:
        run_steps.start(connection, run_id, "predict")
    return Step(STUB.name, "predict", run_id, "mock", datetime(2025, 4, 15, tzinfo=UTC), None, settings)


def reported(step: Step, owner: Database) -> dict[str, object]:
    with owner.engine.begin() as connection:
        return dict(run_steps.of_run(connection, step.run_id)[0]["results"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sample": "half"}, "SAMPLE has value 'half'"),
        ({"data_as_of": "15.4.2025"}, "is not a date"),
        ({"slot": "noon"}, "'noon' is not"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Step.open(STUB.name, "collect", **parameters)


def test_empty_parameters_open_an_exploration() -> None:
    step = Step.open(STUB.name, "collect", run_id="", slot="", sample="mock", data_as_of="")
    assert (step.is_exploration, step.sample, step.requested_date, step.slot.tzinfo) == (
        True,
        "mock",
        None,
        UTC,
    )


def test_reports_of_a_step_are_merged_as_plain_data(step: Step, owner: Database) -> None:
    step.report(rows=3, share=float("nan"))
    step.report(day=date(2025, 4, 15), rows=4)
    assert reported(step, owner) == {"rows": 4, "share": None, "day": "2025-04-15"}
    step.database.engine.dispose()


def test_a_run_has_one_cut_off(step: Step, owner: Database) -> None:
    assert step.report_cut_off(CUT) == date(2025, 4, 15)
    with owner.engine.begin() as connection:
        runs.update(connection, step.run_id, runs.RunUpdate(data_as_of=date(2025, 4, 15)))
    later = replace(step)
    message = r"This step finds the cut-off 2025-04-16, but run .+ has 2025-04-15: its data changed under it"
    with pytest.raises(UsageError, match=message):
        later.report_cut_off(replace(CUT, data_as_of=date(2025, 4, 16)))
    for opened in (step, later):
        opened.database.engine.dispose()


def test_a_version_is_recorded_with_its_newest_datum_beside_the_cut_off(
    step: Step, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = Version(1, "mlflow-1", "a1")
    registry = SimpleNamespace(log_frame=lambda *_: None, register=lambda *_, **__: version)
    monkeypatch.setattr(Step, "registry", registry)
    monkeypatch.setattr(Step, "mlflow_run_id", "mlflow-1")
    step.report_cut_off(replace(CUT, newest_data=date(2025, 4, 2)))
    submission = Submission(None, pd.DataFrame(), [])
    step.register(submission, pd.DataFrame({"a": [1]}), trained_until=CUT.data_as_of, simulated=True)
    record = within(owner, versions.get, STUB.name, 1)
    assert (record["trained_until"], record["newest_data"]) == (date(2025, 4, 15), date(2025, 4, 2))
    step.database.engine.dispose()


def test_an_exploration_drops_its_staged_tables(step: Step, owner: Database) -> None:
    alone = replace(step, run_id="")
    staged = alone.stage(content(), version=1, scored=content()["predictions"])
    with owner.engine.begin() as connection:
        left = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'"
        ).scalar_one()
    assert (staged.rows, left) == (10, 0)
    with pytest.raises(NotFound, match="An exploration has no earlier steps"):
        alone.results("train")
    alone.database.engine.dispose()


def report_decision(owner: Database, step: Step, decision: dict[str, object]) -> None:
    """Report a decision as the step `evaluate` of the same run."""
    with owner.engine.begin() as connection:
        run_steps.start(connection, step.run_id, "evaluate")
        run_steps.report(connection, step.run_id, "evaluate", {"decision": decision})
        run_steps.finish(connection, step.run_id, "evaluate", {"status": "succeeded"})


@pytest.mark.parametrize(
    ("challenger", "champion", "serving", "shadow"),
    [(2, 1, 2, 1), (2, 1, 1, 2), (2, None, 2, None), (1, 1, 1, None)],
)
def test_the_shadow_is_the_other_of_challenger_and_champion(
    challenger: int, champion: int | None, serving: int, shadow: int | None, step: Step, owner: Database
) -> None:
    report_decision(owner, step, {"challenger": challenger, "champion": champion})
    assert step.shadow_version(serving) == shadow
    step.database.engine.dispose()


def test_without_a_champion_the_reason_of_the_refusal_is_named(
    step: Step, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Step, "champion", lambda _self, *, simulated=None: None)
    never_evaluated = r"'stub' has no champion yet\. Train and evaluate first: almanac run stub"
    with pytest.raises(NotFound, match=never_evaluated):
        step.serving_version()
    verdict = {"promoted": False, "reason": "does not beat the baseline"}
    report_decision(owner, step, {"challenger": 3, "champion": None} | verdict)
    refused = (
        r"has no champion: version 3 was not promoted \(does not beat the baseline\)\."
        r".*`almanac promote stub 3 --why"
    )
    with pytest.raises(NotFound, match=refused):
        step.serving_version()
    step.database.engine.dispose()


def test_without_an_evaluation_there_is_no_shadow(step: Step) -> None:
    assert step.shadow_version(1) is None
    step.database.engine.dispose()
