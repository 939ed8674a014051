"""What fault tests start beside themselves: processes that publish and may be killed, and readers that watch."""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess

import psycopg

from almanac.errors import RunBusy
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging, staging_tables
from almanac.store.records import runs
from tests.stub import STUB, content, facts

CONTEXT = multiprocessing.get_context("forkserver")
# Only what is installed: on Python 3.11 the forkserver does not look beside the tests.
CONTEXT.set_forkserver_preload(["almanac.store.publishing.publish"])
POINTS = ("after_copy", "after_audit", "before_commit", "after_commit")
FIRST_SLOT = datetime(2025, 4, 15, tzinfo=UTC)


def started(target: object, *arguments: object) -> ForkServerProcess:
    """Start a process of its own that calls `target`."""
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


def publish_and_die(url: str, word: str, rows: int, point: str) -> None:
    """Publish one run as a scheduler would, and be killed at a named point."""

    def die(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    attempt(Database(url), content(rows, word=word), die)


def publish_for_ever(url: str, rows: int) -> None:
    """Publish one run after the other, each with a word of its own."""
    database, frames = Database(url), content(rows)
    while True:
        frames["predictions"]["word"] = f"random-{time.monotonic_ns()}"
        attempt_soon(database, frames)


def attempt(
    database: Database,
    frames: dict[str, object],
    at: object = staging.no_checkpoint,
    slot: datetime | None = None,
) -> str | None:
    """Run the stub once for a slot, as the runner does; return the run's id, or None where the slot was done."""
    with runs.exclusive(database, STUB.name):
        with database.engine.begin() as connection:
            staging_tables.sweep(connection.connection.driver_connection, STUB)  # type: ignore[arg-type]
            run_id = runs.start(
                connection, runs.NewRun(STUB.name, slot or datetime.now(UTC), ("predict",), "full", "tester")
            )
        if run_id is None:
            return None
        staged = staging.stage(Database(database.url, "worker"), STUB, run_id, frames, at=at)  # type: ignore[arg-type]
        publish.publish(database, publish.PublishRequest(STUB, run_id, facts(staged), "test"), at=at)  # type: ignore[arg-type]
        return run_id


def attempt_soon(database: Database, frames: dict[str, object]) -> str | None:
    """Run the stub once; the server may need a moment to notice that the last publisher is gone."""
    for _ in range(100):
        try:
            return attempt(database, frames)
        except RunBusy:
            time.sleep(0.1)
    raise AssertionError("the lock of a killed publisher was never given back")


def schedule(url: str, slots: int, seed: int) -> None:
    """Fire every slot in an order of one's own until all of them are done, whoever did them."""
    database, left = Database(url), [FIRST_SLOT + timedelta(hours=number) for number in range(slots)]
    order = random.Random(seed)
    while left:
        slot = order.choice(left)
        try:
            attempt(database, content(5), slot=slot)
            left.remove(slot)
        except RunBusy:
            time.sleep(order.uniform(0, 0.02))


@dataclass
class Watch:
    """What readers saw: how often they looked, every answer that was not one whole run, and the runs they were given."""

    looks: int = 0
    violations: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def judge(self, how: str, answer: tuple[object, ...]) -> None:
        """Note one answer: rows, rows promised by the run's side table, distinct words, distinct runs, a run."""
        rows, promised, words, run_ids, run_id = answer
        self.looks += 1
        if (words, run_ids) != (1, 1) or rows != promised:
            self.violations.append(f"{how}: {answer}")
        if run_id != (self.runs[-1] if self.runs else None):
            self.runs.append(str(run_id))


LIVE = """
    SELECT count(*), (SELECT value FROM api.stub_totals WHERE run_id = max(p.run_id)), count(DISTINCT word), count(DISTINCT run_id), max(run_id)
    FROM api.stub_live AS p
"""
NEWEST = "SELECT run_id FROM api.releases WHERE workload = 'stub' ORDER BY release_id DESC LIMIT 1"
OF_RUN = """
    SELECT count(*), (SELECT value FROM api.stub_totals WHERE run_id = %(run)s), count(DISTINCT word), count(DISTINCT run_id), max(run_id)
    FROM api.stub_predictions WHERE run_id = %(run)s
"""


@contextmanager
def watched(reader: Database, *, readers: int = 2) -> Iterator[Watch]:
    """Let readers look all the time, half of them as people do (the live view), half as the server does (release, then its rows)."""
    watch, stop = Watch(), threading.Event()

    def look(connection: psycopg.Connection[tuple[object, ...]], number: int) -> None:
        if number % 2:
            (answer,) = connection.execute(LIVE).fetchall()
            watch.judge("live", answer)
        else:
            ((run_id,),) = connection.execute(NEWEST).fetchall()
            (answer,) = connection.execute(OF_RUN, {"run": run_id}).fetchall()
            watch.judge("release", answer)

    def read(number: int) -> None:
        with reader.connect(autocommit=True) as connection:
            while not stop.is_set():
                look(connection, number)

    threads = [threading.Thread(target=read, args=[number], daemon=True) for number in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()
