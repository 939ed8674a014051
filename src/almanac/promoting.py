"""Promote a version by hand: move the alias, and release its predictions where a complete run of it is kept."""

from almanac.errors import IncompleteVersion, UsageError
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.store import decisions, ledger, runs, versions
from almanac.store.database import Connection


def promote(project: Project, workload: str, version: int, *, why: str) -> int | None:
    """Make a version champion and end a hold; return the new release, or None where answers change at the next predict.

    Raises UsageError for an empty reason, NotFound for an unknown version.
    """
    if not why.strip():
        raise UsageError('Say why: --why "…". The ledger keeps the reason for ever.')
    before = project.registry.alias(workload, CHAMPION)
    with project.database.engine.begin() as connection:
        versions.get(connection, workload, version)
        run = runs.with_version(connection, workload, version)
        release_id = _released(connection, ledger.Entry(run["run_id"], "promote", project.settings.who, why)) if run else None
        ledger.set_hold(connection, workload, on_hold=False)
        row = {"workload": workload, "challenger": version, "champion": before, "promoted": True, "reason": why, "who": project.settings.who}
        decisions.write(connection, row)
        project.registry.set_alias(workload, CHAMPION, version)
    return release_id


def _released(connection: Connection, entry: ledger.Entry) -> int | None:
    """Release a run; return None where its version has to predict more before it may answer, which the next predict does."""
    try:
        return ledger.append(connection, entry)
    except IncompleteVersion:
        return None
