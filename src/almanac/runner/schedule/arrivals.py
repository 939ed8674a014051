"""Entries that come in: when enough of them wait, or one has waited long enough, a run is due at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import sql

from almanac.contract import Contract
from almanac.runner.schedule import records
from almanac.runner.schedule.records import Connection
from almanac.runner.schedule.rhythm import Rhythm

WAITING = sql.SQL("""
    SELECT count(*) FROM (
        SELECT FROM almanac.{table} WHERE {entity} > coalesce((
            SELECT max(covered_until) FROM almanac.runs WHERE workload = %s AND status = 'succeeded'
        ), 0) LIMIT %s
    ) AS waiting
""")
# While entries wait for company, their number is looked up so often.
LOOK_SECONDS = 1.0


@dataclass
class Arrivals:
    """What waits for a run on arrival; `since` has the instant of the first notice of each schedule."""

    rhythms: Sequence[Rhythm]
    contracts: Mapping[str, Contract]
    since: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def notice(self, table: str, now: datetime) -> None:
        """Note that entries have come into a table."""
        for rhythm in self._watching():
            if self.contracts[rhythm.workload].entries == table:
                self.since.setdefault(rhythm.key, now)

    def notice_rest(self, connection: Connection, workload: str, now: datetime) -> None:
        """After a run: note the entries that came too late for it."""
        for rhythm in self._watching():
            if rhythm.workload == workload and self._waiting(connection, rhythm, 1):
                self.since.setdefault(rhythm.key, now)

    def plan(self, connection: Connection, now: datetime) -> None:
        """Add a slot at this second for each schedule whose entries have waited enough."""
        for rhythm in self._watching():
            since = self.since.get(rhythm.key)
            if since is None or rhythm.arrival is None:
                continue
            # A clock that was set back makes nobody wait longer.
            is_over = abs(now - since) >= timedelta(seconds=rhythm.arrival.seconds)
            if is_over or self._waiting(connection, rhythm, rhythm.arrival.rows) >= rhythm.arrival.rows:
                del self.since[rhythm.key]
                records.add(connection, rhythm, [now.replace(microsecond=0)])

    def next_look(self, now: datetime) -> datetime | None:
        """Return when to look again, None while nothing waits."""
        return now + timedelta(seconds=LOOK_SECONDS) if self.since else None

    def _watching(self) -> list[Rhythm]:
        entries = {name for name, contract in self.contracts.items() if contract.entries}
        return [rhythm for rhythm in self.rhythms if rhythm.arrival and rhythm.workload in entries]

    def _waiting(self, connection: Connection, rhythm: Rhythm, most: int) -> int:
        """Return how many entries no run has predicted, counted up to `most`."""
        contract = self.contracts[rhythm.workload]
        names = {"table": sql.Identifier(contract.entries), "entity": sql.Identifier(contract.entity)}
        row = connection.execute(WAITING.format(**names), [rhythm.workload, most]).fetchone()
        return int(row[0]) if row else 0
