"""`almanac reproduce` for increments: the entries of each run are scored again with the state before them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from almanac.errors import BrokenChain, NotFound
from almanac.operations.chain import Chain
from almanac.operations.inputs import check_earlier_state
from almanac.operations.reproduce import Reproduction, reproduce
from almanac.project import Project
from almanac.runner import effects
from almanac.runner.attempt import Attempt, RunRequest, no_progress
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.publishing.incremental import erasures, increments, kept_inputs
from almanac.store.publishing.incremental.erasures import ErasureRequest
from almanac.store.records import run_steps, runs, versions
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries, reproduction, scoring
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import deletion, recount, retention
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated
from tests.logs.log_samples import BEGIN, numbered, parsed
from tests.queries import change, one, within

pytestmark = pytest.mark.slow

JOB_STEPS = ("took", "worked on", "put away")
RARE = "parsed a rare record of the queue"
STAMP = scoring.Stamp(1, BEGIN)
USAGE = {
    "source": ["a"],
    "template_id": ["b"],
    "entries": [7],
    "anomalies": [0],
    "buckets": [1],
    "first_seen": [BEGIN],
    "last_seen": [BEGIN],
}
VERSION = {
    "workload": "logs",
    "mlflow_run_id": "m",
    "trained_until": BEGIN.date(),
    "artifact_hash": "a" * 64,
    "data_hash": "d" * 64,
    "recipe_hash": "r" * 64,
    "parameters": {},
    "metrics": {},
    "simulated": False,
}
DAMAGE = "UPDATE almanac.run_inputs SET content = '\\x00' WHERE run_id = :run AND name = 'usage'"
DELETE = "DELETE FROM almanac.run_inputs WHERE run_id = :run AND name = :name"
JUDGED_BY_OWN = """
    SELECT count(*) FROM almanac.logs_predictions WHERE source = 'jobs' AND anomaly_kind = 'session'"""


class OneModel:
    """A registry that has one model."""

    def __init__(self, model: LogModel) -> None:
        self.model = model

    def load(self, *_place: object, **_checks: object) -> LogModel:
        return self.model


@pytest.fixture
def project(owner: Database, settings: Settings, log_model: LogModel) -> Iterator[Project]:
    """An installation with two versions, whose model is the same one."""
    for version in (1, 2):
        within(owner, versions.add, VERSION | {"version": version})
    installation = Project(settings)
    installation.__dict__["registry"] = OneModel(log_model)
    yield installation
    installation.database.engine.dispose()


def store(owner: Database, table: pa.Table) -> None:
    with Database(owner.url, "worker").connect() as connection:
        entries.store(connection, table, entries.Load(binary_copy.encode))


def jobs(begin: int, count: int) -> pa.Table:
    """Return sessions of a source that no model knows; every fortieth has a text that few have."""
    return parsed([job_entry(number) for number in range(begin, begin + count)])


def job_entry(number: int) -> dict[str, Any]:
    text = RARE if number % 120 == 0 else f"{JOB_STEPS[number % 3]} item {number}"
    return {"source": "jobs", "session": f"job-{number // 3}", "event_time": BEGIN, "text": text}


def predict(project: Project, owner: Database, model: LogModel, *, shadow: int | None = None) -> str:
    """Run the predict step as notebook and runner do, and return the id of the run."""
    run_id = within(owner, runs.start, runs.NewRun("logs", datetime.now(UTC), ("predict",), "full", "tester"))
    assert run_id
    within(owner, run_steps.start, run_id, "predict")
    slot = within(owner, runs.get, run_id)["slot"]
    step = Step("logs", "predict", run_id, "full", slot, None, project.settings)
    stage(step, model, 1)
    if shadow:
        stage(step, model, shadow, shadow=True)
    step.database.engine.dispose()
    within(owner, run_steps.finish, run_id, "predict", {"status": "succeeded"})
    attempt = Attempt(run_id, RunRequest("logs"), CONTRACT, project, slot, time.monotonic(), no_progress)
    effects.publish_results(attempt, {"seconds": 1.0})
    return run_id


def stage(step: Step, model: LogModel, version: int, *, shadow: bool = False) -> None:
    past, unscored = scoring.past_of(step, version), step.unscored_entries(version)
    stamp = scoring.Stamp(version, step.slot, ("pending text",))
    content = scoring.score(model, unscored, past, stamp=stamp)
    unscored.context = reproduction.dependencies(model, past, content)
    step.stage(content, version=version, scored=unscored, shadow=shadow)


@pytest.fixture
def run_ids(
    project: Project, owner: Database, log_model: LogModel, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Three runs: sessions go on from one to the next, and each absorbs the rows of those before it."""
    monkeypatch.setenv("DATABASE_URL", owner.url)
    (shop,) = simulated.entries()
    ids = []
    for part, shadow in enumerate((None, None, 2)):
        store(owner, shop.slice(part * 1000, 1000))
        store(owner, jobs(part * 299, 299))
        ids.append(predict(project, owner, log_model, shadow=shadow))
    return ids


def repeat(project: Project, run_id: str) -> Reproduction:
    return reproduce(project, run_id, anyway=True)


def rows_before(owner: Database, run_id: str, recorded: dict[str, str]) -> dict[str, int]:
    """Return how many rows of the state before a run are saved, by table."""
    with owner.engine.begin() as connection:
        tables = kept_inputs.load(connection, CONTRACT, run_id, recorded)
    return {name: len(rows) for name, rows in tables.items()}


