"""Upkeep: a workload's module `upkeep` works before and after each release, and yields expired entries."""

from datetime import UTC, datetime
from types import ModuleType

from almanac import discovery
from almanac.contract import Contract
from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import erasures

WHO = "retention"


def prepare(database: Database, contract: Contract, covered_until: int) -> None:
    """Call the workload's `prepare(connection, covered_until)` before those entries are released."""
    module = _module(contract)
    if module is not None:
        with database.connect() as connection:
            module.prepare(connection, covered_until)


def tend(database: Database, contract: Contract, *, now: datetime | None = None) -> None:
    """Call the workload's `tend(connection, now)`, then erase what its `expired(connection, now)` yields.

    A workload without such a module needs no upkeep.
    """
    module = _module(contract)
    if module is None:
        return
    moment = now or datetime.now(UTC)
    with database.connect() as connection:
        module.tend(connection, moment)
    with database.connect() as connection:
        expired = list(module.expired(connection, moment))
    for why, entries, mend in expired:
        erasures.erase(database, erasures.ErasureRequest(contract, entries, mend, WHO, why))


def _module(contract: Contract) -> ModuleType | None:
    """Return the workload's module; a workload of a test may have no folder."""
    has_folder = (discovery.WORKLOADS / contract.name).is_dir()
    return discovery.module(contract.name, "upkeep") if has_folder else None
