"""The ledger: append-only, chained by hashes, and its newest row is live."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from almanac.errors import NotFound, UsageError
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import ledger, releases, runs
from tests.queries import change, live, one, rows, within
from tests.stub import STUB, begin, content, release, update_for

WRITE_DECISION = """
    INSERT INTO almanac.decisions (workload, promoted, reason, who) VALUES ('stub', true, 'better', 'tester')
"""
WRITE_ERASURE = """
    INSERT INTO almanac.erasures (workload, rows, who, why) VALUES ('stub', 1, 'tester', 'asked for it')
"""
SET_PRUNED = "UPDATE almanac.runs SET pruned_at = '2025-04-15T06:00Z' WHERE run_id = :run"
SUCCEED = """
    UPDATE almanac.runs SET status = 'succeeded', rows = 1, demo = false, simulated = false
    WHERE run_id = :run
"""
ADD_FOOTBALL = """
    INSERT INTO almanac.workloads (workload, contract) VALUES ('football', '{}') ON CONFLICT DO NOTHING
"""


def begin_football(owner: Database) -> str:
    run = runs.NewRun("football", live(owner)["released_at"], ("predict",), "full", "tester")
    run_id = within(owner, runs.start, run)
    assert run_id is not None
    return run_id


def rollback(owner: Database, **named: str) -> int:
    return within(owner, ledger.rollback, "stub", who="tester", **named)


def publish_as(owner: Database, **kind: bool) -> str:
    """Publish a run of demo or simulated data and return its id."""
    run_id = begin(owner)
    staged = staging.stage(owner, STUB, run_id, content(3))
    publish.publish(owner, publish.PublishRequest(STUB, run_id, update_for(staged, **kind), "test"))
    return run_id


@pytest.mark.parametrize("table", ["releases", "decisions", "erasures"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE almanac.{} SET who = 'somebody else'", "DELETE FROM almanac.{}", "TRUNCATE almanac.{}"],
)
def test_no_role_can_change_a_written_release(owner: Database, table: str, statement: str) -> None:
    release(owner)
    change(owner, WRITE_DECISION)
    change(owner, WRITE_ERASURE)
    with pytest.raises(sa.exc.DBAPIError, match=rf"table almanac\.{table} is append-only"):
        change(owner, statement.format(table))
    assert one(owner, f"SELECT count(*) FROM almanac.{table}") == 1


def test_each_release_names_the_previous_one_and_covers_its_hash(owner: Database) -> None:
    release(owner)
    release(owner)
    second, first = within(owner, releases.newest, "stub")
    assert (first["previous_release_id"], second["previous_release_id"]) == (None, first["release_id"])
    assert first["release_hash"] == releases.release_hash(first, None)
    assert second["release_hash"] == releases.release_hash(second, first)
    for name in second.keys() - {"release_id", "release_hash"}:
        assert second["release_hash"] != releases.release_hash(dict(second) | {name: "another"}, first), name
    other: Any = dict(first) | {"release_hash": "0" * 64}
    assert second["release_hash"] != releases.release_hash(second, other)


def test_as_of_returns_the_release_that_was_live_at_that_instant(owner: Database) -> None:
    first, second = release(owner), release(owner)
    at = {row["run_id"]: row["released_at"] for row in within(owner, releases.newest, "stub")}
    moments = {
        at[first]: first,
        at[second] - timedelta(microseconds=1): first,
        at[second]: second,
        at[second] + timedelta(days=1): second,
    }
    for moment, run_id in moments.items():
        answering = within(owner, releases.live, "stub", moment)
        assert answering is not None
        assert answering["run_id"] == run_id
    assert within(owner, releases.live, "stub", at[first] - timedelta(microseconds=1)) is None


def test_a_rollback_releases_the_run_before_and_holds_the_workload(owner: Database) -> None:
    first, second = release(owner, version=1), release(owner, version=2)
    newest = live(owner)["release_id"]
    rollback(owner)
    row = live(owner)
    assert (row["run_id"], row["model_version"], row["kind"], row["who"]) == (first, 1, "rollback", "tester")
    assert (row["previous_release_id"], row["why"]) == (newest, f"rolled back from release {newest}")
    assert within(owner, releases.is_on_hold, "stub")
    release(owner)
    assert live(owner)["run_id"] == first
    assert second != first


def test_resuming_ends_the_hold(owner: Database) -> None:
    release(owner)
    release(owner)
    rollback(owner)
    within(owner, ledger.set_hold, "stub", on_hold=False)
    newest = release(owner)
    assert live(owner)["run_id"] == newest


def test_a_rollback_may_name_the_run_by_the_beginning_of_its_id(owner: Database) -> None:
    first = release(owner)
    release(owner)
    release(owner)
    rollback(owner, to=first[:-2])
    assert live(owner)["run_id"] == first


def test_a_second_rollback_goes_back_to_where_the_first_came_from(owner: Database) -> None:
    _, second, third = release(owner), release(owner), release(owner)
    rollback(owner)
    assert live(owner)["run_id"] == second
    rollback(owner)
    assert live(owner)["run_id"] == third


def test_a_rollback_passes_over_a_pruned_run(owner: Database) -> None:
    first, second, _ = release(owner), release(owner), release(owner)
    change(owner, SET_PRUNED, run=second)
    rollback(owner)
    assert live(owner)["run_id"] == first


def test_there_is_nothing_to_roll_back_before_the_second_release(owner: Database) -> None:
    with pytest.raises(NotFound, match="'stub' has no release yet"):
        rollback(owner)
    release(owner)
    with pytest.raises(NotFound, match="is the first that is kept; there is no earlier run to go back to"):
        rollback(owner)
    assert not within(owner, releases.is_on_hold, "stub")


def test_a_run_without_a_complete_set_of_predictions_is_never_released(owner: Database) -> None:
    old = release(owner)
    running, failed, empty, pruned = begin(owner), begin(owner), begin(owner), release(owner, why=None)
    within(owner, runs.finish, failed, "failed", "broken")
    within(owner, runs.finish, empty, "succeeded")
    change(owner, SET_PRUNED, run=pruned)
    reasons = {
        running: r"\(running, 0 rows\) has no complete set",
        failed: r"\(failed, 0 rows\) has no complete set",
        empty: r"\(succeeded, 0 rows\) has no complete set",
        pruned: r"were pruned at 2025-04-15 06:00 UTC and cannot be released again",
    }
    for run_id, reason in reasons.items():
        with pytest.raises(UsageError, match=reason):
            within(owner, ledger.append, ledger.NewRelease(run_id, "promote", "tester", "why not"))
        with pytest.raises(UsageError, match=reason):
            rollback(owner, to=run_id)
    assert live(owner)["run_id"] == old


def test_a_version_whose_runs_were_pruned_has_no_run_to_release(owner: Database) -> None:
    first = release(owner, version=1)
    # A run of the step `train` alone has a version and no rows.
    within(owner, runs.finish, begin(owner), "succeeded", update=runs.RunUpdate(model_version=1))
    other = release(owner, version=2, why=None)
    change(owner, SET_PRUNED, run=other)
    assert within(owner, runs.newest_of_version, "stub", 1)["run_id"] == first
    assert within(owner, runs.newest_of_version, "stub", 2) is None
    assert within(owner, runs.newest_of_version, "stub", 3) is None


KINDS = {"simulated": {"simulated": True}, "demo": {"demo": True}, "real": {}}
ORDER = list(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("newcomer", KINDS)
@pytest.mark.parametrize("answering", KINDS)
def test_simulated_never_replaces_demo_and_neither_ever_replaces_real(
    owner: Database, answering: str, newcomer: str
) -> None:
    old = publish_as(owner, **KINDS[answering])
    if ORDER.index(newcomer) >= ORDER.index(answering):
        new = publish_as(owner, **KINDS[newcomer])
        assert live(owner)["run_id"] == new
    else:
        refusal = rf"'stub' is answered from {answering} release \d+; a {newcomer} run never replaces it"
        with pytest.raises(UsageError, match=refusal):
            publish_as(owner, **KINDS[newcomer])
        assert live(owner)["run_id"] == old
        origin = {"demo": False, "simulated": False} | KINDS[newcomer]
        with pytest.raises(UsageError, match="never replaces it"):
            within(owner, ledger.refuse_downgrade, "stub", **origin)


def test_simulated_predictions_of_a_demo_rank_as_simulated(owner: Database) -> None:
    demo = publish_as(owner, demo=True)
    with pytest.raises(UsageError, match="a simulated run never replaces it"):
        publish_as(owner, demo=True, simulated=True)
    assert live(owner)["run_id"] == demo


def test_releases_and_holds_of_another_workload_change_nothing(owner: Database) -> None:
    first = release(owner)
    other = begin_football(owner)
    change(owner, SUCCEED, run=other)
    within(owner, ledger.append, ledger.NewRelease(other, "publish", "tester", "another"))
    second = release(owner)
    change(owner, ADD_FOOTBALL)
    within(owner, ledger.set_hold, "football", on_hold=True)
    assert (live(owner)["run_id"], within(owner, releases.live, "football")["run_id"]) == (second, other)
    assert [row["run_id"] for row in within(owner, releases.newest, "stub")] == [second, first]
    assert [within(owner, releases.is_on_hold, name) for name in ("stub", "football")] == [False, True]
    rollback(owner)
    assert live(owner)["run_id"] == first
    within(owner, ledger.set_hold, "stub", on_hold=False)
    assert [within(owner, releases.is_on_hold, name) for name in ("stub", "football")] == [False, True]


def test_a_rollback_never_goes_from_real_to_demo(owner: Database) -> None:
    publish_as(owner, demo=True)
    real = publish_as(owner)
    with pytest.raises(
        UsageError, match=r"a demo run never replaces it.*because its sources have nothing for"
    ):
        rollback(owner)
    assert live(owner)["run_id"] == real


def test_a_run_of_another_workload_is_refused(owner: Database) -> None:
    release(owner)
    release(owner)
    other = begin_football(owner)
    with pytest.raises(UsageError, match=rf"Run {other} belongs to 'football', not to 'stub'"):
        rollback(owner, to=other)


def test_servers_are_notified_of_a_release_once_it_is_committed(owner: Database, reader: Database) -> None:
    with reader.connect(autocommit=True) as listener:
        listener.execute(f"LISTEN {ledger.CHANNEL}".encode())
        release(owner)
        payloads = [notice.payload for notice in listener.notifies(timeout=2, stop_after=1)]
    assert payloads == [f"stub {live(owner)['release_id']}"]


def test_the_releases_of_a_run_come_with_the_release_before_each(owner: Database) -> None:
    first, _ = release(owner), release(owner)
    rollback(owner)
    pairs = [
        (row["release_id"], previous["release_id"] if previous else None)
        for row, previous in within(owner, releases.of_run, first)
    ]
    ids = [number for (number,) in rows(owner, "SELECT release_id FROM almanac.releases ORDER BY 1")]
    assert pairs == [(ids[0], None), (ids[2], ids[1])]