def earlier_state(project: Project, owner: Database, run_id: str) -> list[tuple[str, str]]:
    """Return what verifying says of the state before a run; the other links need files."""
    with owner.engine.begin() as connection:
        run, steps = runs.get(connection, run_id), run_steps.of_run(connection, run_id)
    links = check_earlier_state(Chain(project, run, run, steps, [], None))
    return [(link.state, link.detail) for link in links]


def test_each_run_is_reproduced_though_later_ones_have_absorbed_its_rows(
    project: Project, owner: Database, run_ids: list[str]
) -> None:
    assert within(owner, runs.get, run_ids[0])["absorbed_by"] == run_ids[1]
    reproductions = [repeat(project, run_id) for run_id in (*run_ids, f"{run_ids[2]}-shadow")]
    assert [each.is_equal for each in reproductions] == [True] * 4
    assert len({each.repeated for each in reproductions}) == 4
    assert one(owner, JUDGED_BY_OWN), "the sessions that no model knows had no part in this"


def test_a_run_without_its_earlier_state_is_not_reproduced(
    project: Project, owner: Database, run_ids: list[str]
) -> None:
    change(owner, DELETE, run=run_ids[1], name="sessions")
    with pytest.raises(NotFound, match="not kept any more"):
        repeat(project, run_ids[1])
    change(owner, DAMAGE, run=run_ids[2])
    with pytest.raises(BrokenChain, match="knew of usage was changed"):
        repeat(project, run_ids[2])


def test_the_first_run_of_a_version_has_no_earlier_state(owner: Database, run_ids: list[str]) -> None:
    first, _, last = run_ids
    with owner.engine.begin() as connection:
        staged = run_steps.results(connection, first, "predict")["staged"]["known"]
        shadow = run_steps.results(connection, last, "predict")["shadow"]["known"]
    nothing = {"templates": 0, "usage": 0, "sessions": 0}
    assert rows_before(owner, first, staged) == nothing
    assert rows_before(owner, f"{last}-shadow", shadow) == nothing


def test_verifying_says_whether_the_earlier_state_is_whole_changed_or_gone(
    project: Project, owner: Database, run_ids: list[str]
) -> None:
    run_id = run_ids[1]
    assert earlier_state(project, owner, run_id) == [("ok", "3 tables")]
    change(owner, DAMAGE, run=run_id)
    assert earlier_state(project, owner, run_id) == [("broken", "what it knew of usage was changed")]
    change(owner, DELETE, run=run_id, name="usage")
    gone = "it went by retention, or with entries that were deleted"
    assert earlier_state(project, owner, run_id) == [("pruned", gone)]


def test_an_earlier_state_that_is_saved_twice_is_replaced(owner: Database, worker: Database) -> None:
    unscored = increments.unscored_entries(worker, CONTRACT, 1)
    nothing = pd.DataFrame(columns=CONTRACT.table("usage").column_names)
    for usage in (nothing, pd.DataFrame(USAGE)):
        unscored.context = {"usage": usage}
        hashes = kept_inputs.save(worker, "some-run", unscored)
    with owner.engine.begin() as connection:
        assert kept_inputs.hashes(connection, "some-run") == hashes
        saved = kept_inputs.load(connection, CONTRACT, "some-run", hashes)
    assert saved["usage"]["entries"].tolist() == [7]


def test_a_thousand_sessions_that_are_alike_become_one_row(log_model: LogModel) -> None:
    now = scoring.score(log_model, [numbered(jobs(0, 30))], scoring.nothing_past(), stamp=STAMP)
    earlier = scoring.score(log_model, [numbered(jobs(3_000, 3_000))], scoring.nothing_past(), stamp=STAMP)
    past = scoring.Past(earlier["templates"], earlier["usage"], earlier["sessions"])
    sessions = reproduction.dependencies(log_model, past, now)["sessions"]
    assert sorted(sessions["entries"]) == [25, 975]
    assert len(reproduction._spread(sessions)) == len(past.sessions) == 1000
    assert not sessions["session"].str.contains("job").any()


def test_changed_entries_break_a_run_and_expired_entries_do_not(
    project: Project, owner: Database, run_ids: list[str]
) -> None:
    change(owner, "UPDATE almanac.log_entries SET text = 'another text' WHERE entry_id = 1500")
    with pytest.raises(BrokenChain, match=r"that run .* has read were changed"):
        repeat(project, run_ids[1])
    day = one(owner, "SELECT day FROM almanac.log_entries LIMIT 1")
    drop_day = partial(retention.drop_day, day=day)
    assert (
        erasures.erase(owner, ErasureRequest(CONTRACT, drop_day, recount.repair, "retention", "old")) == 3897
    )
    gone = r"Of the entries of run .* 0 are kept; the others went by retention or were deleted"
    with pytest.raises(NotFound, match=gone):
        repeat(project, run_ids[2])


def test_deleting_entries_also_drops_the_state_of_later_runs(
    project: Project, owner: Database, run_ids: list[str]
) -> None:
    delete = deletion.by_conditions(["session=job-100", "source=jobs"])
    request = ErasureRequest(CONTRACT, delete, recount.repair, "tester", "asked for", drop_inputs=True)
    erasures.erase(owner, request)
    assert repeat(project, run_ids[0]).is_equal
    for run_id in run_ids[1:]:
        with pytest.raises(NotFound, match="at once when entries from before are deleted"):
            repeat(project, run_id)


@pytest.mark.usefixtures("run_ids")
def test_the_state_before_runs_goes_with_their_retention(owner: Database) -> None:
    prune.prune(owner, CONTRACT, now=datetime.now(UTC) + CONTRACT.retention)
    assert one(owner, "SELECT count(*) FROM almanac.run_inputs") == 0
