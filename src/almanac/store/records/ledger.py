"""The release ledger: append-only, the newest row of a workload is what readers get."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from almanac.errors import IncompleteVersion, NotFound, UsageError
from almanac.store.records import releases, runs
from almanac.store.records.releases import HASHED_COLUMNS, ReleaseRow
from almanac.store.schema import tables

CHANNEL = "almanac_release"
# From the least to the most trustworthy origin of the predictions.
RANKS = ("simulated", "demo", "real")
LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac ledger ' || :workload)), clock_timestamp()")
CANDIDATE = sa.text(f"""
    SELECT run_id, workload, status, rows, pruned_at, demo, simulated, model_version, covered_until, actor,
           {runs.RECORD_HASH} AS run_hash,
           coalesce((w.contract ->> 'incremental')::boolean, false) AS incremental
    FROM almanac.runs AS r LEFT JOIN almanac.workloads AS w USING (workload) WHERE run_id = :run_id
""")
INSERT = sa.text(f"""
    WITH written AS (
        INSERT INTO almanac.releases ({", ".join(HASHED_COLUMNS)}, release_hash)
        VALUES ({", ".join(f":{name}" for name in HASHED_COLUMNS)}, :release_hash)
        RETURNING workload, release_id
    )
    SELECT release_id, pg_notify(:channel, workload || ' ' || release_id) FROM written
