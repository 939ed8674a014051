"""One batch: claim, work, mark and record, in one transaction."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from almanac.workloads.events.policy.costs import Parts, Prices
from almanac.workloads.events.policy.sizing import Decision
from almanac.workloads.events.policy.start import FAR
from almanac.workloads.events.queue import claims, statements
from almanac.workloads.events.queue.statements import Connection, Event, Patience, Sight
from almanac.workloads.events.queue.work import Work

# What work raises when it meets data it cannot deal with; any other error is a fault of the program and ends it.
BAD_DATA = (psycopg.Error, ValueError, TypeError, LookupError, ArithmeticError)
BEGIN = "SELECT nextval('almanac.events_batches_batch_id_seq'), clock_timestamp()"
RECORD = """
INSERT INTO almanac.events_batches (
    batch_id, worker, started_at, finished_at, hour, events, kb, kinds, backlog, oldest_seconds, mean_wait_seconds, seconds, missed,
    objective_seconds, fixed_cost, event_cost, second_cost, sized_by, size_wanted, state_id, release_id, predicted_seconds,
    predicted_p90_seconds, predicted_cost, simulated
) VALUES (
    %(batch_id)s, %(worker)s, %(started_at)s, clock_timestamp(), %(hour)s, %(events)s, %(kb)s, %(kinds)s, %(backlog)s, %(oldest_seconds)s,
    %(mean_wait_seconds)s, %(seconds)s, %(missed)s, %(objective_seconds)s, %(fixed_cost)s, %(event_cost)s, %(second_cost)s, %(sized_by)s,
    %(size_wanted)s, %(state_id)s, %(release_id)s, %(predicted_seconds)s, %(predicted_p90_seconds)s, %(predicted_cost)s, %(simulated)s
)
"""


@dataclass(frozen=True)
class Terms:
    """Under which name a worker makes batches, what they cost, the objective that their events should keep, and whether the work is a trial."""

    worker: str
    prices: Prices
    objective_seconds: float
    simulated: bool = False


@dataclass(frozen=True)
class Order:
    """A batch that is to be made: what was seen and what was decided, by which release."""

    sight: Sight
    decision: Decision
    release_id: int | None


@dataclass(frozen=True)
class Batch:
    """A batch that was made."""

    events: int
    seconds: float
    oldest_seconds: float
    cost: Parts
    sized_by: str
    missed: int
    far: int = 0


class WorkFailed(Exception):
    """The work on a batch failed. `events` are those to try again."""

    def __init__(self, events: Sequence[Event], reason: str) -> None:
        super().__init__(reason)
        self.events = events


@dataclass(frozen=True)
class Failed:
    """A batch whose work failed and left nothing behind: how many events are tried again, which are buried instead, and why."""

    tried_again: int
    buried: Sequence[str]
    reason: str


@dataclass(frozen=True)
class Task:
    """What is done with the events of a batch, and how often that is tried."""

    work: Work
    patience: Patience


def make(
    connection: Connection, notes: Connection, order: Order, task: Task, terms: Terms
) -> Batch | Failed | None:
    """Make one batch; return None where others have claimed everything. Raises psycopg.OperationalError.

    What was claimed is noted by `notes`, another connection, before the work begins. It stays claimed until it is marked as done or as to be
    tried again, so that nobody else takes it in between.
    """
    with connection.transaction():
        again = order.decision.sized_by == "again"
        events = (
            statements.claim_again(connection) if again else statements.claim(connection, order.decision.size)
        )
        if not events:
            return None
        claims.note(notes, terms.worker, events)
        [(batch_id, started_at)] = connection.execute(BEGIN).fetchall()
        began = time.perf_counter()
        try:
            with connection.transaction():
                _do(connection, events, task.work)
        except WorkFailed as failed:
            return _given_back(connection, failed, task.patience, terms)
        statements.mark(connection, events, batch_id)
        claims.clear(connection, terms.worker)
        seconds = time.perf_counter() - began
        return _recorded(connection, order, terms, Claimed(events, batch_id, started_at, seconds))


@dataclass(frozen=True)
class Claimed:
    """The events of a batch, when its work began and how long that took."""

    events: Sequence[Event]
    batch_id: int
    started_at: datetime
    seconds: float


def _do(connection: Connection, events: Sequence[Event], work: Work) -> None:
    try:
        work(connection, events)
    except psycopg.OperationalError:
        raise
    except statements.EventFailed as error:
        to_blame = [event for event in events if event.event_id == error.event_id]
        raise WorkFailed(to_blame or events, str(error)) from error
    except BAD_DATA as error:
        raise WorkFailed(events, f"{type(error).__name__}: {error}") from error


def _given_back(connection: Connection, failed: WorkFailed, patience: Patience, terms: Terms) -> Failed:
    claims.clear(connection, terms.worker)
    buried = statements.try_again(
        connection, [event.event_id for event in failed.events], str(failed), patience
    )
    return Failed(len(failed.events) - len(buried), buried, str(failed))


def _recorded(connection: Connection, order: Order, terms: Terms, claimed: Claimed) -> Batch:
    events, seconds = claimed.events, claimed.seconds
    cost = terms.prices.parts(len(events), seconds)
    waits = [event.waited_seconds for event in events]
    known: dict[str, Any] = {
        "batch_id": claimed.batch_id,
        "worker": terms.worker,
        "started_at": claimed.started_at,
        "hour": order.sight.hour,
        "events": len(events),
        "kb": sum(event.size_kb for event in events),
        "kinds": Jsonb(Counter(event.event_type for event in events)),
        "backlog": max(order.sight.backlog, len(events)),
        "oldest_seconds": max(waits),
        "mean_wait_seconds": sum(waits) / len(waits),
        "seconds": seconds,
        "missed": sum(wait + seconds > terms.objective_seconds for wait in waits),
        "objective_seconds": terms.objective_seconds,
        "sized_by": order.decision.sized_by,
        "size_wanted": order.decision.size,
        "simulated": terms.simulated,
    }
    known |= {"fixed_cost": cost.fixed, "event_cost": cost.events, "second_cost": cost.seconds}
    connection.execute(RECORD, known | _promised(order))
    far = sum(wait + seconds > FAR * terms.objective_seconds for wait in waits)
    return Batch(len(events), seconds, max(waits), cost, order.decision.sized_by, known["missed"], far)


def _promised(order: Order) -> dict[str, Any]:
    """Return what the policy said of this batch; without a policy it said nothing."""
    choice = order.decision.choice
    if choice is None:
        return dict.fromkeys(
            ("state_id", "release_id", "predicted_seconds", "predicted_p90_seconds", "predicted_cost")
        )
    predicted = {
        "predicted_seconds": choice.expected_seconds,
        "predicted_p90_seconds": choice.p90_seconds,
        "predicted_cost": choice.expected_cost,
    }
    return predicted | {"state_id": choice.state_id, "release_id": order.release_id}
