"""The worker: it views the queue, lets its rule decide, and makes batches until it is stopped."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

import psycopg

from almanac.errors import DatabaseError
from almanac.workloads.events.policy.queue_view import Connection, QueueView
from almanac.workloads.events.policy.sizing import Decision, Sizing
from almanac.workloads.events.queue import batches, claims, heartbeat, statements
from almanac.workloads.events.queue.batches import Batch, FailedBatch, PlannedBatch, Task, WorkerProfile
from almanac.workloads.events.queue.clock import Clock, Timetable
from almanac.workloads.events.queue.statements import RetryPolicy
from almanac.workloads.events.queue.stop_signal import OutOfTime, StopSignal
from almanac.workloads.events.queue.tally import Tally
from almanac.workloads.events.queue.work import Work

Connect = Callable[[], AbstractContextManager[Connection]]
VIEW_SECONDS = 0.05
LEAST_SLEEP_SECONDS = 0.002
BEAT_SECONDS = 1.0
# While there are more done events to delete, they go in small parts, faster than events can come in.
CLEAN_SECONDS, CLEAN_AGAIN_SECONDS = 60.0, 0.1
LOG_SECONDS = 10.0
# After an error the worker waits, each time twice as long, unless it worked for a while in between.
FIRST_AWAY_SECONDS, LONGEST_AWAY_SECONDS = 0.05, 2.0
WELL_SECONDS = 5.0
RETRY = Decision(1, 0.0, "again")
# What a broken database raises.
AWAY = (psycopg.OperationalError, psycopg.InternalError, DatabaseError)
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class WorkerOptions:
    """The options of a worker.

    `drain` stops it when the queue is empty; done events are deleted after `keep_seconds`.
    """

    sizing: Sizing
    work: Work = statements.roll_up
    drain: bool = False
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    keep_seconds: float = 7 * 86_400.0

    @property
    def task(self) -> Task:
        """The work on a batch and its retries."""
        return Task(self.work, self.retry_policy)


class Worker:
    """Makes batches one after the other.

    When the database goes away, it waits and does again what was under way.
    """

    def __init__(self, connect: Connect, profile: WorkerProfile, options: WorkerOptions) -> None:
        self.profile = profile
        self.tally = Tally()
        self.clock = Clock()
        self._connect = connect
        self._options = options
        self._stop = StopSignal()
        self._timetable = Timetable({"beat": 0.0, "clean": 0.0, "log": LOG_SECONDS})
        self._was_retry = False
        self._has_begun = False
        self._logged_events = 0

    def stop(self) -> None:
        """Stop after the batch that is under way."""
        self._stop.set()

    def run(self) -> Tally:
        """Work until `stop`, or with `drain` until nothing waits any more; return what was done.

        OutOfTime, which a handler of a signal may raise, ends the batch under way and gives its events back.
        """
        self._log_begin()
        away = FIRST_AWAY_SECONDS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._serve()
            except AWAY as error:
                # An error that comes at once each time, such as a full disk, is tried more and more rarely.
                is_soon = time.monotonic() - began < WELL_SECONDS
                away = min(away * 2, LONGEST_AWAY_SECONDS) if is_soon else FIRST_AWAY_SECONDS
                self._wait_for_database(away, error)
            except OutOfTime:
                self._stop.set()
        log.info("worker %s ends: %s", self.profile.worker, self._summary())
        return self.tally

    def _log_begin(self) -> None:
        name, objective = self.profile.worker, self.profile.objective_seconds
        log.info("worker %s begins: policy %s, objective %g s", name, self._options.sizing.name, objective)

    def _wait_for_database(self, seconds: float, error: Exception) -> None:
        reason = str(error).strip().partition("\n")[0]
        log.warning("the database is away, trying again in %.2f s: %s", seconds, reason)
        self._stop.wait(seconds)

    def _serve(self) -> None:
        """Work on one pair of connections until the stop."""
        with self._connections() as (connection, record):
            try:
                self._work(connection, record)
            except OutOfTime:
                # The batch is rolled back, and no event is to blame.
                log.warning("worker %s gives back the batch under way", self.profile.worker)
                claims.clear(record, self.profile.worker)
                self._stop.set()
            heartbeat.beat(record, self._status())
            heartbeat.leave(record, self.profile.worker)

    def _work(self, connection: Connection, record: Connection) -> None:
        """Make batches until the stop."""
        while not self._stop.is_set():
            self._do_regular_tasks(connection)
            view = self.clock.view(connection)
            if self._is_drained(connection, view):
                self._stop.set()
                break
            self._act(connection, record, view)

    @contextmanager
    def _connections(self) -> Iterator[tuple[Connection, Connection]]:
        """Open connections for the work and for the record of claims, and take over what was left behind."""
        with self._connect() as connection, self._connect() as record:
            for each in (connection, record):
                statements.prepare(each)
            claims.lock_worker(record, self.profile.worker)
            if self._has_begun:
                # The batch that was under way when the last connection broke is no event's fault.
                claims.clear(record, self.profile.worker)
            else:
                self._recover(record)
            self._has_begun = True
            yield connection, record

    def _is_drained(self, connection: Connection, view: QueueView) -> bool:
        """Return whether nothing waits, for a worker that stops then."""
        is_empty = not view.backlog and not view.has_retries
        return self._options.drain and is_empty and statements.is_empty(connection)

    def _act(self, connection: Connection, record: Connection, view: QueueView) -> None:
        """Wait or make a batch, as the rule decides."""
        decision = self._decide(view)
        if decision.wait_seconds > 0:
            self._stop.wait(max(LEAST_SLEEP_SECONDS, min(VIEW_SECONDS, decision.wait_seconds)))
        elif not self._make(connection, record, view, decision):
            self._stop.wait(VIEW_SECONDS)

    def _decide(self, view: QueueView) -> Decision:
        """Let the rule decide; retries take turns with the other events."""
        if view.is_retry_due and not self._was_retry:
            return RETRY
        decision = self._options.sizing.decide(view)
        if view.backlog and self._options.drain:
            return replace(decision, wait_seconds=0.0)
        if view.backlog and decision.wait_seconds <= 0:
            return decision
        self._was_retry = False
        return replace(decision, wait_seconds=decision.wait_seconds or VIEW_SECONDS)

    def _make(self, connection: Connection, record: Connection, view: QueueView, decision: Decision) -> bool:
        """Make a batch; return whether there was anything to claim."""
        planned = PlannedBatch(view, decision, self._options.sizing.release_id)
        self._was_retry = planned.is_retry
        batch = batches.make(connection, record, planned, self._options.task, self.profile)
        if isinstance(batch, FailedBatch):
            log.warning("work failed, %s events are tried again, in halves: %s", batch.retried, batch.reason)
            self._log_buried(batch.buried, batch.reason)
        if isinstance(batch, Batch):
            self._count(batch, decision)
        return batch is not None

    def _count(self, batch: Batch, decision: Decision) -> None:
        """Count a batch and learn from it."""
        self.tally.add(batch)
        self.clock.learn(batch, self.profile.objective_seconds)
        # A batch that the policy did not decide says nothing about its misses: a retry is late anyway.
        if decision.row is not None:
            self._options.sizing.learn(batch.missed, batch.events, batch.far, batch.work)
        facts = batch.events, batch.seconds, batch.sized_by, batch.oldest_seconds
        log.debug("batch of %s events in %.3f s, %s, oldest %.2f s", *facts)

    def _recover(self, connection: Connection) -> None:
        """Retry the events of workers that died, a former one of the same name among them."""
        for orphans in claims.recover(connection, self._options.retry_policy):
            log.warning(
                "worker %s died over its events; %s are tried again, in halves",
                orphans.worker,
                orphans.retried,
            )
            self._log_buried(orphans.buried, "workers died over it")

    def _log_buried(self, event_ids: Sequence[str], reason: str) -> None:
        attempts = self._options.retry_policy.most_attempts
        for event_id in event_ids:
            log.error("event %r is buried after %s attempts: %s", event_id, attempts, reason)

    def _do_regular_tasks(self, connection: Connection) -> None:
        """Do what is due: refresh the policy, recover orphans, beat, delete old events, log."""
        if self._timetable.is_due("beat", BEAT_SECONDS):
            self._options.sizing.refresh(connection)
            self._recover(connection)
            heartbeat.beat(connection, self._status())
        if self._timetable.is_due("clean", CLEAN_SECONDS):
            self._delete_done(connection)
        if self._timetable.is_due("log", LOG_SECONDS) and self.tally.events > self._logged_events:
            self._logged_events = self.tally.events
            log.info("worker %s: %s", self.profile.worker, self._summary())

    def _delete_done(self, connection: Connection) -> None:
        """Delete old events, and plan to do it again soon where there are more."""
        if statements.delete_done(connection, self._options.keep_seconds) >= statements.DELETED_AT_ONCE:
            self._timetable.plan("clean", CLEAN_AGAIN_SECONDS)

    def _status(self) -> heartbeat.Status:
        return heartbeat.Status(self.profile, self._options.sizing, self.tally.batches, self.tally.events)

    def _summary(self) -> str:
        return f"{self.tally}; sizes from {self._options.sizing.source}"
