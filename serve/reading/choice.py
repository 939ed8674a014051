"""Which edition answers a request: the live one, or the one that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from almanac.contract import Contract
from serve.http.problems import NotFound, Problem, refused
from serve.reading import edition as ledger
from serve.reading.cursors import READ_RELEASE, UNREADABLE, Cursor
from serve.reading.database import Database
from serve.reading.edition import Edition, has_old_data, is_stale
from serve.reading.live import LiveReleases
from serve.reading.request import ReadRequest

NO_VERSION = "'{}' keeps no predictions of this model version. GET /v1/{}/releases names those it released."
NO_RUN = "The run that this cursor reads is no longer kept. Begin again without a cursor."
PRUNED = (
    "The rows of this release are no longer kept; `ledger` says what it was. "
    "Newer releases can still be read."
)
EXCLUDED = "exclude each other; a cursor already says where to read"


@dataclass(frozen=True, slots=True)
class Choice:
    """The edition that answers a request; None where there is no release yet.

    `origin` is the route, and for an older edition whose entries may be erased the live release too: erasing
    makes a release, so that the ETag of an answer from before changes.
    """

    edition: Edition | None
    is_stale: bool
    origin: str


@dataclass(frozen=True)
class Editions:
    """Chooses the edition of a request; the live one takes no query."""

    database: Database
    releases: LiveReleases

    async def choose(self, read: ReadRequest) -> Choice:
        """Return the edition that a request names.

        Raises Problem 404 for a version that never was, 410 for rows that were pruned, 422 for parameters
        that exclude each other.
        """
        contract, path = read.contract, read.request.scope["route"].path
        pins = read.pins
        if not pins:
            live = await self.releases.live(contract.name)
            return Choice(live, is_stale(contract, live, datetime.now(UTC)), path)
        edition = await self._named(read)
        live = await self.releases.live(contract.name)
        is_late = edition is live and is_stale(contract, live, datetime.now(UTC))
        stale = is_late or has_old_data(contract, edition)
        return Choice(edition, stale, f"{path} {live.pin}" if live and contract.incremental else path)

    async def _named(self, read: ReadRequest) -> Edition | None:
        contract, values = read.contract, read.values
        if len(read.pins) > 1:
            raise refused({"in": "query", "names": sorted(read.pins), "reason": EXCLUDED})
        if read.cursor:
            return await self._pinned(contract, read.cursor)
        if "model_version" in values:
            return await self.of_version(contract, values["model_version"])
        return await self._released(ledger.AS_OF, contract, values["as_of"])

    async def release(self, contract: Contract, release_id: int) -> Edition | None:
        """Return a release by its number, None where the workload has no such release; raises Problem 410."""
        return await self._released(ledger.RELEASE, contract, release_id)

    async def at(self, contract: Contract, moment: datetime) -> Edition | None:
        """Return the release that answered at an instant, None before the first; raises Problem 410."""
        return await self._released(ledger.AS_OF, contract, moment)

    def is_current(self, contract: Contract, choice: Choice) -> bool:
        """Return whether a request without pins would be answered by this choice now."""
        return self.releases.is_live(choice.edition, contract.name) and (
            is_stale(contract, choice.edition, datetime.now(UTC)) == choice.is_stale
        )

    async def still_holds(self, read: ReadRequest, edition: Edition | None) -> bool:
        """Return whether the live edition is live still, or whether the rows of an older one still exist."""
        contract = read.contract
        if self.releases.is_live(edition, contract.name):
            return True
        if not read.pins:
            return False
        if edition is None:
            return True
        values = (contract.incremental, contract.name, edition.run_id)
        return bool(await self.database.rows(ledger.RUN, values))

    async def _released(self, query: bytes, contract: Contract, condition: Any) -> Edition | None:
        rows = await self.database.rows(query, (contract.name, condition))
        if not rows:
            return None
        *_, is_pruned, entry = rows[0]
        if is_pruned:
            raise gone(entry)
        return ledger.edition(rows[0])

    async def _pinned(self, contract: Contract, cursor: Cursor) -> Edition:
        live = await self.releases.live(contract.name)
        if live and live.pin == cursor.pin:
            return live
        kind, _, name = cursor.pin.partition(" ")
        if kind == "run":
            return await self._of_run(contract, name)
        try:
            edition = await self.release(contract, READ_RELEASE(name))
        except ValueError:
            edition = None
        if edition is None:
            raise refused({"in": "query", "name": "cursor", "reason": UNREADABLE})
        return edition

    async def of_version(self, contract: Contract, version: int) -> Edition:
        """Return the newest edition of a model version that is not pruned; raises Problem 404 or 410."""
        rows = await self.database.rows(ledger.VERSION, (contract.incremental, contract.name, version))
        if rows:
            return ledger.edition(rows[0])
        entries = await self.database.rows(ledger.RELEASE_OF_VERSION, (contract.name, version))
        if entries:
            raise gone(entries[0][-1])
        raise NotFound(NO_VERSION.format(contract.name, contract.name))

    async def _of_run(self, contract: Contract, run_id: str) -> Edition:
        rows = await self.database.rows(ledger.RUN, (contract.incremental, contract.name, run_id))
        if not rows:
            raise Problem(410, NO_RUN)
        return ledger.edition(rows[0])


def gone(entry: Mapping[str, Any]) -> Problem:
    """Return the problem for a release whose rows were pruned, with its entry of the ledger."""
    return Problem(410, PRUNED, ledger=entry)
