"""The scheduler: each slot once, catch-up, chains, retries, clocks that are set, several at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine

from almanac.runner.schedule import outcomes, outlook, records
from almanac.runner.schedule.engine import Engine
from almanac.runner.schedule.loop import connect
from almanac.runner.schedule.reading import of_workload
from almanac.runner.schedule.rhythm import Rhythm
from tests.schedule.made_up_runs import Bench, MadeUpProcess
from tests.stub import STUB

CHAIN = "collect 01:00, train 02:00, evaluate+predict 03:00 Europe/Stockholm"
RELEASED = """
    INSERT INTO almanac.releases
        (workload, run_id, run_ids, kind, who, why, run_hash, released_at, release_hash)
    SELECT workload, run_id, ARRAY[run_id], 'publish', 'tester', 'test', '', clock_timestamp(), ''
    FROM almanac.runs LIMIT 1
"""
NOON = datetime(2026, 5, 5, 12, 0, 30, tzinfo=UTC)


def of(text: str, workload: str = "stub") -> list[Rhythm]:
    return of_workload(STUB.model_copy(update={"name": workload}), text)


def ticks(engine: Engine, *instants: datetime) -> None:
    """Let a scheduler look twice at each instant: it starts a run, and sees its end."""
    for instant in instants:
        with time_machine.travel(instant, tick=False):
            engine.tick()
            engine.tick()


def day(start: datetime) -> list[datetime]:
    return [start + timedelta(minutes=20 * number) for number in range(73)]


def test_a_new_schedule_runs_its_present_slot_and_none_of_the_past(bench: Bench) -> None:
    engine = bench.engine(of("6h"))
    ticks(engine, NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=6))
    assert bench.states(ahead=True) == [
        ("default", "05-05T12:00", "succeeded"),
        ("default", "05-05T18:00", "succeeded"),
        ("default", "05-06T00:00", "waiting"),
    ]
    # Nothing has ever been released, so a schedule without training trains all the same.
    assert bench.runs.started[0] == {"workload": "stub", "--slot": "2026-05-05T12:00:00+00:00"}


def test_a_slot_that_another_trigger_has_run_is_not_run_again(bench: Bench) -> None:
    bench.runs.write("stub", {"--slot": "2026-05-05T12:00:00+00:00"}, 0)
    ticks(bench.engine(of("6h")), NOON)
    assert (bench.states(), bench.runs.started) == ([("default", "05-05T12:00", "succeeded")], [])


@pytest.mark.parametrize(
    ("catch_up", "ran", "missed"),
    [("latest", ["18:00"], 5), ("all 3", ["14:00", "16:00", "18:00"], 3), ("none", [], 7)],
)
def test_catch_up_decides_what_runs_after_a_pause_and_the_rest_is_missed_with_a_reason(
    bench: Bench, catch_up: str, ran: list[str], missed: int
) -> None:
    ticks(bench.engine(of(f"2h; catch-up {catch_up}")), NOON - timedelta(hours=5))
    bench.runs.started.clear()
    for _ in range(3):
        ticks(bench.engine(of(f"2h; catch-up {catch_up}")), NOON + timedelta(hours=7))
    assert [slot[-5:] for slot in bench.runs.slots] == ran
    assert bench.reasons() == [f"not run in time; catch-up {catch_up} leaves it out"] * missed


def test_a_slot_that_was_run_elsewhere_meanwhile_is_not_missed(bench: Bench) -> None:
    engine = bench.engine(of("2h"))
    ticks(engine, NOON)
    bench.runs.write("stub", {"--slot": "2026-05-05T14:00:00+00:00"}, 0)
    ticks(engine, NOON + timedelta(hours=6))
    states = [state for _, _, state in bench.states()]
    assert states == ["succeeded", "succeeded", "missed", "succeeded"]


def test_the_links_of_a_chain_follow_each_other_also_where_the_clock_leaps(bench: Bench) -> None:
    # On 29 March 2026, 02:00 and 03:00 in Stockholm are one instant.
    engine = bench.engine(of(CHAIN))
    ticks(engine, *day(datetime(2026, 3, 28, 12, tzinfo=UTC)))
    leap = [run for run in bench.runs.started if run["--slot"] >= "2026-03-29"]
    assert [(run["--schedule"], run["--slot"][11:16]) for run in leap] == [
        ("collect", "00:00"),
        ("train", "01:00"),
        ("evaluate+predict", "01:00"),
    ]
    parents = [_run_id(bench, run) for run in leap]
    assert [run.get("--parent") for run in leap] == [None, *parents[:2]]


def _run_id(bench: Bench, run: dict[str, str]) -> str | None:
    return records.succeeded_run(
        bench.connection, ("stub", run["--schedule"], datetime.fromisoformat(run["--slot"]))
    )


def test_a_link_waits_for_the_one_before_and_says_so(bench: Bench) -> None:
    bench.runs.codes = iter([5])
    engine = bench.engine(of(CHAIN))
    ticks(engine, datetime(2026, 5, 5, 1, 30, tzinfo=UTC))
    assert bench.states(ahead=True)[:3] == [
        ("collect", "05-04T23:00", "failed"),
        ("train", "05-05T00:00", "waiting"),
        ("evaluate+predict", "05-05T01:00", "waiting"),
    ]
    assert bench.reasons()[1] == "waits for collect of 2026-05-04T23:00Z (failed)"
    ticks(engine, *day(datetime(2026, 5, 5, 1, 31, tzinfo=UTC)))
    assert [state for _, slot, state in bench.states() if slot > "05-05T12"] == ["succeeded"] * 3
    train = bench.connection.execute(
        "SELECT state, reason FROM almanac.schedules WHERE schedule = 'train' ORDER BY slot LIMIT 1"
    ).fetchone()
    assert train is not None
    assert train[0] == "missed"
    assert "waits for collect" in train[1]


@pytest.mark.parametrize("code", [3, 4, 8, -9])
def test_what_may_pass_is_tried_again_with_longer_pauses_and_given_up_after_five_attempts(
    bench: Bench, code: int
) -> None:
    bench.runs.codes = iter([code] * 9)
    engine = bench.engine(of("6h"))
    ticks(engine, *(NOON + timedelta(seconds=10 * number) for number in range(80)))
    assert len(bench.runs.started) == outcomes.MOST_ATTEMPTS
    assert (bench.states(), bench.reasons()) == (
        [("default", "05-05T12:00", "failed")],
        [f"made-up code {code}"],
    )


def test_a_source_that_comes_back_is_enough(bench: Bench) -> None:
    bench.runs.codes = iter([4])
    engine = bench.engine(of("6h"))
    ticks(engine, NOON)
    assert bench.states() == [("default", "05-05T12:00", "retrying")]
    ticks(engine, NOON + timedelta(seconds=29), NOON + timedelta(seconds=30))
    assert (len(bench.runs.started), bench.states()) == (2, [("default", "05-05T12:00", "succeeded")])
    assert bench.reasons() == []


@pytest.mark.parametrize("code", [1, 2, 5, 7])
def test_a_failed_notebook_is_not_run_again_unless_it_was_changed(bench: Bench, code: int) -> None:
    bench.runs.codes = iter([code])
    engine = bench.engine(of("6h"))
    ticks(engine, *(NOON + timedelta(minutes=number) for number in range(5)))
    assert (len(bench.runs.started), bench.states()) == (1, [("default", "05-05T12:00", "failed")])
    bench.hashes["stub"] = "mended"
    ticks(engine, NOON + timedelta(minutes=9))
    assert (len(bench.runs.started), bench.states()) == (2, [("default", "05-05T12:00", "succeeded")])


def test_a_workload_that_is_busy_waits_and_uses_no_attempt(bench: Bench) -> None:
    bench.runs.codes = iter([6, 6, 6, 6, 6, 6])
    engine = bench.engine(of("6h"))
    ticks(engine, *(NOON + timedelta(seconds=5 * number) for number in range(8)))
    assert (len(bench.runs.started), bench.states()) == (7, [("default", "05-05T12:00", "succeeded")])


def test_a_clock_that_is_set_back_runs_nothing_twice(bench: Bench) -> None:
    engine = bench.engine(of("1h"))
    ticks(engine, NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    ticks(engine, *(NOON - timedelta(hours=3) + timedelta(minutes=20 * number) for number in range(18)))
    assert bench.runs.slots == ["05-05T12:00", "05-05T13:00", "05-05T14:00"]
    ticks(engine, NOON + timedelta(hours=3))
    assert bench.runs.slots == ["05-05T12:00", "05-05T13:00", "05-05T14:00", "05-05T15:00"]


def test_a_changed_rhythm_leaves_no_coming_slot_behind(bench: Bench) -> None:
    ticks(bench.engine(of("6h")), NOON)
    ticks(bench.engine(of("train 13:00 UTC")), NOON + timedelta(minutes=1))
    coming = [(name, slot) for name, slot, state in bench.states(ahead=True) if state == "waiting"]
    assert coming == [("train", "05-05T13:00")]


def test_two_workloads_run_at_once_and_the_third_waits(bench: Bench) -> None:
    bench.runs.codes = iter([None, None, None])
    engine = bench.engine([rhythm for name in ("one", "two", "three") for rhythm in of("1h", name)])
    ticks(engine, NOON)
    assert len(engine.children) == 2
    engine.terminate()
    ticks(engine, NOON)
    assert (engine.children, len(bench.runs.started)) == ({}, 2)
    assert sorted(bench.reasons()) == ["its run was stopped"] * 2


def test_a_scheduler_that_drains_starts_nothing_and_records_what_ends(bench: Bench) -> None:
    bench.runs.codes = iter([None])
    engine = bench.engine(of("1h"))
    ticks(engine, NOON)
    engine.draining = True
    process = engine.children["stub"].process
    assert isinstance(process, MadeUpProcess)
    process.code = 0
    bench.runs.write("stub", {"--slot": "2026-05-05T12:00:00+00:00"}, 0)
    ticks(engine, NOON + timedelta(hours=1))
    assert (engine.children, len(bench.runs.started)) == ({}, 1)
    assert bench.states() == [("default", "05-05T12:00", "succeeded")]


def test_the_lock_of_a_dead_scheduler_is_free_and_its_slot_is_run(bench: Bench, database_url: str) -> None:
    bench.runs.codes = iter([None])
    with connect(database_url) as other:
        ticks(bench.engine(of("1h"), other), NOON)
        ticks(bench.engine(of("1h")), NOON + timedelta(seconds=30))
        assert (len(bench.runs.started), bench.states()) == (1, [("default", "05-05T12:00", "running")])
    ticks(bench.engine(of("1h")), NOON + timedelta(seconds=60))
    assert (len(bench.runs.started), bench.states()) == (2, [("default", "05-05T12:00", "succeeded")])


def test_four_schedulers_at_once_run_each_slot_of_three_workloads_once(
    bench: Bench, database_url: str
) -> None:
    rhythms = [rhythm for name in ("one", "two", "three") for rhythm in of("1m; catch-up all 50", name)]
    connections = [connect(database_url) for _ in range(4)]
    engines = [bench.engine(rhythms, connection) for connection in connections]
    together = Barrier(4)

    def work(engine: Engine) -> None:
        for number in range(40):
            together.wait()
            for second in range(3):
                engine.tick(NOON + timedelta(minutes=number, seconds=second))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, engines))
    for connection in connections:
        connection.close()
    runs = [(run["workload"], run["--slot"]) for run in bench.runs.started]
    assert (len(runs), len({*runs})) == (120, 120)
    states = bench.connection.execute("SELECT state, count(*) FROM almanac.schedules GROUP BY 1 ORDER BY 1")
    assert states.fetchall() == [("succeeded", 120), ("waiting", 3)]


def test_a_year_has_every_slot_once(bench: Bench) -> None:
    """A chain in Stockholm and an interval, over both changes of the clock."""
    engine = bench.engine([*of(CHAIN, "games"), *of("24h", "football")])
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    while now < datetime(2027, 1, 1, 12, tzinfo=UTC):
        with time_machine.travel(now, tick=False):
            coming = engine.tick()
        assert coming is not None
        now = max(coming, now + timedelta(seconds=1))
    query = "SELECT workload, status, count(*) FROM almanac.runs GROUP BY 1, 2 ORDER BY 1"
    rows = bench.connection.execute(query).fetchall()
    # The day on which it begins has a chain too, since its first link is caught up.
    assert rows == [("football", "succeeded", 366), ("games", "succeeded", 366 * 3)]


def test_training_alone_waits_for_the_first_release(bench: Bench) -> None:
    engine = bench.engine(of("collect+predict 1h; train+evaluate 03:00 UTC"))
    ticks(engine, NOON)
    assert [run.get("--only") for run in bench.runs.started] == [None]
    assert bench.reasons() == ["waits for the first release"]
    bench.connection.execute(RELEASED)
    ticks(engine, NOON + timedelta(seconds=16))
    assert bench.runs.started[-1]["--only"] == "train,evaluate"
    ticks(engine, NOON + timedelta(hours=1))
    assert bench.runs.started[-1]["--only"] == "collect,predict"


def test_what_is_due_is_said_without_a_scheduler(bench: Bench) -> None:
    rhythms = of("6h")
    (row,) = outlook.due(bench.connection, rhythms, NOON)
    assert (row["workload"], row["slot"], row["state"]) == ("stub", NOON.replace(second=0), "waiting")
    bench.runs.write("stub", {"--slot": "2026-05-05T12:00:00+00:00"}, 0)
    assert outlook.due(bench.connection, rhythms, NOON) == []


def test_rows_past_retention_are_forgotten(bench: Bench) -> None:
    engine = bench.engine(of("6h"))
    ticks(engine, NOON, NOON + records.KEEP + timedelta(days=1))
    old = bench.connection.execute("SELECT count(*) FROM almanac.schedules WHERE slot < '2026-06-01'")
    assert old.fetchone() == (0,)
