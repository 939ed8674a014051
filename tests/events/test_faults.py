"""Kills and restarts under load: what was acknowledged is stored, and takes effect exactly once."""

import itertools
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from almanac import discovery
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate
from almanac.workloads.events.policy.sizing import Fixed
from almanac.workloads.events.queue import statements
from tests.clusters import control
from tests.events.event_driver import Bench, event, events
from tests.servers import in_thread

CONTEXT = multiprocessing.get_context("forkserver")
# Only what is installed: on Python 3.11 the forkserver does not look beside the tests.
CONTEXT.set_forkserver_preload(["almanac.workloads.events.queue.worker"])
BULK = 20
heavy = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture
def own_cluster() -> Iterator[tuple[Bench, Path]]:
    """A queue on a PostgreSQL that a test may kill."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        data = Path(folder, "pg")
        url = embedded.start(data)
        migrate(Database(url, "login"), discovery.contracts())
        yield Bench(url), data
        embedded.stop(data)


class Sender(threading.Thread):
    """Sends events in bulk for ever; what it was told is stored it remembers, and what it was not told it sends again."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.acknowledged: set[str] = set()
        self.longest_seconds = 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            self.send(events(BULK))
            time.sleep(0.005)

    def send(self, sent: list[dict[str, object]]) -> None:
        told, began = [event | {"priority": "medium"} for event in sent], time.monotonic()
        while True:
            try:
                answer = self.client.post("/v1/events/bulk", json=told)
                if answer.status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        assert {result["status"] for result in answer.json()["results"]} <= {"accepted", "duplicate"}
        self.acknowledged |= {str(event["event_id"]) for event in sent}


def slowly(connection: statements.Connection, batch: list[statements.Event]) -> None:
    """Do the work with pauses before and after, so that kills come in the middle of it."""
    time.sleep(0.01)
    statements.roll_up(connection, batch)
    time.sleep(0.01)


def work_for_ever(url: str, name: str) -> None:
    """Work on the queue until killed."""
    Bench(url).worker(Fixed(40, 0.2), name=name, drain=False, work=slowly).run()


def started(url: str, name: str) -> ForkServerProcess:
    process = CONTEXT.Process(target=work_for_ever, args=(url, name), daemon=True)
    process.start()
    return process


def batches_of(bench: Bench, name: str) -> int:
    ((count,),) = bench.ask("SELECT count(*) FROM almanac.events_batches WHERE worker = %s", name)
    return int(count)


def kill_one_after_the_other(bench: Bench, kills: int) -> None:
    """Let a second worker run all the time, and kill one after the other beside it, each after its first batch and at a moment of its own."""
    moment = random.Random(20261122)
    for number in range(kills):
        victim = started(bench.url, f"victim {number}")
        while not batches_of(bench, f"victim {number}"):
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.05))
        victim.kill()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL, "it was at work until it was killed"


def die_over(connection: statements.Connection, batch: list[statements.Event]) -> None:
    """Do the work, but let a killer take the whole process with it, as running out of memory does."""
    if any(told.payload == "kill" for told in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    statements.roll_up(connection, batch)


def drain_or_die(url: str, name: str) -> None:
    """Work until nothing waits, or until a killer is met."""
    Bench(url).worker(Fixed(40, 0.2), name=name, work=die_over).run()


def lives(url: str, name: str) -> Iterator[int]:
    """Start one worker after the other, as a supervisor does, and yield how each ended; a {} in the name is its number."""
    for number in itertools.count():
        process = CONTEXT.Process(target=drain_or_die, args=(url, name.format(number)), daemon=True)
        process.start()
        process.join(60)
        yield process.exitcode or 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "last"),
    [("worker {}", "worker 2"), ("the same", "the same")],
    ids=["new names", "as in a container"],
)
def test_an_event_that_kills_its_worker_is_buried_and_the_others_are_done(
    database_url: str, name: str, last: str
) -> None:
    bench = Bench(database_url)
    bench.send(*events(5), event(event_id="killer", payload="kill"), *events(5))
    ends = list(itertools.takewhile(bool, itertools.islice(lives(database_url, name), 9)))
    # Once in a batch with the others, then alone until the third attempt; the worker after that only has to bury it.
    assert ends == [-signal.SIGKILL] * 3
    ((event_id, error, attempts),) = bench.ask("SELECT event_id, error, attempts FROM api.events_dead")
    assert (event_id, error, attempts) == ("killer", f"the worker died over it: {last}", 3)
    assert bench.settled() == {"stored": 11, "done": 10, "rolled up": 10, "in batches": 10, "with batch": 10}
    assert bench.ask("SELECT count(*) FROM almanac.events_claims") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "restarts"), [(3, 1), pytest.param(30, 5, marks=heavy)])
def test_what_was_acknowledged_takes_effect_once_whatever_is_killed(
    own_cluster: tuple[Bench, Path], kills: int, restarts: int
) -> None:
    bench, data = own_cluster
    with in_thread(Settings(database_url=bench.url, ingest=True)) as client:
        sender = Sender(client)
        sender.start()
        survivor = started(bench.url, "survivor")
        for _ in range(restarts):
            kill_one_after_the_other(bench, kills // restarts)
            control(data, "restart", "immediate")
            time.sleep(0.5)
        sender.stopping.set()
        sender.join(30)
        survivor.kill()
        survivor.join()
    bench.drain(Fixed(500, 2.0))
    told = bench.settled()
    assert len(set(told.values())) == 1, told
    done = {name for (name,) in bench.ask("SELECT event_id FROM almanac.events_queue WHERE state = 'done'")}
    assert sender.acknowledged - done == set()
    assert len(done) > 1_000
    assert sender.longest_seconds > 0.1, "the restarts were felt"
