"""Processes for fault tests: publishers that may be killed, and readers that watch them."""

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

import pandas as pd
import psycopg

from almanac.errors import RunBusy
from almanac.store.connections.database import Database, driver_connection
from almanac.store.publishing import publish, staging, staging_tables
from almanac.store.records import runs
from tests.stub import STUB, content, update_for

CONTEXT = multiprocessing.get_context("forkserver")
# Only installed modules: on Python 3.11 the forkserver does not find those beside the tests.
CONTEXT.set_forkserver_preload(["almanac.store.publishing.publish"])
POINTS = ("after_copy", "after_audit", "before_commit", "after_commit")
Frames = dict[str, pd.DataFrame]
FIRST_SLOT = datetime(2025, 4, 15, tzinfo=UTC)


def started(target: object, *arguments: object) -> ForkServerProcess:
    """Start a process of its own that calls `target`."""
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


def publish_and_die(url: str, word: str, rows: int, point: str) -> None:
    """Publish one run as a scheduler would, and kill this process at a named point."""

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
    frames: Frames,
    at: staging.Checkpoint = staging.no_checkpoint,
    slot: datetime | None = None,
) -> str | None:
    """Run the stub once for a slot, as the runner does; return its id, or None where the slot is taken."""
    run = runs.NewRun(STUB.name, slot or datetime.now(UTC), ("predict",), "full", "tester")
    with runs.exclusive(database, STUB.name):
        with database.engine.begin() as connection:
            staging_tables.sweep(driver_connection(connection), STUB)
            run_id = runs.start(connection, run)
        if run_id is None:
            return None
        worker = Database(database.url, "worker")
        staged = staging.stage(worker, STUB, run_id, frames, at=at)
        request = publish.PublishRequest(STUB, run_id, update_for(staged), "test")
        publish.publish(database, request, at=at)
        return run_id


def attempt_soon(database: Database, frames: Frames) -> str | None:
    """Run the stub once, as soon as the server has noticed that a killed publisher is gone."""
    for _ in range(100):
        try:
            return attempt(database, frames)
        except RunBusy:
            time.sleep(0.1)
    raise AssertionError("the lock of a killed publisher was never released")


def schedule(url: str, slots: int, seed: int) -> None:
    """Attempt every slot in a random order until each has a run, from this process or another."""
    database, generator = Database(url), random.Random(seed)
    pending = [FIRST_SLOT + timedelta(hours=number) for number in range(slots)]
    while pending:
        slot = generator.choice(pending)
        try:
            attempt(database, content(5), slot=slot)
            pending.remove(slot)
        except RunBusy:
            time.sleep(generator.uniform(0, 0.02))


@dataclass
class Watch:
    """What readers saw: how many answers, those that were not one whole run, and the runs in order."""

    answers: int = 0
    violations: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def judge(self, how: str, answer: tuple[object, ...]) -> None:
        """Record one answer: rows, rows by the side table, distinct words, distinct runs, a run."""
        rows, expected_rows, words, run_ids, run_id = answer
        self.answers += 1
        if (words, run_ids) != (1, 1) or rows != expected_rows:
            self.violations.append(f"{how}: {answer}")
        if run_id != (self.runs[-1] if self.runs else None):
            self.runs.append(str(run_id))


LIVE = """
    SELECT count(*), (SELECT value FROM api.stub_totals WHERE run_id = max(p.run_id)),
           count(DISTINCT word), count(DISTINCT run_id), max(run_id)
    FROM api.stub_live AS p
"""
NEWEST = "SELECT run_id FROM api.releases WHERE workload = 'stub' ORDER BY release_id DESC LIMIT 1"
OF_RUN = """
    SELECT count(*), (SELECT value FROM api.stub_totals WHERE run_id = %(run)s),
           count(DISTINCT word), count(DISTINCT run_id), max(run_id)
    FROM api.stub_predictions WHERE run_id = %(run)s
"""


@contextmanager
def watched(reader: Database, *, readers: int = 2) -> Iterator[Watch]:
    """Read all the time, half as people do (the live view), half as the server does (release, then rows)."""
    watch, stop = Watch(), threading.Event()

    def answer_once(connection: psycopg.Connection[tuple[object, ...]], number: int) -> None:
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
                answer_once(connection, number)

    threads = [threading.Thread(target=read, args=[number], daemon=True) for number in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()
