"""Brings events into a queue and lets workers work on it, in this process or in others that may be killed."""

import json
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from almanac.store.connections.database import Database
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.sizing import Fixed, Rule
from almanac.workloads.events.queue.batches import Terms
from almanac.workloads.events.queue.statements import Patience
from almanac.workloads.events.queue.worker import Manner, Tally, Worker

NUMBERS = count()


def event(**members: object) -> dict[str, Any]:
    """Return an event with an id of its own."""
    known = {
        "event_type": "order",
        "event_time": "2026-11-22T06:00:30Z",
        "size_kb": 2.0,
        "priority": 1,
        "payload": None,
    }
    return {"event_id": f"e{next(NUMBERS):06d}"} | known | members


def events(number: int, **members: object) -> list[dict[str, Any]]:
    """Return so many events that differ in their ids only."""
    return [event(**members) for _ in range(number)]


@dataclass(frozen=True)
class Bench:
    """A queue and workers on it."""

    url: str

    def send(self, *sent: dict[str, Any]) -> list[str]:
        """Store events and return what became of each."""
        with Database(self.url, "ingest").connect() as connection:
            answer = connection.execute(
                "SELECT outcome FROM api.events_ingest(%s) ORDER BY place", [json.dumps(sent)]
            ).fetchall()
        return [outcome for (outcome,) in answer]

    def worker(self, rule: Rule | None = None, name: str = "first", **manner: Any) -> Worker:
        """Return a worker that drains the queue, in batches of ten where nothing else is said."""
        terms = Terms(name, Prices(), manner.pop("objective", 2.0))
        given = {"drain": True, "patience": Patience(3, 0.01)} | manner
        return Worker(
            partial(Database(self.url, "worker").connect, autocommit=True),
            terms,
            Manner(rule or Fixed(10, 2.0), **given),
        )

    def drain(self, rule: Rule | None = None, **manner: Any) -> Tally:
        """Let one worker work until nothing waits."""
        return self.worker(rule, **manner).run()

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, asked as the owner."""
        with Database(self.url).connect() as connection:
            return connection.execute(query, values).fetchall()

    def settled(self) -> dict[str, int]:
        """Return what must be equal when everything was done once: events stored, marked, rolled up, and counted in batches."""
        query = """
            SELECT (SELECT count(*) FROM almanac.events_queue), (SELECT count(*) FROM almanac.events_queue WHERE state = 'done'),
                (SELECT coalesce(sum(events), 0)::bigint FROM almanac.events_rollups),
                (SELECT coalesce(sum(events), 0)::bigint FROM almanac.events_batches),
                (SELECT count(*) FROM almanac.events_queue JOIN almanac.events_batches USING (batch_id))
        """
        (found,) = self.ask(query)
        return dict(zip(("stored", "done", "rolled up", "in batches", "with batch"), found, strict=True))
