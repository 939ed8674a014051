"""Kills and restarts under load: every acknowledged event is stored, and takes effect exactly once."""

import itertools
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from almanac import discovery
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.policy.sizing import FixedSizing
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.statements import ClaimedEvent
from tests.clusters import control
from tests.events.event_driver import Bench, event, events
from tests.servers import in_thread

CONTEXT = multiprocessing.get_context("forkserver")
# Only installed modules: on Python 3.11 the forkserver does not look beside the tests.
CONTEXT.set_forkserver_preload(["almanac.workloads.events.queue.worker"])
BULK = 20
BATCHES_OF = "SELECT count(*) FROM almanac.events_batches WHERE worker = %s"
DONE = "SELECT event_id FROM almanac.events_queue WHERE state = 'done'"
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
    """Sends events in bulk for ever. It remembers the acknowledged events, and sends the others again."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.acknowledged: set[str] = set()
        self.longest_seconds = 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            self.send(events(BULK, priority="medium"))
            time.sleep(0.005)

    def send(self, batch: list[dict[str, object]]) -> None:
        began = time.monotonic()
        while (answer := self.answer(batch)) is None:
            time.sleep(0.05)
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        assert {result["status"] for result in answer.json()["results"]} <= {"accepted", "duplicate"}
        self.acknowledged |= {str(event["event_id"]) for event in batch}

    def answer(self, batch: list[dict[str, object]]) -> httpx.Response | None:
        """Send a batch once and return the answer, or None where there is none or it is an error."""
        try:
            answer = self.client.post("/v1/events/bulk", json=batch)
        except httpx.TransportError:
            return None
        return answer if answer.status_code == 200 else None

    def stop(self) -> None:
        self.stopping.set()
        self.join(30)


def slowly(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
    """Do the work with pauses before and after, so that kills come in the middle of it."""
    time.sleep(0.01)
    statements.roll_up(connection, batch)
    time.sleep(0.01)


def work_for_ever(url: str, name: str) -> None:
    """Work on the queue until killed."""
    Bench(url).worker(FixedSizing(40, 0.2), name=name, drain=False, work=slowly).run()


def start(url: str, name: str) -> ForkServerProcess:
    process = CONTEXT.Process(target=work_for_ever, args=(url, name), daemon=True)
    process.start()
    return process


def has_made_a_batch(bench: Bench, name: str) -> bool:
    return bench.query(BATCHES_OF, name) != [(0,)]


def kill_one_after_the_other(bench: Bench, kills: int) -> None:
    """Kill one worker after the other, each after its first batch and at a moment of its own."""
    moment = random.Random(20261122)
    for number in range(kills):
        victim = start(bench.url, f"victim {number}")
        while not has_made_a_batch(bench, f"victim {number}"):
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.05))
        victim.kill()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL, "it worked until it was killed"


def die_over(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
    """Do the work, but let a killer end the whole process, as running out of memory does."""
    if any(claim.payload == "kill" for claim in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    statements.roll_up(connection, batch)


def drain_or_die(url: str, name: str) -> None:
    """Work until nothing waits, or until a killer comes."""
    Bench(url).worker(FixedSizing(40, 0.2), name=name, work=die_over).run()


def lives(url: str, name: str) -> Iterator[int]:
    """Start one worker after the other, as a supervisor does, and yield how each ended.

    A {} in the name is its number.
    """
    for number in itertools.count():
        process = CONTEXT.Process(target=drain_or_die, args=(url, name.format(number)), daemon=True)
        process.start()
        process.join(60)
        yield process.exitcode or 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["worker {}", "the same"], ids=["new names", "as in a container"])
def test_an_event_that_kills_its_worker_is_buried_and_the_others_are_done(
    database_url: str, name: str
) -> None:
    bench = Bench(database_url)
    bench.send(*events(5), event(event_id="killer", payload="kill"), *events(5))
    ends = list(itertools.takewhile(bool, itertools.islice(lives(database_url, name), 9)))
    # In batches of 11, 6, 3 and 2 at most, then alone until the third attempt; the worker after that only has
    # to bury it.
    assert 5 <= len(ends) <= 6
    assert set(ends) == {-signal.SIGKILL}
    dead = bench.query("SELECT event_id, error, attempts FROM api.events_dead")
    assert dead == [("killer", f"the worker died over it: {name.format(len(ends) - 1)}", 3)]
    assert bench.totals() == {"stored": 11, "done": 10, "rolled up": 10, "in batches": 10, "with batch": 10}
    assert bench.query("SELECT count(*) FROM almanac.events_claims") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "restarts"), [(3, 1), pytest.param(30, 5, marks=heavy)])
def test_acknowledged_events_take_effect_once_whatever_is_killed(
    own_cluster: tuple[Bench, Path], kills: int, restarts: int
) -> None:
    bench, data = own_cluster
    with in_thread(Settings(database_url=bench.url, ingest=True)) as client:
        sender = Sender(client)
        sender.start()
        survivor = start(bench.url, "survivor")
        for _ in range(restarts):
            kill_one_after_the_other(bench, kills // restarts)
            control(data, "restart", "immediate")
            time.sleep(0.5)
        sender.stop()
        survivor.kill()
        survivor.join()
    bench.drain(FixedSizing(500, 2.0))
    totals = bench.totals()
    assert len(set(totals.values())) == 1, totals
    done = {event_id for (event_id,) in bench.query(DONE)}
    assert sender.acknowledged - done == set()
    assert len(done) > 1_000
    assert sender.longest_seconds > 0.1, "the restarts were felt"
