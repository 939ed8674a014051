"""What is done around a release of the logs, on a connection of the owner: search, alerts, questions, and what has expired."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from almanac.workloads.logs import retention
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import alerts, searching

Connection = psycopg.Connection[Any]
Removal = tuple[str, Callable[[Connection], list[int]], Callable[[list[str]], Callable[[Connection], None]]]
ASKED_FOR = timedelta(hours=24)


def prepare(connection: Connection, covered_until: int) -> int:
    """Make the entries up to this number searchable; return how many were added."""
    return searching.prepare(connection, covered_until)


def tend(connection: Connection, now: datetime) -> None:
    """Judge the rules of alerts, forget old questions, and bring the search of a day that is over into order."""
    alerts.judge(connection, now)
    connection.execute("DELETE FROM almanac.log_questions WHERE asked_at < %s", [now - ASKED_FOR])
    searching.lay_out(connection, now.date())


def expired(connection: Connection, now: datetime) -> Iterator[Removal]:
    """Yield what retention takes: why, what removes the entries and returns their numbers, and what mends the runs."""
    for day in retention.expired(connection, (now - CONTRACT.retention).date()):
        yield f"retention: received on {day}", retention.dropping(day), retention.mend
