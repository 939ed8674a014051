"""Sends events to a queue and lets workers work on it, in this process or in others that may be killed."""

import json
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from almanac.store.connections.database import Database
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.sizing import FixedSizing, Sizing
from almanac.workloads.events.queue.batches import WorkerProfile
from almanac.workloads.events.queue.statements import RetryPolicy
from almanac.workloads.events.queue.tally import Tally
from almanac.workloads.events.queue.worker import Connect, Worker, WorkerOptions

NUMBERS = count()
EVENT = {
    "event_type": "order",
    "event_time": "2026-11-22T06:00:30Z",
    "size_kb": 2.0,
    "priority": 1,
    "payload": None,
}
INGEST = "SELECT outcome FROM api.events_ingest(%s) ORDER BY place"
TOTALS = """
SELECT (SELECT count(*) FROM almanac.events_queue),
    (SELECT count(*) FROM almanac.events_queue WHERE state = 'done'),
    (SELECT coalesce(sum(events), 0)::bigint FROM almanac.events_rollups),
    (SELECT coalesce(sum(events), 0)::bigint FROM almanac.events_batches),
    (SELECT count(*) FROM almanac.events_queue JOIN almanac.events_batches USING (batch_id))
"""
TOTAL_NAMES = ("stored", "done", "rolled up", "in batches", "with batch")


def event(**members: object) -> dict[str, Any]:
    """Return an event with an id of its own."""
    return {"event_id": f"e{next(NUMBERS):06d}"} | EVENT | members


def events(number: int, **members: object) -> list[dict[str, Any]]:
    """Return so many events that differ in their ids only."""
    return [event(**members) for _ in range(number)]


@dataclass(frozen=True)
class Bench:
    """A queue and workers on it."""

    url: str

    def connect(self, role: str = "worker") -> Connect:
        """Return a function that opens a connection of a role, with autocommit."""
        return partial(Database(self.url, role).connect, autocommit=True)

    def send(self, *batch: dict[str, Any]) -> list[str]:
        """Store events and return the outcome of each."""
        with Database(self.url, "ingest").connect() as connection:
            rows = connection.execute(INGEST, [json.dumps(batch)]).fetchall()
        return [outcome for (outcome,) in rows]

    def worker(self, sizing: Sizing | None = None, name: str = "first", **options: Any) -> Worker:
        """Return a worker that drains the queue, by default in batches of ten."""
        profile = WorkerProfile(name, Prices(), options.pop("objective", 2.0))
        members = {"drain": True, "retry_policy": RetryPolicy(3, 0.01)} | options
        return Worker(self.connect(), profile, WorkerOptions(sizing or FixedSizing(10, 2.0), **members))

    def drain(self, sizing: Sizing | None = None, **options: Any) -> Tally:
        """Let one worker work until nothing waits."""
        return self.worker(sizing, **options).run()

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement as the owner and return its rows."""
        with Database(self.url).connect() as connection:
            return connection.execute(statement, values).fetchall()

    def totals(self) -> dict[str, int]:
        """Return the numbers of events in each place: all equal when each event was done once."""
        (row,) = self.query(TOTALS)
        return dict(zip(TOTAL_NAMES, row, strict=True))