""")
OTHER_WORKLOAD = "Run {run_id} belongs to '{workload}', not to '{current}'."
NO_ROWS = "Run {run_id} ({status}, {rows} rows) has no complete set of predictions and cannot be released."
PRUNED = (
    "The predictions of run {run_id} were pruned at {pruned_at:%Y-%m-%d %H:%M} UTC "
    "and cannot be released again."
)
INCOMPLETE = (
    "Version {version} of '{workload}' has predicted the entries up to number {covered}, "
    "release {release} those up to {needed}; it cannot answer before it has scored the rest. "
    "`almanac promote {workload} {version} --why …` makes it champion: "
    "the next predict scores what it lacks and releases it."
)
LOWER_RANK = (
    "'{workload}' is answered from {live} release {release}; a {rank} run never replaces it. "
    "The old release answers.{reason}"
)
PAST_DAY = " A demo run is about a past day, because its sources have nothing for today."
EARLIER_SLOT = (
    "its slot {slot:%Y-%m-%dT%H:%MZ} lies before that of live release {release} ({live:%Y-%m-%dT%H:%MZ})"
)
EARLIER_CUT_OFF = "its cut-off {cut_off} lies before that of live release {release} ({live})"
NOTHING_TO_ROLL_BACK = "'{workload}' has no release yet, so there is nothing to roll back."
NOTHING_EARLIER = (
    "Release {release} of '{workload}' is the first that is kept; there is no earlier run to go back to."
)


@dataclass(frozen=True)
class NewRelease:
    """What the next row of the ledger is to say; `who` None is whoever started the run."""

    run_id: str
    kind: str
    who: str | None
    why: str


def append(connection: sa.Connection, release: NewRelease) -> int:
    """Release a run: write the next row of the ledger, notify the servers, return the release id.

    Raises UsageError when the run has no complete set of published predictions, or stands below the live
    release (simulated below demo, demo below real).
    """
    workload = runs.get(connection, release.run_id)["workload"]
    instant = lock(connection, workload)
    return _write(connection, release, releases.live(connection, workload), instant)


def publish(connection: sa.Connection, workload: str, release: NewRelease) -> int | None:
    """Release a run as `append` does, unless the workload is on hold; then return None.

    A hold is about versions: an incremental run of the live version is released all the same.
    """
    # The lock waits for a rollback under way, which puts the workload on hold.
    instant = lock(connection, workload)
    current = releases.live(connection, workload)
    if releases.is_on_hold(connection, workload) and not _continues(connection, release.run_id, current):
        return None
    return _write(connection, release, current, instant)


def rollback(connection: sa.Connection, workload: str, *, who: str, to: str | None = None) -> int:
    """Release an older run again (the one before, unless `to` names a run) and put the workload on hold."""
    instant = lock(connection, workload)
    current = releases.live(connection, workload)
    if current is None:
        raise NotFound(NOTHING_TO_ROLL_BACK.format(workload=workload))
    target = _newest_continuation(connection, to) if to else releases.previous_run(connection, current)
    if target is None:
        raise NotFound(NOTHING_EARLIER.format(release=current["release_id"], workload=workload))
    why = f"rolled back from release {current['release_id']}"
    release_id = _write(connection, NewRelease(target, "rollback", who, why), current, instant)
    set_hold(connection, workload, on_hold=True)
    return release_id


def reason_to_keep(connection: sa.Connection, run: runs.RunRow) -> str | None:
    """Return why a run is to be kept without a release: its slot or cut-off lies before the live one's.

    Cut-offs compare only where both are of simulated data, or neither is. A run of a lower rank is refused
    and not kept, unless somebody has named its cut-off. Only the slot of a run that predicts counts. None
    where it may be released.
    """
    current = releases.live(connection, run["workload"])
    if current is None or current["run_id"] == run["run_id"]:
        return None
    if "predict" in run["steps"] and run["slot"] < current["slot"]:
        return EARLIER_SLOT.format(slot=run["slot"], release=current["release_id"], live=current["slot"])
    if not _has_comparable_cut_off(run, current) or run["data_as_of"] >= current["data_as_of"]:
        return None
    names = {"cut_off": run["data_as_of"], "release": current["release_id"]}
    return EARLIER_CUT_OFF.format(**names, live=current["data_as_of"])


def _has_comparable_cut_off(run: runs.RunRow, current: ReleaseRow) -> bool:
    if None in (run["data_as_of"], current["data_as_of"]) or run["simulated"] != current["simulated"]:
        return False
    rank, live_rank = (_rank(demo=row["demo"], simulated=row["simulated"]) for row in (run, current))
    return rank >= live_rank or "DATA_AS_OF" in run["parameters"]


def lock(connection: sa.Connection, workload: str) -> datetime:
    """Let one transaction at a time change what a workload releases or keeps.

    Return the instant at which it was let in.
    """
    instant: datetime = connection.execute(LOCK, {"workload": workload}).one()[1]
    return instant


def set_hold(connection: sa.Connection, workload: str, *, on_hold: bool) -> None:
    """Set whether later runs of the workload publish without releasing."""
    statement = sa.update(tables.workloads).where(tables.workloads.c.workload == workload)
    connection.execute(statement.values(on_hold=on_hold))


def refuse_downgrade(connection: sa.Connection, workload: str, *, demo: bool, simulated: bool) -> None:
    """Raise UsageError for demo or simulated predictions while the live release has a higher rank."""
    _refuse_lower_rank(releases.live(connection, workload), demo=demo, simulated=simulated)


def _newest_continuation(connection: sa.Connection, run_id: str) -> str:
    """Return the run that a rollback names.

    Of an incremental workload, the newest run of the same version.
    """
    run = _candidate(connection, runs.get(connection, run_id)["run_id"])
    if not run["incremental"] or run["model_version"] is None:
        return str(run["run_id"])
    newest = runs.newest_of_version(connection, run["workload"], run["model_version"])
    return str(newest["run_id"] if newest else run["run_id"])


def _candidate(connection: sa.Connection, run_id: str) -> sa.RowMapping:
    return connection.execute(CANDIDATE, {"run_id": run_id}).mappings().one()


def _write(
    connection: sa.Connection, release: NewRelease, current: ReleaseRow | None, instant: datetime
) -> int:
    run = _candidate(connection, release.run_id)
    _refuse_other_workload(run, current)
    _refuse_incomplete(run)
    _refuse_lower_rank(current, demo=run["demo"], simulated=run["simulated"])
    _refuse_gaps(run, current)
    row = _new_row(release, run, current)
    row |= {"run_ids": _answering_runs(connection, run), "released_at": instant}
    row["release_hash"] = releases.release_hash(row, current)
    release_id: int = connection.execute(INSERT, row | {"channel": CHANNEL}).one()[0]
    return release_id


def _new_row(release: NewRelease, run: sa.RowMapping, current: ReleaseRow | None) -> dict[str, Any]:
    of_run = {name: run[name] for name in ("workload", "run_id", "model_version", "run_hash")}
    return of_run | {
        "kind": release.kind,
        "previous_release_id": current["release_id"] if current else None,
        "who": release.who or run["actor"],
        "why": release.why,
    }


def _answering_runs(connection: sa.Connection, run: sa.RowMapping) -> list[str]:
    """Return the runs that answer together: all of the version, where the workload is incremental."""
    if not run["incremental"]:
        return [run["run_id"]]
    together = runs.of_version(connection, run["workload"], run["model_version"])
    return [row["run_id"] for row in together]


def _continues(connection: sa.Connection, run_id: str, current: ReleaseRow | None) -> bool:
    """Tell whether an incremental run is of the live version."""
    run = _candidate(connection, run_id)
    return bool(current and run["incremental"] and run["model_version"] == current["model_version"])


def _refuse_other_workload(run: sa.RowMapping, current: ReleaseRow | None) -> None:
    if current and current["workload"] != run["workload"]:
        names = {"run_id": run["run_id"], "workload": run["workload"], "current": current["workload"]}
        raise UsageError(OTHER_WORKLOAD.format(**names))


def _refuse_incomplete(run: sa.RowMapping) -> None:
    """Raise UsageError unless a run is succeeded, has rows and was not pruned."""
    if run["status"] != "succeeded" or run["rows"] is None:
        message = NO_ROWS.format(run_id=run["run_id"], status=run["status"], rows=run["rows"] or 0)
        raise UsageError(message)
    if run["pruned_at"]:
        raise UsageError(PRUNED.format(run_id=run["run_id"], pruned_at=run["pruned_at"]))


def _refuse_gaps(run: sa.RowMapping, current: ReleaseRow | None) -> None:
    """Raise IncompleteVersion where the version of an incremental run covers less than the live release."""
    if not run["incremental"] or current is None:
        return
    covered, needed = run["covered_until"], current["covered_until"]
    if (covered or 0) >= (needed or 0):
        return
    message = INCOMPLETE.format(
        version=run["model_version"],
        workload=run["workload"],
        covered=covered,
        release=current["release_id"],
        needed=needed,
    )
    raise IncompleteVersion(message)


def _refuse_lower_rank(current: ReleaseRow | None, *, demo: bool, simulated: bool) -> None:
    if current is None:
        return
    rank = _rank(demo=demo, simulated=simulated)
    live_rank = _rank(demo=current["demo"], simulated=current["simulated"])
    if rank < live_rank:
        names = {"workload": current["workload"], "release": current["release_id"]}
        names["reason"] = "" if simulated else PAST_DAY
        raise UsageError(LOWER_RANK.format(live=RANKS[live_rank], rank=RANKS[rank], **names))


def _rank(*, demo: bool, simulated: bool) -> int:
    if simulated:
        return RANKS.index("simulated")
    return RANKS.index("demo" if demo else "real")
