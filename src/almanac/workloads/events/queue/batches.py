"""One batch: claim, work, mark and record, in one transaction."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from almanac.workloads.events.policy.costs import Parts, Prices
from almanac.workloads.events.policy.goal import FAR
from almanac.workloads.events.policy.plain_worker import Work as FinishedWork
from almanac.workloads.events.policy.queue_view import Connection, QueueView
from almanac.workloads.events.policy.sizing import Decision
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.statements import ClaimedEvent, RetryPolicy
from almanac.workloads.events.queue.work import Work

# Work raises one of these where it cannot deal with data; any other error is a fault of the program and
# ends it.
BAD_DATA = (psycopg.Error, ValueError, TypeError, LookupError, ArithmeticError)
BEGIN = "SELECT nextval('almanac.events_batches_batch_id_seq'), clock_timestamp()"
RECORD = """
INSERT INTO almanac.events_batches (
    batch_id, worker, started_at, finished_at, hour, events, kb, kinds, backlog, oldest_seconds,
    mean_wait_seconds, seconds, missed, objective_seconds, fixed_cost, event_cost, second_cost, sized_by,
    size_wanted, state_id, release_id, predicted_seconds, predicted_p90_seconds, predicted_cost, simulated
) VALUES (
    %(batch_id)s, %(worker)s, %(started_at)s, clock_timestamp(), %(hour)s, %(events)s, %(kb)s, %(kinds)s,
    %(backlog)s, %(oldest_seconds)s, %(mean_wait_seconds)s, %(seconds)s, %(missed)s, %(objective_seconds)s,
    %(fixed_cost)s, %(event_cost)s, %(second_cost)s, %(sized_by)s, %(size_wanted)s, %(state_id)s,
    %(release_id)s, %(predicted_seconds)s, %(predicted_p90_seconds)s, %(predicted_cost)s, %(simulated)s
)
"""
PREDICTED = ("state_id", "release_id", "predicted_seconds", "predicted_p90_seconds", "predicted_cost")


@dataclass(frozen=True)
class WorkerProfile:
    """The name of a worker, the prices and the objective of its batches, and whether its work is a trial."""

    worker: str
    prices: Prices
    objective_seconds: float
    simulated: bool = False

    def facts(self) -> dict[str, Any]:
        """Return the columns of a recorded batch that its worker determines."""
        return {
            "worker": self.worker,
            "objective_seconds": self.objective_seconds,
            "simulated": self.simulated,
        }


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to make: the view of the queue, the decision, and the release that it follows."""

    view: QueueView
    decision: Decision
    release_id: int | None

    @property
    def is_retry(self) -> bool:
        """Whether the batch is of events whose work failed before."""
        return self.decision.sized_by == "again"

    def facts(self) -> dict[str, Any]:
        """Return the columns of a recorded batch that its plan determines."""
        decision = self.decision
        plan = {"hour": self.view.hour, "sized_by": decision.sized_by, "size_wanted": decision.size}
        return plan | self._predictions()

    def _predictions(self) -> dict[str, Any]:
        """Return what the policy predicted: nothing without a policy."""
        row = self.decision.row
        if row is None:
            return dict.fromkeys(PREDICTED)
        predicted = (row.expected_seconds, row.p90_seconds, row.expected_cost)
        return dict(zip(PREDICTED, (row.state_id, self.release_id, *predicted), strict=True))


@dataclass(frozen=True)
class Batch:
    """A batch that is done."""

    events: int
    seconds: float
    oldest_seconds: float
    cost: Parts
    sized_by: str
    missed: int
    far: int = 0
    work: FinishedWork | None = None


class WorkFailed(Exception):
    """The work on a batch failed. `events` are those to retry."""

    def __init__(self, events: Sequence[ClaimedEvent], reason: str) -> None:
        super().__init__(reason)
        self.events = events


@dataclass(frozen=True)
class FailedBatch:
    """A batch whose work failed and left nothing behind.

    It has how many events are retried, which are buried instead, and why.
    """

    retried: int
    buried: Sequence[str]
    reason: str


@dataclass(frozen=True)
class Task:
    """The work on the events of a batch, and how often it is tried."""

    work: Work
    retry_policy: RetryPolicy


