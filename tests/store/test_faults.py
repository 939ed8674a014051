"""Kills, races and rollbacks with readers running: every answer is one whole run, and a slot succeeds once."""

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
MILLION = 1_000_000
heavy = [pytest.mark.faults, pytest.mark.timeout(3600)]


def word(owner: Database) -> str:
    """The word of the rows that answer."""
    return str(one(owner, "SELECT min(word) FROM api.stub_live"))


def count_runs(owner: Database) -> int:
    return int(one(owner, "SELECT count(*) FROM almanac.runs"))


def sound(watch: Watch) -> None:
    """Fail where a reader saw a mixture or a part of a run, or where nobody looked."""
    assert watch.violations == []
    assert watch.looks > 0


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
        assert attempt_soon(owner, content(size, word="next")), (
            "the next run is not held up by what the kill left behind"
        )
        assert word(owner) == "next"
    sound(watch)
    assert staged_tables(owner) == []
    statuses = rows(owner, "SELECT status FROM almanac.runs ORDER BY started_at")
    assert statuses == [("succeeded",), ("succeeded" if expected == "new" else "failed",), ("succeeded",)]


@pytest.mark.parametrize(("kills", "size"), [(5, 2_000), pytest.param(30, MILLION, marks=heavy)])
def test_a_publisher_killed_at_random_leaves_one_whole_run(
    owner: Database, reader: Database, kills: int, size: int
) -> None:
    began = time.monotonic()
    attempt(owner, content(size, word="old"))
    seconds, moment = time.monotonic() - began, random.Random(20250415)
    with watched(reader) as watch:
        for number in range(kills):
            begun = count_runs(owner) + 1 + number % 2
            victim = started(publish_for_ever, owner.url, size)
            while count_runs(owner) < begun and victim.is_alive():
                time.sleep(0.01)
            victim.join(moment.uniform(0, 2 * seconds))
            victim.kill()
            victim.join()
            assert victim.exitcode == -signal.SIGKILL, "it was publishing until it was killed"
    sound(watch)
    assert attempt_soon(owner, content(size, word="last"))
    released = one(owner, "SELECT array_agg(run_id ORDER BY release_id) FROM almanac.releases")
    succeeded = one(
        owner, "SELECT array_agg(run_id ORDER BY finished_at) FROM almanac.runs WHERE status = 'succeeded'"
    )
    assert released == succeeded
    assert len(released) >= 2 + kills // 2, "every other victim had published before"
    assert len(released) < count_runs(owner), "some were killed in the middle"
    assert one(owner, "SELECT count(DISTINCT run_id) FROM almanac.stub_totals") == len(released)
    assert (
        staged_tables(owner),
        one(owner, "SELECT count(*) FROM almanac.runs WHERE status = 'running'"),
    ) == ([], 0)


@pytest.mark.parametrize(("rollbacks", "size"), [(40, 2_000), pytest.param(200, MILLION, marks=heavy)])
def test_during_rollbacks_every_answer_comes_from_one_run(
    owner: Database, reader: Database, rollbacks: int, size: int
) -> None:
    pair = {release(owner, content(size, word="old")), release(owner, content(size + 1, word="new"))}
    with watched(reader) as watch:
        for _ in range(rollbacks):
            within(owner, ledger.rollback, "stub", who="tester")
            time.sleep(0.005)
    sound(watch)
    assert set(watch.runs) == pair, "readers saw both runs"
    assert one(owner, "SELECT count(*) FROM almanac.releases") == rollbacks + 2


@pytest.mark.parametrize(("schedulers", "slots"), [(4, 40), pytest.param(8, 100, marks=heavy)])
def test_a_slot_succeeds_once_whichever_process_runs_it(owner: Database, schedulers: int, slots: int) -> None:
    processes = [started(schedule, owner.url, slots, seed) for seed in range(schedulers)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * schedulers
    assert rows(owner, "SELECT status, count(*), count(DISTINCT slot) FROM almanac.runs GROUP BY 1") == [
        ("succeeded", slots, slots)
    ]
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
    entries = within(owner, releases.newest, "stub")
    assert all(
        releases.release_hash(row, before) == row["release_hash"]
        for row, before in zip(entries, [*entries[1:], None], strict=True)
    )
    instants = [row["released_at"] for row in entries]
    assert instants == sorted(instants, reverse=True)
