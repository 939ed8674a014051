"""Retention: old rows are dropped without stopping readers; live and previous runs and all records stay."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest
from psycopg import sql

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.records import ledger, releases, runs
from tests.queries import live, one, rows, within
from tests.stub import STUB, content, release

DETACH = sql.SQL("ALTER TABLE almanac.stub_predictions DETACH PARTITION {} CONCURRENTLY")
LATER = datetime.now(UTC) + STUB.retention + timedelta(hours=1)


def runs_with_rows(owner: Database) -> set[str]:
    """Return the runs that have rows, the same ones in both released tables."""
    predictions, totals = (
        {run for (run,) in rows(owner, f"SELECT DISTINCT run_id FROM almanac.stub_{table}")}
        for table in ("predictions", "totals")
    )
    assert predictions == totals
    return predictions


def partition(run_id: str) -> str:
    return f"stub_predictions_{run_id.replace('-', '_')}"


def test_runs_past_retention_are_pruned_except_the_live_and_the_previous_one(owner: Database) -> None:
    old, older, previous, current = (release(owner) for _ in range(4))
    assert prune.prune(owner, STUB) == [], "nothing is past retention yet"
    assert set(prune.prune(owner, STUB, now=LATER)) == {old, older}
    assert runs_with_rows(owner) == {previous, current}
    assert prune.prune(owner, STUB, now=LATER) == []
    for run_id in (old, older):
        assert one(owner, "SELECT to_regclass(:name) IS NULL", name=f"almanac.{partition(run_id)}")


def test_pruning_leaves_records_and_ledger(owner: Database, reader: Database) -> None:
    old, _, _ = release(owner), release(owner), release(owner)
    moment = within(owner, releases.of_run, old)[0][0]["released_at"]
    prune.prune(owner, STUB, now=LATER)
    answering = within(owner, releases.live, "stub", moment)
    assert answering is not None
    assert answering["run_id"] == old
    first = rows(reader, "SELECT run_id, pruned_at IS NOT NULL FROM api.releases ORDER BY release_id")[0]
    assert first == (old, True)
    assert within(owner, runs.get, old)["status"] == "succeeded"
    assert within(owner, releases.of_run, old)[0][0]["run_hash"] == within(owner, runs.record_hash, old)
    with pytest.raises(UsageError, match=r"were pruned at .* and cannot be released again"):
        within(owner, ledger.rollback, "stub", who="tester", to=old)


def test_the_run_of_a_rollback_stays_however_often_the_live_run_was_released(
    owner: Database,
) -> None:
    before, current = release(owner), release(owner)
    for _ in range(3):
        within(owner, ledger.append, ledger.NewRelease(current, "promote", "tester", "again"))
    assert prune.prune(owner, STUB, now=LATER) == []
    within(owner, ledger.rollback, "stub", who="tester")
    assert live(owner)["run_id"] == before


def test_after_a_rollback_the_newer_run_stays(owner: Database) -> None:
    _, second, third = release(owner), release(owner), release(owner)
    within(owner, ledger.rollback, "stub", who="tester")
    prune.prune(owner, STUB, now=LATER)
    assert runs_with_rows(owner) == {second, third}


def test_unreleased_runs_are_pruned_too(owner: Database) -> None:
    shadow, current = release(owner, why=None), release(owner)
    assert prune.prune(owner, STUB, now=LATER) == [shadow]
    assert runs_with_rows(owner) == {current}


def test_the_runs_of_another_workload_are_left_alone(owner: Database) -> None:
    release(owner)
    football = runs.NewRun("football", live(owner)["released_at"], ("predict",), "full", "tester")
    other = within(owner, runs.start, football)
    within(owner, runs.finish, other, "succeeded", update=runs.RunUpdate(rows=1))
    assert prune.prune(owner, STUB, now=LATER) == []
    assert within(owner, runs.get, other)["pruned_at"] is None


def test_errors_other_than_locks_are_raised(owner: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise psycopg.OperationalError("disk full")

    monkeypatch.setattr(prune, "_drop_partition", failing)
    for _ in range(3):
        release(owner)
    with pytest.raises(psycopg.OperationalError, match="disk full"):
        prune.prune(owner, STUB, now=LATER)


def test_rows_that_a_crash_left_after_the_mark_go_with_the_next_call(
    owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _, current = release(owner), release(owner), release(owner)
    with monkeypatch.context() as crashing:
        crashing.setattr(prune, "_drop", lambda *_: None)
        assert prune.prune(owner, STUB, now=LATER) == [old]
    assert old in runs_with_rows(owner)
    assert prune.prune(owner, STUB, now=LATER) == []
    assert old not in runs_with_rows(owner)
    assert live(owner)["run_id"] == current


def test_an_interrupted_detach_is_finished_by_the_next_call(owner: Database, reader: Database) -> None:
    old, older = release(owner), release(owner)
    release(owner)
    release(owner)
    with reader.connect() as connection:
        connection.execute("SELECT count(*) FROM api.stub_predictions")
        with owner.connect(autocommit=True) as interrupted:
            interrupted.execute("SET statement_timeout = '200ms'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                interrupted.execute(DETACH.format(sql.Identifier("almanac", partition(old))))
    assert one(owner, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1
    assert set(prune.prune(owner, STUB, now=LATER)) == {old, older}
    assert len(runs_with_rows(owner)) == 2
    assert one(owner, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 0


def test_rows_that_a_reader_has_locked_go_with_the_next_call(
    owner: Database, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "LOCK_TIMEOUT", "100ms")
    old, second, third = (release(owner, content(3)) for _ in range(3))
    with reader.connect() as connection:
        assert connection.execute("SELECT count(*) FROM api.stub_predictions").fetchone() == (9,)
        assert prune.prune(owner, STUB, now=LATER) == [old]
        count = "SELECT count(*) FROM api.stub_predictions WHERE run_id = %s"
        assert connection.execute(count, [third]).fetchone() == (3,)
    prune.prune(owner, STUB, now=LATER)
    assert runs_with_rows(owner) == {second, third}
    assert one(owner, "SELECT to_regclass(:name) IS NULL", name=f"almanac.{partition(old)}")


def test_several_processes_may_prune_at_once(owner: Database) -> None:
    old = [release(owner) for _ in range(6)][:4]
    together = Barrier(3)

    def call(_number: int) -> list[str]:
        together.wait()
        return prune.prune(owner, STUB, now=LATER)

    with ThreadPoolExecutor(3) as pool:
        pruned = [run_id for run_ids in pool.map(call, range(3)) for run_id in run_ids]
    prune.prune(owner, STUB, now=LATER)
    assert sorted(pruned) == sorted(old)
    assert not runs_with_rows(owner) & set(old)
