"""Kills, races and rollbacks while readers run: every answer is one whole run, and a slot succeeds once."""

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from almanac.store.connections.database import Database
from almanac.store.records import ledger, releases
from tests.queries import live, one, rows, staged_tables, within
from tests.store.processes import (
    POINTS,
    Watch,
    attempt,
    attempt_soon,
    publish_and_die,
    publish_for_ever,
    schedule,
    started,
    watched,
)
from tests.stub import content, release

pytestmark = pytest.mark.slow
SUCCEEDED_RUNS = "SELECT array_agg(run_id ORDER BY finished_at) FROM almanac.runs WHERE status = 'succeeded'"
MILLION = 1_000_000
heavy = [pytest.mark.faults, pytest.mark.timeout(3600)]


def word(owner: Database) -> str:
    """Return the word of the live rows."""
    return str(one(owner, "SELECT min(word) FROM api.stub_live"))


def count_runs(owner: Database) -> int:
    return int(one(owner, "SELECT count(*) FROM almanac.runs"))


def assert_whole_runs(watch: Watch) -> None:
    """Fail where a reader saw a mixture or a part of a run, or where there was no reader."""
    assert watch.violations == []
    assert watch.answers > 0


@pytest.mark.parametrize("size", [2_000, pytest.param(MILLION, marks=heavy)])
@pytest.mark.parametrize("point", POINTS)
def test_a_publisher_killed_at_a_named_point_leaves_one_whole_run(
    owner: Database, reader: Database, point: str, size: int
) -> None:
    old = release(owner, content(size, word="old"))
    with watched(reader) as watch:
        killed = started(publish_and_die, owner.url, "new", size, point)
        killed.join()
        expected = "new" if point == "after_commit" else "old"
        assert (killed.exitcode, word(owner)) == (-signal.SIGKILL, expected)
        assert (live(owner)["run_id"] == old) == (expected == "old")
        assert attempt_soon(owner, content(size, word="next")), "the killed run does not stop the next one"
        assert word(owner) == "next"
    assert_whole_runs(watch)
    assert staged_tables(owner) == []
    statuses = rows(owner, "SELECT status FROM almanac.runs ORDER BY started_at")
    assert statuses == [("succeeded",), ("succeeded" if expected == "new" else "failed",), ("succeeded",)]


@pytest.mark.parametrize(("kills", "size"), [(5, 2_000), pytest.param(30, MILLION, marks=heavy)])
def test_a_publisher_killed_at_random_leaves_one_whole_run(
    owner: Database, reader: Database, kills: int, size: int
) -> None:
    began = time.monotonic()
    attempt(owner, content(size, word="old"))
    seconds, generator = time.monotonic() - began, random.Random(20250415)
    with watched(reader) as watch:
        for number in range(kills):
            runs_before_kill = count_runs(owner) + 1 + number % 2
            publisher = started(publish_for_ever, owner.url, size)
            while count_runs(owner) < runs_before_kill and publisher.is_alive():
                time.sleep(0.01)
            publisher.join(generator.uniform(0, 2 * seconds))
            publisher.kill()
            publisher.join()
            assert publisher.exitcode == -signal.SIGKILL, "it was publishing until it was killed"
    assert_whole_runs(watch)
    assert attempt_soon(owner, content(size, word="last"))
    released = one(owner, "SELECT array_agg(run_id ORDER BY release_id) FROM almanac.releases")
    assert released == one(owner, SUCCEEDED_RUNS)
    assert len(released) >= 2 + kills // 2, "every other publisher had published before its end"
    assert len(released) < count_runs(owner), "some were killed in the middle"
    assert one(owner, "SELECT count(DISTINCT run_id) FROM almanac.stub_totals") == len(released)
    assert staged_tables(owner) == []
    assert one(owner, "SELECT count(*) FROM almanac.runs WHERE status = 'running'") == 0


@pytest.mark.parametrize(("rollbacks", "size"), [(40, 2_000), pytest.param(200, MILLION, marks=heavy)])
def test_during_rollbacks_every_answer_comes_from_one_run(
    owner: Database, reader: Database, rollbacks: int, size: int
) -> None:
    pair = {release(owner, content(size, word="old")), release(owner, content(size + 1, word="new"))}
    with watched(reader) as watch:
        for _ in range(rollbacks):
            within(owner, ledger.rollback, "stub", who="tester")
            time.sleep(0.005)
    assert_whole_runs(watch)
    assert set(watch.runs) == pair, "readers saw both runs"
    assert one(owner, "SELECT count(*) FROM almanac.releases") == rollbacks + 2


@pytest.mark.parametrize(("schedulers", "slots"), [(4, 40), pytest.param(8, 100, marks=heavy)])
def test_a_slot_succeeds_once_whichever_process_runs_it(owner: Database, schedulers: int, slots: int) -> None:
    processes = [started(schedule, owner.url, slots, seed) for seed in range(schedulers)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * schedulers
    counts = rows(owner, "SELECT status, count(*), count(DISTINCT slot) FROM almanac.runs GROUP BY 1")
    assert counts == [("succeeded", slots, slots)]
    assert one(owner, "SELECT count(*) FROM almanac.releases") == slots
    assert one(owner, "SELECT count(DISTINCT run_id) FROM almanac.stub_predictions") == slots


def test_concurrent_rollbacks_write_one_chain(owner: Database) -> None:
    release(owner)
    release(owner)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: within(owner, ledger.rollback, "stub", who="tester"), range(12)))
    chain = rows(owner, "SELECT release_id, previous_release_id FROM almanac.releases ORDER BY release_id")
    assert len(chain) == 14
    assert [previous for _, previous in chain] == [None, *(number for number, _ in chain[:-1])]
    newest_first = within(owner, releases.newest, "stub")
    for row, previous in zip(newest_first, [*newest_first[1:], None], strict=True):
        assert releases.release_hash(row, previous) == row["release_hash"]
    instants = [row["released_at"] for row in newest_first]
    assert instants == sorted(instants, reverse=True)
