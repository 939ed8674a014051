"""Made-up rows of mock runs never meet the rows of real ones."""

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac import discovery
from almanac.contract import CutOff
from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.records import versions
from almanac.store.rows import raw
from almanac.store.schema import ensure
from tests.queries import change, one, within
from tests.stub import STUB, begin

VERSION = {
    "workload": "stub",
    "mlflow_run_id": "m",
    "artifact_hash": "b",
    "data_hash": "d",
    "recipe_hash": "r",
}


def facts(**values: int) -> pd.DataFrame:
    return pd.DataFrame({"item": list(values), "value": list(values.values()), "source": "test"})


@pytest.fixture
def step(settings: Settings, owner: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that opens a step of a sample in an exploration."""
    monkeypatch.setattr(discovery, "contract", {STUB.name: STUB}.__getitem__)
    opened: list[Step] = []

    def open_step(sample: str, run_id: str = "") -> Step:
        moment = datetime(2025, 4, 15, tzinfo=UTC)
        opened.append(Step(STUB.name, "train", run_id, sample, moment, None, settings))
        return opened[-1]

    yield open_step
    for each in opened:
        each.database.engine.dispose()


def items(step: Step) -> dict[str, int]:
    frame = step.read("facts")
    return dict(zip(frame["item"], frame["value"].astype(int), strict=True))


def test_neither_sample_reads_or_overwrites_the_rows_of_the_other(step: Any) -> None:
    step("mock").upsert("facts", facts(a=1, b=2))
    assert items(step("full")) == {}
    assert step("full").upsert("facts", facts(b=3, c=4)) == raw.UpsertCounts(2, 0, 0)
    assert (items(step("full")), items(step("mock"))) == ({"b": 3, "c": 4}, {"a": 1, "b": 2})
    assert step("mock").upsert("facts", facts(b=9)) == raw.UpsertCounts(0, 1, 0)
    assert items(step("full"))["b"] == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["full", "mock"]), st.dictionaries(st.sampled_from("abc"), st.integers(0, 9))
        ),
        max_size=5,
    )
)
def test_whatever_is_loaded_each_sample_reads_exactly_its_own(
    step: Any, owner: Database, loads: list[tuple[str, dict[str, int]]]
) -> None:
    change(owner, 'TRUNCATE almanac.stub_facts, almanac."stub_facts$mock"')
    expected: dict[str, dict[str, int]] = {"full": {}, "mock": {}}
    steps = {sample: step(sample) for sample in expected}
    for sample, values in loads:
        steps[sample].upsert("facts", facts(**values))
        expected[sample] |= values
    assert {sample: items(steps[sample]) for sample in expected} == expected


def test_the_rows_of_an_earlier_program_are_what_they_were(step: Any, owner: Database) -> None:
    raw.upsert(owner, STUB, "facts", facts(a=1))
    change(owner, 'DROP TABLE almanac."stub_facts$mock"')
    begin(owner, sample="mock")
    within(owner, ensure.ensure, STUB)
    assert (items(step("full")), items(step("mock"))) == ({"a": 1}, {"a": 1})


def test_an_earlier_program_without_mock_runs_leaves_nothing_to_them(step: Any, owner: Database) -> None:
    raw.upsert(owner, STUB, "facts", facts(a=1))
    change(owner, 'DROP TABLE almanac."stub_facts$mock"')
    within(owner, ensure.ensure, STUB)
    assert (items(step("full")), items(step("mock"))) == ({"a": 1}, {})


def register(step: Step, *, simulated: bool) -> None:
    """Register as far as a test without a model gets."""
    nothing: Any = None
    step.register(nothing, pd.DataFrame(), trained_until=date(2025, 4, 15), simulated=simulated)


class Reached(Exception):
    """The registration was not refused."""


@pytest.fixture(autouse=True)
def nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: object) -> None:
        raise Reached

    monkeypatch.setattr(Step, "_hashes", reached)


def test_a_version_trained_on_rows_of_a_mock_run_is_not_registered_as_real(step: Any) -> None:
    step("mock").upsert("facts", facts(a=1))
    reading = step("mock")
    reading.read("facts")
    with pytest.raises(UsageError, match=r"trained on rows of `--sample mock` \(table facts\) cannot be"):
        register(reading, simulated=False)
    with pytest.raises(Reached):
        register(reading, simulated=True)


@pytest.mark.parametrize(("says", "is_refused"), [(True, True), (False, False)])
def test_a_version_of_a_run_that_says_simulated_is_not_registered_as_real(
    step: Any, says: bool, is_refused: bool
) -> None:
    real = step("full")
    real.upsert("facts", facts(a=1))
    real.read("facts")
    real.report_cut_off(CutOff(date(2025, 4, 15), demo=True, simulated=says, source="tests"))
    with pytest.raises(UsageError if is_refused else Reached):
        register(real, simulated=False)


def test_one_input_is_tried_on_the_rows_that_the_champion_was_trained_on(step: Any, owner: Database) -> None:
    run_id = begin(owner, sample="mock")
    for number, of_run in ((1, run_id), (2, None)):
        row = {"version": number, "run_id": of_run, "trained_until": "2025-04-15"}
        within(owner, versions.add, VERSION | row)
    assert [step("full").sample_of(version) for version in (1, 2)] == ["mock", "full"]
    assert one(owner, "SELECT count(*) FROM almanac.model_versions") == 2
