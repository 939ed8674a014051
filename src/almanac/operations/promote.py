"""Promote a version by hand: first the alias (who should answer), then the release (who answers)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from almanac.errors import AlmanacError, IncompleteVersion, RunBusy, UsageError
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.store.connections import locks
from almanac.store.connections.database import Connection
from almanac.store.records import audit, decisions, ledger, pending_aliases, releases, runs, versions

ROLLED_BACK = (
    "'{workload}' was rolled back by {who} meanwhile (release {release_id}), so nothing was promoted. "
    "Promote again if you still want to."
)


def promote(project: Project, workload: str, version: int, *, why: str) -> int | None:
    """Make a version champion and end a hold.

    Return the new release, or None where answers change at the next predict.

    The registry is called outside of every transaction, so that readers never wait for it. A process that
    ends after it has moved the alias changes nothing for readers. The same command completes the promotion,
    and so does the next predict unless there is a hold. Raises UsageError for an empty reason or a rollback
    meanwhile, NotFound for an unknown version, RunBusy beside another promotion.
    """
    if not why.strip():
        raise UsageError('Say why: --why "…". The ledger keeps the reason for ever.')
    with _exclusive(project, workload):
        live = _live_release(project, workload, version)
        before = project.registry.alias(workload, CHAMPION)
        decision = {
            "workload": workload,
            "challenger": version,
            "champion": before,
            "promoted": True,
            "reason": why,
            "who": project.settings.who,
        }
        project.registry.set_alias(workload, CHAMPION, version)
        try:
            return _release(project, decision, live)
        except AlmanacError:
            project.registry.set_alias(workload, CHAMPION, before)
            raise


@contextmanager
def _exclusive(project: Project, workload: str) -> Iterator[None]:
    """Let one promotion of a workload at a time call the registry; raises RunBusy.

    Alias and release then name the same version in the end.
    """
    with locks.advisory_lock(project.database, f"almanac promote {workload}") as is_locked:
        if not is_locked:
            raise RunBusy(
                f"Another promotion of '{workload}' is under way. "
                "Wait for it to end, then see `almanac list`."
            )
        yield


def _live_release(project: Project, workload: str, version: int) -> int | None:
    """Return the number of the release that answers; raises where the version cannot be promoted."""
    with project.database.engine.begin() as connection:
        versions.get(connection, workload, version)
        run = runs.newest_of_version(connection, workload, version)
        if run:
            ledger.refuse_downgrade(connection, workload, demo=run["demo"], simulated=run["simulated"])
        live = releases.live(connection, workload)
    return live["release_id"] if live else None


def _release(project: Project, decision: Mapping[str, Any], live: int | None) -> int | None:
    """Release a complete run of the version if there is one, end a hold, write the decision: all or nothing.

    `live` is the release that answered before the registry was called.
    """
    workload, version = decision["workload"], decision["challenger"]
    with project.database.engine.begin() as connection:
        ledger.lock(connection, workload)
        _refuse_rolled_back(releases.live(connection, workload), live)
        run = runs.newest_of_version(connection, workload, version)
        release_id = _append(connection, run, decision) if run else None
        ledger.set_hold(connection, workload, on_hold=False)
        decisions.write(connection, decision)
        pending_aliases.forget(connection, workload)
        detail = {"version": str(version), "why": decision["reason"]}
        audit.append(connection, "promote", who=decision["who"], subject=workload, detail=detail)
    return release_id


def _refuse_rolled_back(current: releases.ReleaseRow | None, live: int | None) -> None:
    """Raise UsageError after a rollback during the call of the registry: that decision is the later one."""
    if current and current["kind"] == "rollback" and current["release_id"] != live:
        raise UsageError(ROLLED_BACK.format(**current))


def _append(connection: Connection, run: runs.RunRow, decision: Mapping[str, Any]) -> int | None:
    """Release a run; return None where its version has to predict more first, which the next predict does."""
    new_release = ledger.NewRelease(run["run_id"], "promote", decision["who"], decision["reason"])
    try:
        return ledger.append(connection, new_release)
    except IncompleteVersion:
        return None
