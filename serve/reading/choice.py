"""Which edition answers a request: the live one, or the one that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from almanac.contract import Contract
from serve.http.problems import Problem, refused
from serve.reading import edition as ledger
from serve.reading.cursors import READ_RELEASE, UNREADABLE, Cursor
from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.reading.live import LiveReleases
from serve.reading.request import ReadRequest


@dataclass(frozen=True)
class Editions:
    """Finds the edition of a request; what is live is known without a query."""

    database: Database
    releases: LiveReleases

    async def choose(self, question: ReadRequest) -> Edition | None:
        """Return the edition that is asked for, None where there was no release.

        Raises Problem 404 for a version that never was, 410 for rows that were pruned, 422 for parameters that exclude each other.
        """
        contract, values = question.contract, question.values
        if len(question.pins) > 1:
            raise refused(
                {
                    "in": "query",
                    "names": sorted(question.pins),
                    "reason": "exclude each other; a cursor already says where to read",
                }
            )
        if question.cursor:
            return await self._pinned(contract, question.cursor)
        if "model_version" in values:
            return await self.of_version(contract, values["model_version"])
        if "as_of" in values:
            return await self._released(ledger.AS_OF, contract, values["as_of"])
        return await self.releases.live(contract.name)

    async def release(self, contract: Contract, release_id: int) -> Edition | None:
        """Return a release by its number, None where the workload has no such release; raises Problem 410."""
        return await self._released(ledger.RELEASE, contract, release_id)

    async def still_holds(self, question: ReadRequest, edition: Edition | None) -> bool:
        """Tell whether what was just read may be answered: what is live still is, the rows of another edition were not pruned meanwhile."""
        contract = question.contract
        if self.releases.is_live(edition, contract.name):
            return True
        if not question.pins:
            return False
        return edition is None or bool(
            await self.database.rows(ledger.RUN, (contract.incremental, contract.name, edition.run_id))
        )

    async def _released(self, query: bytes, contract: Contract, condition: Any) -> Edition | None:
        found = await self.database.rows(query, (contract.name, condition))
        if not found:
            return None
        *_, pruned, entry = found[0]
        if pruned:
            raise gone(entry)
        return ledger.edition(found[0])

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
        """Return the newest kept edition of a model version; raises Problem 404 or 410."""
        if found := await self.database.rows(ledger.VERSION, (contract.incremental, contract.name, version)):
            return ledger.edition(found[0])
        if entries := await self.database.rows(ledger.RELEASE_OF_VERSION, (contract.name, version)):
            raise gone(entries[0][-1])
        raise Problem(
            404,
            f"'{contract.name}' keeps no predictions of this model version. GET /v1/{contract.name}/releases names those it released.",
        )

    async def _of_run(self, contract: Contract, run_id: str) -> Edition:
        if found := await self.database.rows(ledger.RUN, (contract.incremental, contract.name, run_id)):
            return ledger.edition(found[0])
        raise Problem(410, "The run that this cursor reads is no longer kept. Begin again without a cursor.")


def gone(entry: Mapping[str, Any]) -> Problem:
    """Return the problem for a release whose rows were pruned, with its entry of the ledger."""
    return Problem(
        410,
        "The rows of this release are no longer kept; `ledger` says what it was. Newer releases can still be read.",
        ledger=entry,
    )
