"""Take a workload out of the database, or begin it anew: its tables, views, aliases and answers go.

The records of its runs, its releases and its model versions stay for ever.
"""

from dataclasses import dataclass
from functools import partial

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import NotFound, UsageError
from almanac.project import Project
from almanac.registry import CHALLENGER, CHAMPION
from almanac.store.connections.locks import retry_on_lock
from almanac.store.records import runs
from almanac.store.schema import removal
from almanac.store.schema.ensure import ensure

NOT_THERE = "'{workload}' has no tables in this database, so there is nothing to take away."
NOT_CONFIRMED = "This drops {what} for good. Look at them first, then add --yes."
REAL_RELEASES = (
    "'{workload}' has released predictions that are not simulated (release {release_id}), so it is not begun "
    "anew. Declare what changed under new names, or take the workload out: almanac retire {workload} --yes"
)


@dataclass(frozen=True)
class Removal:
    """What was taken away: the tables, and the SQL files whose objects stay in the database."""

    tables: tuple[str, ...]
    files: tuple[str, ...]


def retire(project: Project, workload: str, *, confirmed: bool) -> Removal:
    """Take a workload out of the database, also one whose folder is gone.

    Raises NotFound where it has no tables, UsageError unless it is confirmed, RunBusy beside a run.
    """
    with runs.exclusive(project.database, workload):
        contract = _recorded(project, workload)
        _refuse_unconfirmed(project, contract, confirmed=confirmed)
        return _remove(project, contract)


def reset(project: Project, workload: str, *, confirmed: bool) -> Removal:
    """Begin a workload anew by its present contract, where all that it ever released was simulated.

    Raises as `retire` does, and UsageError where predictions were released that are not simulated.
    """
    declared = discovery.contract(workload)
    with runs.exclusive(project.database, workload):
        contract = _recorded(project, workload)
        _refuse_real_releases(project, workload)
        _refuse_unconfirmed(project, contract, confirmed=confirmed)
        removal = _remove(project, contract)
        retry_on_lock(project.database, partial(ensure, contract=declared))
    return removal


def _recorded(project: Project, workload: str) -> Contract:
    """Return the contract that the tables were made from."""
    with project.database.engine.begin() as connection:
        contract = removal.recorded_contract(connection, workload)
    if contract is None:
        raise NotFound(NOT_THERE.format(workload=workload))
    return contract


def _refuse_unconfirmed(project: Project, contract: Contract, *, confirmed: bool) -> None:
    if confirmed:
        return
    with project.database.engine.begin() as connection:
        counts = removal.row_counts(connection, contract)
    what = ", ".join(f"{name} ({count} rows)" for name, count in counts.items())
    raise UsageError(NOT_CONFIRMED.format(what=what or f"the views of '{contract.name}'"))


def _refuse_real_releases(project: Project, workload: str) -> None:
    with project.database.engine.begin() as connection:
        release_id = removal.newest_real_release(connection, workload)
    if release_id is not None:
        raise UsageError(REAL_RELEASES.format(workload=workload, release_id=release_id))


def _remove(project: Project, contract: Contract) -> Removal:
    for alias in (CHAMPION, CHALLENGER):
        if project.registry.alias(contract.name, alias) is not None:
            project.registry.set_alias(contract.name, alias, None)
    return Removal(*retry_on_lock(project.database, partial(removal.remove, contract=contract)))
