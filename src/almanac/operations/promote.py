"""Promote a version by hand: first the alias, which says who should answer, then the release, which says who does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from almanac.errors import AlmanacError, IncompleteVersion, RunBusy, UsageError
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.store.connections import locks
from almanac.store.connections.database import Connection
from almanac.store.records import decisions, ledger, releases, runs, versions


def promote(project: Project, workload: str, version: int, *, why: str) -> int | None:
    """Make a version champion and end a hold; return the new release, or None where answers change at the next predict.

    The registry is asked outside of every transaction: however long it takes, nobody waits for it. Whoever dies after it has moved the
    alias leaves readers with what they had; the same command again completes it, and so does the next predict, unless there is a hold.
    Raises UsageError for an empty reason or a rollback meanwhile, NotFound for an unknown version, RunBusy beside another promotion.
    """
    if not why.strip():
        raise UsageError('Say why: --why "…". The ledger keeps the reason for ever.')
    with _alone(project, workload):
        seen = _examined(project, workload, version)
        before = project.registry.alias(workload, CHAMPION)
        project.registry.set_alias(workload, CHAMPION, version)
        row = {
            "workload": workload,
            "challenger": version,
            "champion": before,
            "promoted": True,
            "reason": why,
            "who": project.settings.who,
        }
        try:
            return _answering(project, row, seen)
        except AlmanacError:
            project.registry.set_alias(workload, CHAMPION, before)
            raise


@contextmanager
def _alone(project: Project, workload: str) -> Iterator[None]:
    """Let one promotion of a workload at a time ask the registry, so that alias and release name the same version in the end."""
    with locks.advisory_lock(project.database, f"almanac promote {workload}") as is_alone:
        if not is_alone:
            raise RunBusy(
                f"Another promotion of '{workload}' is under way. Wait for it to end, then see `almanac list`."
            )
        yield


def _examined(project: Project, workload: str, version: int) -> int | None:
    """Refuse what cannot be promoted before anything is changed; return the number of the release that answers."""
    with project.database.engine.begin() as connection:
        versions.get(connection, workload, version)
        if run := runs.newest_of_version(connection, workload, version):
            ledger.refuse_downgrade(connection, workload, demo=run["demo"], simulated=run["simulated"])
        live = releases.live(connection, workload)
    return live["release_id"] if live else None


def _answering(project: Project, decision: Mapping[str, Any], seen: int | None) -> int | None:
    """Release the version where a complete run of it is kept, end a hold and write the decision, all or nothing."""
    workload, version = decision["workload"], decision["challenger"]
    with project.database.engine.begin() as connection:
        ledger.lock(connection, workload)
        _refuse_rolled_back(releases.live(connection, workload), seen)
        run = runs.newest_of_version(connection, workload, version)
        release_id = (
            _released(
                connection, ledger.NewRelease(run["run_id"], "promote", decision["who"], decision["reason"])
            )
            if run
            else None
        )
        ledger.set_hold(connection, workload, on_hold=False)
        decisions.write(connection, decision)
    return release_id


def _refuse_rolled_back(live: releases.ReleaseRow | None, seen: int | None) -> None:
    """Raise UsageError where somebody rolled back while the registry was asked: that was decided later than this promotion."""
    if live and live["kind"] == "rollback" and live["release_id"] != seen:
        raise UsageError(
            f"'{live['workload']}' was rolled back by {live['who']} meanwhile (release {live['release_id']}), so nothing was promoted. "
            "Promote again if you still want to."
        )


def _released(connection: Connection, entry: ledger.NewRelease) -> int | None:
    """Release a run; return None where its version has to predict more before it may answer, which the next predict does."""
    try:
        return ledger.append(connection, entry)
    except IncompleteVersion:
        return None
