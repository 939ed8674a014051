"""`almanac reproduce` for increments: each run's entries scored again with what was known before them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pyarrow as pa
import pytest

from almanac.errors import BrokenChain, NotFound
from almanac.operations import verify
from almanac.operations.reproduce import Reproduction, reproduce
from almanac.project import Project
from almanac.runner import effects
from almanac.runner.attempt import Attempt, RunRequest, no_progress
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.publishing.incremental import erasures, increments, kept_inputs
from almanac.store.records import run_steps, runs, versions
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries, reproduction, scoring
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.formats import SCHEMA
from almanac.workloads.logs.keeping import deletion, recount, retention
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated
from tests.logs.log_samples import BEGIN
from tests.queries import change, one, within

pytestmark = pytest.mark.slow


USED = {
    "usage": pd.DataFrame(
        {
            "source": ["a"],
            "template_id": ["b"],
            "entries": [7],
            "anomalies": [0],
            "buckets": [1],
            "first_seen": [BEGIN],
            "last_seen": [BEGIN],
        }
    )
}


class Shelf:
    """A registry that has one model."""

    def __init__(self, model: LogModel) -> None:
        self.model = model

    def load(self, *_place: object, **_checks: object) -> LogModel:
        return self.model


@pytest.fixture
def project(owner: Database, settings: Settings, log_model: LogModel) -> Iterator[Project]:
    """An installation with two versions, whose model is the same one."""
    for version in (1, 2):
        hashes = {"artifact_hash": "a" * 64, "data_hash": "d" * 64, "recipe_hash": "r" * 64}
        row = {"workload": "logs", "version": version, "mlflow_run_id": "m", "trained_until": BEGIN.date()}
        within(owner, versions.add, row | hashes | {"parameters": {}, "metrics": {}, "simulated": False})
    opened = Project(settings)
    opened.__dict__["registry"] = Shelf(log_model)
    yield opened
    opened.database.engine.dispose()


def write(owner: Database, table: pa.Table) -> None:
    with Database(owner.url, "worker").connect() as connection:
        entries.store(connection, table, entries.Load(binary_copy.encode))


def jobs(begin: int, count: int) -> pa.Table:
    """Return sessions of a source that no model knows; every fortieth has a text that few have."""
    rows = [
        {"place": at, "client_id": None, "source": "jobs", "session": f"job-{at // 3}", "event_time": BEGIN, "level": None, "logger": None,
         "text": "parsed a rare record of the queue" if at % 120 == 0 else f"{('took', 'worked on', 'put away')[at % 3]} item {at}", "raw": False}
        for at in range(begin, begin + count)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def numbered(table: pa.Table) -> pa.Table:
    return table.append_column("entry_id", pa.array(range(1, len(table) + 1), pa.int64()))


def predict(project: Project, owner: Database, model: LogModel, *, shadow: int | None = None) -> str:
    """Run the predict step as notebook and runner do, and return the id of the run."""
    run_id = within(owner, runs.start, runs.NewRun("logs", datetime.now(UTC), ("predict",), "full", "tester"))
    assert run_id
    within(owner, run_steps.start, run_id, "predict")
    step = Step(
        "logs", "predict", run_id, "full", within(owner, runs.get, run_id)["slot"], None, project.settings
    )
    for version in [1, shadow] if shadow else [1]:
        past = scoring.Past(
            **{name: step.read_published(name, version) for name in ("templates", "usage", "sessions")}
        )
        unscored = step.unscored_entries(version)
        content = scoring.score(
            model, unscored, past, stamp=scoring.Stamp(version, step.slot, ("asked by somebody",))
        )
        unscored.context = reproduction.dependencies(model, past, content)
        step.stage(content, version=version, scored=unscored, shadow=version == shadow)
    step.database.engine.dispose()
    within(owner, run_steps.finish, run_id, "predict", {"status": "succeeded"})
    effects.publish_results(
        Attempt(run_id, RunRequest("logs"), CONTRACT, project, step.slot, time.monotonic(), no_progress),
        {"seconds": 1.0},
    )
    return run_id


@pytest.fixture
def made(
    project: Project, owner: Database, log_model: LogModel, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Three runs: sessions go on from one to the next, and each takes over the rows of those before it."""
    monkeypatch.setenv("DATABASE_URL", owner.url)
    (shop,) = simulated.entries()
    made = []
    for part in range(3):
        write(owner, shop.slice(part * 1000, 1000))
        write(owner, jobs(part * 299, 299))
        made.append(predict(project, owner, log_model, shadow=2 if part == 2 else None))
    return made


def again(project: Project, run_id: str) -> Reproduction:
    return reproduce(project, run_id, anyway=True)


def test_each_run_is_made_again_though_later_ones_have_taken_over_its_rows(
    project: Project, owner: Database, made: list[str]
) -> None:
    assert within(owner, runs.get, made[0])["absorbed_by"] == made[1]
    found = [again(project, run_id) for run_id in (*made, f"{made[2]}-shadow")]
    assert [each.is_equal for each in found] == [True] * 4
    assert len({each.repeated for each in found}) == 4
    judged = one(
        owner,
        "SELECT count(*) FROM almanac.logs_predictions WHERE source = 'jobs' AND anomaly_kind = 'session'",
    )
    assert judged, "the sessions that no model knows had no part in this"


