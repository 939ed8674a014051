"""Publishing: a run becomes visible and live in one transaction, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from almanac.errors import AuditFailed, DatabaseError, RunFenced, UsageError
from almanac.store.connections import locks
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, published, staging, staging_tables
from almanac.store.records import ledger, runs
from almanac.store.schema.tables import SCHEMA
from tests.queries import change, live, one, rows, staged_tables, within
from tests.stub import STUB, begin, content, release, update_for

# The planner evaluates an immutable function, so that a release comes between plan and snapshot of one
# statement.
MAKE_PAUSE = """
    CREATE FUNCTION api.a_pause() RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep(1); RETURN 0; END $$;
    GRANT EXECUTE ON FUNCTION api.a_pause() TO almanac_reader
"""
COUNT_AFTER_PAUSE = """
    WITH seen AS MATERIALIZED (SELECT count(*) AS n FROM api.stub_live),
         paused AS MATERIALIZED (SELECT api.a_pause() AS n)
    SELECT seen.n + paused.n FROM seen, paused
"""
IS_PLANNED = """
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE relation = to_regclass('almanac.stub_predictions') AND mode = 'AccessShareLock'
    )
"""
SET_WORD = "UPDATE almanac.stub_predictions SET word = :word WHERE item = 'item-0000003'"
INDEXES = "SELECT indexrelid FROM pg_index ORDER BY 1"


@pytest.fixture
def staged(owner: Database, worker: Database) -> publish.PublishRequest:
    """A run whose ten rows are staged, and the request to publish it."""
    run_id = begin(owner)
    staged = staging.stage(worker, STUB, run_id, content(10))
    return publish.PublishRequest(STUB, run_id, update_for(staged), "test")


def table_of(request: publish.PublishRequest, table: str = "predictions") -> str:
    return f"staging.stub_{table}_{request.run_id.replace('-', '_')}"


def test_publishing_attaches_the_rows_and_releases_them_together(
    owner: Database, reader: Database, staged: publish.PublishRequest
) -> None:
    seen = []

    def look(point: str) -> None:
        rows_seen = one(reader, "SELECT count(*) FROM api.stub_predictions")
        seen.append((point, rows_seen, one(reader, "SELECT count(*) FROM api.releases")))

    publication = publish.publish(owner, staged, at=look)
    assert seen == [("after_audit", 0, 0), ("before_commit", 0, 0), ("after_commit", 10, 1)]
    assert live(owner)["release_id"] == publication.release_id
    assert staged_tables(owner) == []
    assert one(owner, "SELECT status FROM almanac.runs WHERE run_id = :run", run=staged.run_id) == "succeeded"


def test_a_statement_planned_before_a_release_is_answered_from_the_one_before(
    owner: Database, reader: Database
) -> None:
    release(owner, content(10))
    change(owner, MAKE_PAUSE)
    with ThreadPoolExecutor(1) as pool:
        statement = pool.submit(one, reader, COUNT_AFTER_PAUSE)
        while not one(owner, IS_PLANNED):
            assert not statement.done(), "the statement ended before the release"
        release(owner, content(7))
        assert not statement.done(), "the release came between"
    assert statement.result() == 10
    assert one(reader, "SELECT count(*) FROM api.stub_live") == 7


def test_attaching_neither_scans_the_rows_nor_builds_an_index(
    owner: Database, staged: publish.PublishRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    attach = publish._attach

    def listening(connection: psycopg.Connection[tuple[object, ...]], *arguments: object) -> None:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("SET LOCAL client_min_messages = debug1")
        before = connection.execute(INDEXES).fetchall()
        attach(connection, *arguments)  # type: ignore[arg-type]
        assert connection.execute(INDEXES).fetchall() == before

    monkeypatch.setattr(publish, "_attach", listening)
    publish.publish(owner, staged)
    implied = [text for text in notices if "is implied by existing constraints" in text]
    assert any("stub_predictions" in text for text in implied)
    assert [text for text in notices if "verifying table" in text] == []


def test_the_record_of_a_published_run_is_sealed_by_its_release(
    owner: Database, staged: publish.PublishRequest
) -> None:
    publish.publish(owner, staged)
    row = live(owner)
    run = within(owner, runs.get, staged.run_id)
    assert (row["run_id"], row["run_ids"]) == (staged.run_id, [staged.run_id])
    assert (row["kind"], row["who"], row["why"]) == ("publish", "tester", "test")
    assert (run["rows"], run["model_version"]) == (10, 1)
    assert (run["source"], str(run["data_as_of"])) == ("tests", "2025-04-15")
    assert row["run_hash"] == within(owner, runs.record_hash, staged.run_id)
    change(owner, "UPDATE almanac.runs SET source = 'elsewhere' WHERE run_id = :run", run=staged.run_id)
    assert row["run_hash"] != within(owner, runs.record_hash, staged.run_id)


def test_the_hash_of_published_rows_is_the_hash_of_staged_rows_until_one_is_changed(
    owner: Database, staged: publish.PublishRequest
) -> None:
    publish.publish(owner, staged)

    def published_hash() -> str:
        with owner.connect() as connection:
            return publish.staged_hash(connection, STUB, staged.run_id, SCHEMA)

    assert published_hash() == staged.update.prediction_hash
    for word in ("moved", "first"):
        change(owner, SET_WORD, word=word)
    assert published_hash() == staged.update.prediction_hash, "the place of a row in its table does not count"
    change(owner, "UPDATE almanac.stub_predictions SET up = up + 0.000001 WHERE item = 'item-0000003'")
    assert published_hash() != staged.update.prediction_hash


CORRUPTIONS = [
    "UPDATE {predictions} SET up = 0.25, down = 0.75 WHERE item = 'item-0000003'",
    "DELETE FROM {predictions} WHERE item = 'item-0000009'",
    "INSERT INTO {predictions} SELECT run_id, 'new', day, up, down, word, extra FROM {predictions} LIMIT 1",
    "UPDATE {predictions} SET extra = '{{}}' WHERE item = 'item-0000003'",
    "UPDATE {totals} SET value = 11",
    "TRUNCATE {predictions}",
]


@pytest.mark.slow
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_other_rows_than_those_audited_are_refused_and_the_old_release_answers(
    owner: Database, worker: Database, reader: Database, corruption: str
) -> None:
    old = release(owner, content(3, word="old"))
    run_id = begin(owner)
    staged = staging.stage(worker, STUB, run_id, content(10, word="new"))
    request = publish.PublishRequest(STUB, run_id, update_for(staged), "test")
    change(worker, corruption.format(predictions=table_of(request), totals=table_of(request, "totals")))
    refusal = rf"The staged rows of run {run_id} are not the rows that were audited; nothing was published"
    with pytest.raises(AuditFailed, match=refusal):
        publish.publish(owner, request)
    assert live(owner)["run_id"] == old
    assert rows(reader, "SELECT word, count(*) FROM api.stub_live GROUP BY 1") == [("old", 3)]


def test_the_worker_cannot_touch_the_rows_once_publishing_has_begun(
    owner: Database, worker: Database, staged: publish.PublishRequest
) -> None:
    refused = []

    def update_rows(point: str) -> None:
        if point == "after_audit":
            with worker.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"UPDATE {table_of(staged)} SET up = 0".encode())
            refused.append(point)

    publish.publish(owner, staged, at=update_rows)
    assert refused == ["after_audit"]


def test_a_run_that_staged_nothing_has_nothing_to_publish(
    owner: Database, staged: publish.PublishRequest
) -> None:
    staging_tables.discard(owner, STUB, staged.run_id)
    with pytest.raises(AuditFailed, match=rf"Run {staged.run_id} has staged no predictions"):
        publish.publish(owner, staged)


def test_a_run_that_is_no_longer_running_cannot_publish(
    owner: Database, staged: publish.PublishRequest
) -> None:
    refusal = rf"Run {staged.run_id} is failed, no longer running; it may not publish"
    with runs.exclusive(owner, "stub"), pytest.raises(RunFenced, match=refusal):
        publish.publish(owner, staged)
    assert one(owner, "SELECT count(*) FROM almanac.stub_predictions") == 0
    assert one(owner, "SELECT count(*) FROM almanac.releases") == 0


def test_a_run_is_published_once(owner: Database, staged: publish.PublishRequest) -> None:
    publish.publish(owner, staged)
    with pytest.raises(AuditFailed, match="has staged no predictions"):
        publish.publish(owner, staged)
    assert one(owner, "SELECT count(*) FROM almanac.releases") == 1


def test_a_run_without_a_reason_is_published_without_a_release(
    owner: Database, reader: Database, staged: publish.PublishRequest
) -> None:
    publication = publish.publish(owner, replace(staged, why=None))
    assert publication == publish.Publication(None, "kept without being released")
    assert one(reader, "SELECT count(*) FROM api.stub_predictions") == 10
    assert one(reader, "SELECT count(*) FROM api.stub_live") == 0


def test_a_workload_on_hold_publishes_without_releasing(
    owner: Database, staged: publish.PublishRequest
) -> None:
    old = release(owner)
    within(owner, ledger.set_hold, "stub", on_hold=True)
    publication = publish.publish(owner, staged)
    assert publication.release_id is None
    assert publication.reason.startswith("'stub' is on hold after a rollback; promote a version or resume")
    assert live(owner)["run_id"] == old


def test_a_demo_run_leaves_neither_rows_nor_release_where_a_real_one_answers(
    owner: Database, staged: publish.PublishRequest
) -> None:
    real = release(owner)
    with pytest.raises(UsageError, match="a demo run never replaces it"):
        publish.publish(owner, replace(staged, update=replace(staged.update, demo=True)))
    assert one(owner, "SELECT array_agg(DISTINCT run_id) FROM almanac.stub_predictions") == [real]
    assert within(owner, runs.get, staged.run_id)["status"] == "running"


def test_publishing_waits_for_a_lock_and_tries_again(
    owner: Database, staged: publish.PublishRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", "20ms")
    attempts = []
    attach = publish._attach
    with owner.connect() as blocker:
        blocker.execute("LOCK TABLE almanac.stub_totals IN ACCESS EXCLUSIVE MODE")

        def counting(*arguments: object) -> None:
            attempts.append(1)
            if len(attempts) == 3:
                blocker.rollback()
            attach(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(publish, "_attach", counting)
        assert publish.publish(owner, staged).release_id
    assert len(attempts) == 3


def test_a_lock_that_never_comes_is_reported_with_the_way_out(
    owner: Database, staged: publish.PublishRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(locks, "ATTEMPTS", 2)
    with owner.connect() as blocker:
        blocker.execute("LOCK TABLE almanac.stub_predictions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            DatabaseError, match=r"A lock was not to be had in 2 attempts of 20ms each.*pg_stat_activity"
        ):
            publish.publish(owner, staged)
    assert publish.publish(owner, staged).release_id, "the run may try again"


def test_published_rows_come_back_as_a_frame_in_the_order_of_the_contract(owner: Database) -> None:
    run_id = release(owner, content(9))
    predictions = published.read_run(owner, STUB, "predictions", run_id)
    # By day, then by item.
    assert predictions["item"].str[-1].tolist() == ["0", "7", "1", "8", "2", "3", "4", "5", "6"]
    totals = published.read_run(owner, STUB, "totals", run_id)
    assert totals.to_dict("list") == {"name": ["rows"], "value": [9]}
