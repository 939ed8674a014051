"""Work of the owner around a release of the logs: search, alerts, texts to classify, retention."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import alerts, recount, retention, search_index
from almanac.workloads.logs.keeping.files import table

Connection = psycopg.Connection[Any]
Deletion = Callable[[Connection], list[int]]
Repair = Callable[[list[str]], Callable[[Connection], None]]
# How long a text of `POST /v1/logs/classify` waits for a prediction.
PENDING = timedelta(hours=24)
DELETE_PENDING_TEXTS = "DELETE FROM almanac.log_questions WHERE asked_at < %s"


def prepare(connection: Connection, covered_until: int) -> int:
    """Make the entries up to this number searchable; return how many were added."""
    return search_index.prepare(connection, covered_until)


def tend(connection: Connection, now: datetime) -> None:
    """Judge the rules of alerts, delete what is too old, and rewrite the search index of a past day."""
    alerts.judge(connection, now)
    connection.execute(DELETE_PENDING_TEXTS, [now - PENDING])
    table.forget(connection, now - CONTRACT.retention - timedelta(days=1))
    search_index.cluster(connection, now.date())


def expired(connection: Connection, now: datetime) -> Iterator[tuple[str, Deletion, Repair]]:
    """Yield the deletions of retention: reason, function that deletes entries, function that repairs runs."""
    first_day = (now - CONTRACT.retention).date()
    for day in retention.expired_days(connection, first_day):
        deletion = partial(retention.drop_day, day=day)
        yield f"retention: received on {day}", deletion, recount.repair
