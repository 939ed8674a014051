"""The audit trail as its owner reads it: newest rows, the check of its chain, and pruning behind a seal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from almanac.store.rows.json_values import canonical_json
from almanac.store.schema.access_tables import audit, audit_head, audit_seals

LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac audit'))")
SETTLE = sa.text("SELECT almanac.audit_settle()")
APPEND = sa.text("SELECT api.audit_append(CAST(:event AS jsonb))")
PRUNE = sa.text("SELECT almanac.audit_prune(:before, :who)")
# The text is made here, not by the function that writes it: whoever changes that one is noticed.
CHAIN = sa.text("""
    SELECT a.audit_id, a.previous_hash, a.hash, a.action, a.detail, jsonb_build_array(
        a.audit_id, a.event_id,
        to_char(a.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.US"Z"'),
        a.action, a.who, a.subject, a.outcome, a.address, a.request_id, a.detail
    )\\:\\:text AS content
    FROM almanac.audit AS a ORDER BY a.audit_id
""")
CHANGED = "row {number} was changed after it was written"
MISSING = "rows {first} to {last} are missing"
NOT_LINKED = "row {number} does not follow the row before it"
NO_END = "the trail ends at row {number}, but its head says {head}"
OTHER_SEAL = "the seal at row {number} is not the one that pruning has recorded"
OTHER_THAN_NOTED = "row {number} has another hash than the one that was noted"
NOT_THERE = "row {number}, whose hash was noted, is no longer there"
MOST_FINDINGS = 20


@dataclass(frozen=True)
class Examined:
    """What the check of a trail has seen: how many rows, its last number and hash, and what is wrong."""

    rows: int
    number: int
    hash: str
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Filters:
    """Which rows of the trail; None is every value."""

    action: str | None = None
    who: str | None = None
    since: datetime | None = None


def append(connection: sa.Connection, action: str, **event: Any) -> None:
    """Write one row of the trail: who, subject, outcome, address, detail."""
    row = {"event_id": str(uuid4()), "action": action, "address": "command line", **event}
    connection.execute(APPEND, {"event": canonical_json(row)})


def newest(connection: sa.Connection, filters: Filters, *, limit: int) -> list[sa.RowMapping]:
    """Return the newest rows first; counts of minutes that are over become rows before."""
    connection.execute(LOCK)
    connection.execute(SETTLE)
    query = sa.select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
    for column, value in ((audit.c.action, filters.action), (audit.c.who, filters.who)):
        query = query.where(column == value) if value else query
    if filters.since:
        query = query.where(audit.c.recorded_at >= filters.since)
    return list(connection.execute(query).mappings().all())


def prune(connection: sa.Connection, before: datetime, *, who: str) -> int:
    """Take away the rows before an instant and leave a seal with the last hash; return their number."""
    return int(connection.execute(PRUNE, {"before": before, "who": who}).scalar_one())


def examine(connection: sa.Connection, noted: tuple[int, str] | None = None) -> Examined:
    """Check every hash, every link, the seal and the head; `noted` is a number with the hash it had."""
    connection.execute(LOCK)
    seal = connection.execute(sa.select(audit_seals).order_by(audit_seals.c.audit_id.desc()).limit(1)).first()
    walk = _Walk(number=seal.audit_id if seal else 0, hash=seal.hash if seal else "", noted=noted)
    for row in connection.execute(CHAIN).mappings():
        walk.step(row)
    walk.finish(seal, connection.execute(sa.select(audit_head)).first())
    return Examined(walk.rows, walk.number, walk.hash, tuple(walk.broken[:MOST_FINDINGS]))


@dataclass
class _Walk:
    """The way through a trail: the last row that was seen, and what was wrong until then."""

    number: int
    hash: str
    noted: tuple[int, str] | None
    rows: int = 0

    def __post_init__(self) -> None:
        self.broken: list[str] = []
        self.prunings: dict[int, str] = {}
        self.first = self.number + 1

    def step(self, row: Mapping[Any, Any]) -> None:
        """Compare a row with its own hash and with the row before."""
        self.broken += self._faults(row)
        if row["action"] == "audit_prune":
            self.prunings[row["detail"]["up_to"]] = row["detail"]["hash"]
        self.rows, self.number, self.hash = self.rows + 1, row["audit_id"], row["hash"]

    def _faults(self, row: Mapping[Any, Any]) -> Iterator[str]:
        number = row["audit_id"]
        if number != self.number + 1:
            yield MISSING.format(first=self.number + 1, last=number - 1)
        elif row["previous_hash"] != self.hash:
            yield NOT_LINKED.format(number=number)
        if sha256((row["previous_hash"] + row["content"]).encode()).hexdigest() != row["hash"]:
            yield CHANGED.format(number=number)
        if self.noted and self.noted[0] == number and not row["hash"].startswith(self.noted[1]):
            yield OTHER_THAN_NOTED.format(number=number)

    def finish(self, seal: Any, head: Any) -> None:
        """Compare the end with the head, and the seal with what pruning wrote into the trail."""
        if head is None or (head.audit_id, head.hash) != (self.number, self.hash):
            self.broken.append(NO_END.format(number=self.number, head=head.audit_id if head else "nothing"))
        if seal and self.prunings.get(seal.audit_id) != seal.hash:
            self.broken.append(OTHER_SEAL.format(number=seal.audit_id))
        if self.noted and not self.first <= self.noted[0] <= self.number:
            self.broken.append(NOT_THERE.format(number=self.noted[0]))
