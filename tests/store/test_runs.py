"""Runs: a slot is taken once, a workload runs once at a time, an abandoned run is noticed."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from almanac.errors import NotFound, RunBusy
from almanac.run_columns import RUN_COLUMNS
from almanac.store.connections.database import Database
from almanac.store.records import run_steps, runs
from tests.queries import change, one, within
from tests.stub import STUB, begin

SLOT = datetime(2025, 4, 15, 6, tzinfo=UTC)


def new_run(**changes: Any) -> runs.NewRun:
    run = runs.NewRun("stub", SLOT, ("collect", "predict"), "full", "tester")
    return dataclasses.replace(run, **changes)


def finish_step(owner: Database, run_id: str, step: str, **results: object) -> None:
    """Start a step, report its results and end it well."""
    within(owner, run_steps.start, run_id, step)
    within(owner, run_steps.report, run_id, step, results)
    within(owner, run_steps.finish, run_id, step, {"status": "succeeded", "seconds": 1.5})


def test_a_run_id_names_the_slot_in_utc_and_the_kind() -> None:
    berlin = SLOT.astimezone(timezone(timedelta(hours=2)))
    assert runs.new_id(berlin)[:16] == "20250415t060000-"
    assert runs.new_id(SLOT, "shadow").endswith("-shadow")
    assert runs.new_id(SLOT) != runs.new_id(SLOT)


@pytest.mark.parametrize(("status", "is_free"), [("running", False), ("succeeded", False), ("failed", True)])
def test_a_slot_is_free_again_only_after_a_failure(owner: Database, status: str, is_free: bool) -> None:
    first = within(owner, runs.start, new_run())
    if status != "running":
        assert within(owner, runs.finish, first, status)
    second = within(owner, runs.start, new_run())
    assert (second is not None) == is_free
    assert within(owner, runs.in_slot, "stub", SLOT)["run_id"] == (second or first)


def test_other_slots_other_workloads_and_shadows_do_not_take_a_slot(owner: Database) -> None:
    within(owner, runs.start, new_run())
    other_slot, other_workload = {"slot": SLOT + timedelta(hours=6)}, {"workload": "football"}
    shadow = {"kind": "shadow"}
    for changes in (other_slot, other_workload, shadow, shadow):
        assert within(owner, runs.start, new_run(**changes))


def test_a_shadow_takes_no_slot_and_is_no_attempt_to_continue(owner: Database) -> None:
    shadow = within(owner, runs.start, new_run(kind="shadow"))
    assert within(owner, runs.in_slot, "stub", SLOT) is None
    within(owner, runs.finish, shadow, "failed", "broken")
    with pytest.raises(NotFound, match="has no failed attempt to continue"):
        within(owner, runs.last_failed, "stub", SLOT)


def test_of_many_processes_that_start_one_slot_one_wins(owner: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda _: within(owner, runs.start, new_run()), range(16)))
    assert len([run_id for run_id in started if run_id]) == 1


def test_two_runs_of_one_workload_never_overlap(owner: Database) -> None:
    with runs.exclusive(owner, "stub"):
        run_id = begin(owner)
        busy = rf"Another run of 'stub' is under way \(run {run_id}, since \d{{4}}-.* UTC\)\. Wait for"
        with pytest.raises(RunBusy, match=busy), runs.exclusive(owner, "stub"):
            raise AssertionError("two runs at once")
        with runs.exclusive(owner, "football"):
            pass
        assert within(owner, runs.get, run_id)["status"] == "running"
    with runs.exclusive(owner, "stub"):
        pass


def test_a_run_that_lost_its_lock_is_abandoned_with_its_step(owner: Database) -> None:
    lost, other = begin(owner), within(owner, runs.start, new_run(workload="football"))
    within(owner, run_steps.start, lost, "predict")
    with runs.exclusive(owner, "stub"):
        record = within(owner, runs.get, lost)
        (step,) = within(owner, run_steps.of_run, lost)
    assert (record["status"], record["reason"]) == ("failed", "abandoned: its process ended without a word")
    assert record["finished_at"] >= record["started_at"]
    assert (step["status"], step["reason"]) == ("failed", "abandoned: its process ended without a word")
    assert within(owner, runs.get, other)["status"] == "running"


def test_a_run_ends_once(owner: Database) -> None:
    run_id = begin(owner)
    assert within(owner, runs.finish, run_id, "failed", "first")
    assert not within(owner, runs.finish, run_id, "succeeded")
    within(owner, runs.update, run_id, runs.RunUpdate(source="too late"))
    record = within(owner, runs.get, run_id)
    assert (record["status"], record["reason"], record["source"]) == ("failed", "first", None)


def test_an_update_leaves_the_columns_that_are_none(owner: Database) -> None:
    run_id = begin(owner)
    within(owner, runs.update, run_id, runs.RunUpdate(source="openfootball", demo=True))
    within(owner, runs.update, run_id, runs.RunUpdate())
    within(owner, runs.finish, run_id, "succeeded", update=runs.RunUpdate(rows=0, demo=None))
    record = within(owner, runs.get, run_id)
    assert (record["source"], record["demo"], record["rows"]) == ("openfootball", True, 0)


def test_a_unique_beginning_of_a_run_id_is_enough(owner: Database) -> None:
    morning = ("20250415t060000-aa", "20250415t060000-aa-shadow", "20250415t060000-ab_")
    for run_id in (*morning, "20250415t120000-cc"):
        within(owner, runs.start, new_run(kind="shadow"), run_id)
    assert within(owner, runs.get, "20250415t12")["run_id"] == "20250415t120000-cc"
    assert within(owner, runs.get, "20250415t060000-aa")["run_id"] == "20250415t060000-aa"
    with pytest.raises(NotFound, match="'20250415t06' is the beginning of several runs"):
        within(owner, runs.get, "20250415t06")
    for unknown in ("2024", "%", "20250415t060000_", ""):
        with pytest.raises(NotFound, match="is not a run"):
            within(owner, runs.get, unknown)


def test_the_newest_runs_come_first_and_can_be_filtered(owner: Database) -> None:
    first, second = begin(owner), begin(owner)
    within(owner, runs.finish, first, "failed", "broken")
    football = within(owner, runs.start, new_run(workload="football"))
    assert [run["run_id"] for run in within(owner, runs.newest)] == [football, second, first]
    assert [run["run_id"] for run in within(owner, runs.newest, "stub", limit=1)] == [second]
    assert [run["run_id"] for run in within(owner, runs.newest, "stub", status="failed")] == [first]


def test_a_running_step_reports_and_its_results_are_merged(owner: Database) -> None:
    run_id = begin(owner)
    within(owner, run_steps.start, run_id, "collect")
    within(owner, run_steps.report, run_id, "collect", {"rows": 1, "kept": {"a": 1}})
    within(owner, run_steps.report, run_id, "collect", {"rows": 2})
    with pytest.raises(NotFound, match="Neither run"):
        within(owner, run_steps.results, run_id, "collect")
    within(owner, run_steps.finish, run_id, "collect", {"status": "succeeded"})
    assert within(owner, run_steps.results, run_id, "collect") == {"rows": 2, "kept": {"a": 1}}
    for step in ("collect", "train"):
        with pytest.raises(NotFound, match=rf"Step '{step}' of run '{run_id}' is not running"):
            within(owner, run_steps.report, run_id, step, {"rows": 3})


def test_an_attempt_continues_with_the_results_of_those_before_it(owner: Database) -> None:
    first = within(owner, runs.start, new_run())
    finish_step(owner, first, "collect", rows=7)
    finish_step(owner, first, "train", model_version=1)
    within(owner, runs.finish, first, "failed", "broken")
    assert within(owner, runs.last_failed, "stub", SLOT)["run_id"] == first
    second = within(owner, runs.start, new_run(parent_run_id=first))
    finish_step(owner, second, "train", model_version=2)
    within(owner, runs.finish, second, "failed", "broken again")
    third = within(owner, runs.start, new_run(parent_run_id=second))
    assert within(owner, run_steps.results, third, "collect") == {"rows": 7}
    assert within(owner, run_steps.results, third, "train") == {"model_version": 2}
    with pytest.raises(
        NotFound, match=r"have finished the step 'evaluate'\. Use --from evaluate, or run all steps"
    ):
        within(owner, run_steps.results, third, "evaluate")


def test_a_slot_without_a_failed_attempt_has_nothing_to_continue(owner: Database) -> None:
    within(owner, runs.start, new_run())
    refusal = r"Slot 2025-04-15T06:00Z of 'stub' has no failed attempt to continue\. Run all its steps\.$"
    with pytest.raises(NotFound, match=refusal):
        within(owner, runs.last_failed, "stub", SLOT)


def test_a_failed_attempt_at_another_slot_is_named_with_its_slot(owner: Database) -> None:
    forced = SLOT.replace(minute=3, second=5, microsecond=123456)
    failed = within(owner, runs.start, new_run(slot=forced))
    within(owner, runs.finish, failed, "failed", "broken")
    with pytest.raises(
        NotFound, match=f"continue run {failed} with --slot 2025-04-15T06:03:05\\.123456\\+00:00"
    ):
        within(owner, runs.last_failed, "stub", SLOT)
    assert within(owner, runs.last_failed, "stub", forced)["run_id"] == failed


def test_the_hash_of_a_record_changes_with_everything_but_pruning_and_absorbing(owner: Database) -> None:
    run_id = begin(owner)
    finish_step(owner, run_id, "predict", rows=1)
    before = within(owner, runs.record_hash, run_id)
    change(owner, "UPDATE almanac.runs SET pruned_at = now(), absorbed_by = 'a later run'")
    assert within(owner, runs.record_hash, run_id) == before
    for statement in (
        "UPDATE almanac.run_steps SET seconds = 1.25",
        "UPDATE almanac.runs SET python = '3.9'",
    ):
        change(owner, statement)
        assert within(owner, runs.record_hash, run_id) != before
        before = within(owner, runs.record_hash, run_id)


def test_the_rows_of_a_run_are_absorbed_once(owner: Database) -> None:
    early, pruned, first, second = (begin(owner) for _ in range(4))
    change(owner, "UPDATE almanac.runs SET pruned_at = now() WHERE run_id = :run", run=pruned)
    assert within(owner, runs.absorb, first, [early])
    assert not within(owner, runs.absorb, second, [early])
    assert not within(owner, runs.absorb, second, [pruned])
    assert within(owner, runs.get, early)["absorbed_by"] == first


def test_a_status_is_one_of_three(owner: Database) -> None:
    run_id = begin(owner)
    with pytest.raises(Exception, match="status_is_known"):
        within(owner, runs.finish, run_id, "done")
    assert one(owner, "SELECT status FROM almanac.runs WHERE workload = :name", name=STUB.name) == "running"


def test_every_column_of_a_run_is_written_by_its_start_by_its_update_or_by_the_store() -> None:
    at_start = {field.name for field in dataclasses.fields(runs.NewRun)}
    later = {field.name for field in dataclasses.fields(runs.RunUpdate)}
    by_the_store = {"run_id", "status", "reason", "started_at", "finished_at", "pruned_at", "absorbed_by"}
    assert not at_start & later
    assert at_start | later | by_the_store == {column.name for column in RUN_COLUMNS}
