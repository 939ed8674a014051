"""Aliases of promotions by HTTP: the next run or command carries them to the model registry."""

import logging

from almanac.errors import RegistryError
from almanac.log_lines import fields
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.store.connections import locks
from almanac.store.records import pending_aliases

CARRIED = "version %s is champion now, as %s has promoted it by HTTP"
NOT_CARRIED = "version %s was promoted by HTTP, but the model registry does not take its alias: %s"
log = logging.getLogger("almanac")


def carry(project: Project, workload: str | None = None) -> None:
    """Make the versions champion that were promoted by HTTP, of one workload or of all.

    A promotion that another decision has overtaken is forgotten. Where the registry refuses, it stays pending
    and the log says why. Nothing is asked of the registry where nothing is pending.
    """
    with project.database.engine.begin() as connection:
        waiting = pending_aliases.of(connection, workload)
    for row in waiting:
        with locks.advisory_lock(project.database, f"almanac promote {row['workload']}") as is_locked:
            # Whoever has the lock promotes by hand, and that is the later decision.
            if is_locked:
                _carry(project, row)


def _carry(project: Project, row: pending_aliases.PendingRow) -> None:
    names, version = fields(workload=row["workload"]), row["model_version"]
    with project.database.engine.begin() as connection:
        is_overtaken = pending_aliases.is_overtaken(connection, row)
    if not is_overtaken:
        try:
            project.registry.set_alias(row["workload"], CHAMPION, version)
        except RegistryError as error:
            log.warning(NOT_CARRIED, version, error, extra=names)
            return
        log.info(CARRIED, version, row["who"], extra=names)
    with project.database.engine.begin() as connection:
        pending_aliases.remove(connection, row)