def test_what_a_run_knew_counts_and_is_not_more_than_it_needs(
    project: Project, owner: Database, made: list[str]
) -> None:
    change(owner, "DELETE FROM almanac.run_inputs WHERE run_id = :run AND name = 'sessions'", run=made[1])
    with pytest.raises(NotFound, match="not kept any more"):
        again(project, made[1])
    change(
        owner,
        "UPDATE almanac.run_inputs SET content = '\\x00' WHERE run_id = :run AND name = 'usage'",
        run=made[2],
    )
    with pytest.raises(BrokenChain, match="knew of usage was changed"):
        again(project, made[2])
    with owner.engine.begin() as connection:
        hashes = run_steps.results(connection, made[2], "predict")["shadow"]["known"]
        knew = kept_inputs.load(connection, CONTRACT, f"{made[2]}-shadow", hashes)
    assert {name: len(rows) for name, rows in knew.items()} == {"templates": 0, "usage": 0, "sessions": 0}, (
        "the shadow began here"
    )
    with owner.engine.begin() as connection:
        knew = kept_inputs.load(
            connection,
            CONTRACT,
            made[0],
            run_steps.results(connection, made[0], "predict")["staged"]["known"],
        )
    assert sum(len(rows) for rows in knew.values()) == 0


def test_verifying_tells_whether_what_a_run_knew_is_whole_changed_or_gone(
    project: Project, owner: Database, made: list[str]
) -> None:
    def known() -> list[tuple[str, str]]:
        # The registry of these tests has no files, so only this link is looked at.
        with owner.engine.begin() as connection:
            run = runs.get(connection, made[1])
            found = verify.Chain(project, run, run, run_steps.of_run(connection, made[1]), [], None)
        return [(link.state, link.detail) for link in verify._known(found)]

    assert known() == [("ok", "3 tables")]
    change(
        owner,
        "UPDATE almanac.run_inputs SET content = '\\x00' WHERE run_id = :run AND name = 'usage'",
        run=made[1],
    )
    assert known() == [("broken", "what it knew of usage was changed")]
    change(owner, "DELETE FROM almanac.run_inputs WHERE run_id = :run AND name = 'usage'", run=made[1])
    assert known() == [("pruned", "it went by retention, or with entries that were deleted")]


def test_what_a_run_knew_may_be_kept_again_and_the_last_counts(owner: Database, worker: Database) -> None:
    unscored = increments.unscored_entries(worker, CONTRACT, 1)
    for unscored.context in ({"usage": pd.DataFrame(columns=CONTRACT.side_tables[1].column_names)}, USED):
        told = kept_inputs.save(worker, "some-run", unscored)
    with owner.engine.begin() as connection:
        assert kept_inputs.hashes(connection, "some-run") == told
        assert kept_inputs.load(connection, CONTRACT, "some-run", told)["usage"]["entries"].tolist() == [7]


def test_a_thousand_sessions_that_are_alike_are_kept_as_one(log_model: LogModel) -> None:
    now = scoring.score(
        log_model, [numbered(jobs(0, 30))], scoring.nothing_past(), stamp=scoring.Stamp(1, BEGIN)
    )
    earlier = scoring.score(
        log_model, [numbered(jobs(3_000, 3_000))], scoring.nothing_past(), stamp=scoring.Stamp(1, BEGIN)
    )
    past = scoring.Past(earlier["templates"], earlier["usage"], earlier["sessions"])
    sessions = reproduction.dependencies(log_model, past, now)["sessions"]
    assert sorted(sessions["entries"]) == [25, 975]
    assert len(reproduction._spread(sessions)) == len(past.sessions) == 1000
    assert not sessions["session"].str.contains("job").any()


def test_entries_that_were_changed_are_told_from_entries_that_went(
    project: Project, owner: Database, made: list[str]
) -> None:
    change(owner, "UPDATE almanac.log_entries SET text = 'another text' WHERE entry_id = 1500")
    with pytest.raises(BrokenChain, match=r"that run .* has read were changed"):
        again(project, made[1])
    day = one(owner, "SELECT day FROM almanac.log_entries LIMIT 1")
    order = erasures.ErasureRequest(
        CONTRACT, partial(retention.drop_day, day=day), recount.repair, "retention", "old"
    )
    assert erasures.erase(owner, order) == 3897
    with pytest.raises(
        NotFound, match=r"Of the entries of run .* 0 are kept; the others went by retention or were deleted"
    ):
        again(project, made[2])


def test_deleting_entries_also_drops_what_later_runs_knew_of_them(
    project: Project, owner: Database, made: list[str]
) -> None:
    removing = deletion.by_conditions(["session=job-100", "source=jobs"])
    erasures.erase(
        owner,
        erasures.ErasureRequest(CONTRACT, removing, recount.repair, "tester", "asked for", drop_inputs=True),
    )
    assert again(project, made[0]).is_equal
    for run_id in made[1:]:
        with pytest.raises(NotFound, match="at once when entries from before are deleted"):
            again(project, run_id)


def test_what_runs_knew_goes_with_their_retention(project: Project, owner: Database, made: list[str]) -> None:
    prune.prune(owner, CONTRACT, now=datetime.now(UTC) + CONTRACT.retention)
    assert one(owner, "SELECT count(*) FROM almanac.run_inputs") == 0