@dataclass(frozen=True)
class ClaimedBatch:
    """The events of a batch, when its work began and how long that took."""

    events: Sequence[ClaimedEvent]
    batch_id: int
    started_at: datetime
    seconds: float

    @property
    def waits(self) -> list[float]:
        """How long each event waited."""
        return [event.waited_seconds for event in self.events]

    @property
    def work(self) -> FinishedWork:
        """The arrivals in seconds since 1970, the kB and the seconds of the batch."""
        arrivals = self.started_at.timestamp() - np.array(self.waits)
        return FinishedWork(arrivals, np.array([event.size_kb for event in self.events]), self.seconds)

    def facts(self) -> dict[str, Any]:
        """Return the columns of a recorded batch that its events and its work determine."""
        waits = self.waits
        work = {"batch_id": self.batch_id, "started_at": self.started_at, "seconds": self.seconds}
        ages = {"oldest_seconds": max(waits), "mean_wait_seconds": sum(waits) / len(waits)}
        kinds = Counter(event.event_type for event in self.events)
        kb = sum(event.size_kb for event in self.events)
        return work | ages | {"events": len(waits), "kb": kb, "kinds": Jsonb(kinds)}

    def later_than(self, latency_seconds: float) -> int:
        """Return how many events took longer."""
        return sum(wait + self.seconds > latency_seconds for wait in self.waits)


def make(
    connection: Connection, record: Connection, planned: PlannedBatch, task: Task, profile: WorkerProfile
) -> Batch | FailedBatch | None:
    """Make one batch; return None where others have claimed everything. Raises psycopg.OperationalError.

    The claim is recorded on `record`, another connection, before the work begins. The events stay claimed
    until they are marked as done or scheduled for a retry, so that no other worker takes them in between.
    """
    with connection.transaction():
        events = _claim(connection, planned)
        if not events:
            return None
        claims.record(record, profile.worker, events)
        [(batch_id, started_at)] = connection.execute(BEGIN).fetchall()
        began = time.perf_counter()
        try:
            with connection.transaction():
                _work(connection, events, task.work)
        except WorkFailed as failure:
            return _failed(connection, failure, task.retry_policy, profile)
        statements.mark_done(connection, events, batch_id)
        claims.clear(connection, profile.worker)
        claimed = ClaimedBatch(events, batch_id, started_at, time.perf_counter() - began)
        return _recorded(connection, planned, profile, claimed)


def _claim(connection: Connection, planned: PlannedBatch) -> list[ClaimedEvent]:
    if planned.is_retry:
        return statements.claim_retry(connection)
    return statements.claim(connection, planned.decision.size)


def _work(connection: Connection, events: Sequence[ClaimedEvent], work: Work) -> None:
    """Do the work; raises WorkFailed where data is to blame."""
    try:
        work(connection, events)
    except psycopg.OperationalError:
        raise
    except statements.EventFailed as error:
        to_blame = [event for event in events if event.event_id == error.event_id]
        raise WorkFailed(to_blame or events, str(error)) from error
    except BAD_DATA as error:
        raise WorkFailed(events, f"{type(error).__name__}: {error}") from error


def _failed(
    connection: Connection, failure: WorkFailed, retry_policy: RetryPolicy, profile: WorkerProfile
) -> FailedBatch:
    claims.clear(connection, profile.worker)
    event_ids = [event.event_id for event in failure.events]
    buried = statements.schedule_retry(connection, event_ids, str(failure), retry_policy)
    return FailedBatch(len(event_ids) - len(buried), buried, str(failure))


def _recorded(
    connection: Connection, planned: PlannedBatch, profile: WorkerProfile, claimed: ClaimedBatch
) -> Batch:
    """Record a batch and return it."""
    cost = profile.prices.parts(len(claimed.events), claimed.seconds)
    missed = claimed.later_than(profile.objective_seconds)
    costs = {"fixed_cost": cost.fixed, "event_cost": cost.events, "second_cost": cost.seconds}
    facts = claimed.facts() | planned.facts() | profile.facts() | costs | {"missed": missed}
    facts["backlog"] = max(planned.view.backlog, len(claimed.events))
    connection.execute(RECORD, facts)
    far = claimed.later_than(FAR * profile.objective_seconds)
    facts_of_batch = len(claimed.events), claimed.seconds, max(claimed.waits), cost
    return Batch(*facts_of_batch, planned.decision.sized_by, missed, far, claimed.work)
