"""The release ledger: append-only, the newest row of a workload is what readers get."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from almanac.errors import IncompleteVersion, NotFound, UsageError
from almanac.store.records import runs
from almanac.store.rows.hashes import combined_hash
from almanac.store.rows.json_values import canonical_json
from almanac.store.schema import tables

CHANNEL = "almanac_release"
ReleaseRow = sa.RowMapping
RANKS = ("simulated", "demo", "real")
HASHED = (
    "workload",
    "run_id",
    "run_ids",
    "model_version",
    "kind",
    "previous_release_id",
    "who",
    "why",
    "run_hash",
    "released_at",
)
# Fixed texts, because a rollback is to take milliseconds: SQLAlchemy would think as long as PostgreSQL works.
LIVE = sa.text("""
    SELECT l.*, r.demo, r.simulated, r.covered_until FROM almanac.releases AS l JOIN almanac.runs AS r USING (run_id)
    WHERE l.workload = :workload AND l.released_at <= coalesce(CAST(:as_of AS timestamptz), 'infinity') ORDER BY l.release_id DESC LIMIT 1
""")
CANDIDATE = sa.text(f"""
    SELECT run_id, workload, status, rows, pruned_at, demo, simulated, model_version, covered_until, actor, {runs.RECORD_HASH} AS run_hash,
           coalesce((w.contract ->> 'incremental')::boolean, false) AS incremental
    FROM almanac.runs AS r LEFT JOIN almanac.workloads AS w USING (workload) WHERE run_id = :run_id
""")
LACKING = (
    "Version {version} of '{workload}' has predicted the entries up to number {covered}, release {release} those up to {wanted}; "
    "it cannot answer before it has scored the rest. `almanac promote {workload} {version} --why …` makes it champion: "
    "the next predict scores what it lacks and releases it."
)
BEFORE = sa.text("""
    SELECT newest.run_id FROM almanac.releases AS l
    LEFT JOIN almanac.workloads AS w USING (workload)
    CROSS JOIN LATERAL (
        SELECT r.run_id FROM almanac.runs AS r WHERE r.pruned_at IS NULL AND r.rows IS NOT NULL AND CASE
            WHEN (w.contract ->> 'incremental')::boolean
            THEN l.model_version <> :model_version AND r.workload = l.workload AND r.model_version = l.model_version AND r.status = 'succeeded'
            ELSE r.run_id = l.run_id AND l.run_id <> :run_id END
        ORDER BY r.finished_at DESC LIMIT 1
    ) AS newest
    WHERE l.workload = :workload AND l.release_id < :release_id ORDER BY l.release_id DESC LIMIT 1
""")
INSERT = sa.text(f"""
    WITH written AS (
        INSERT INTO almanac.releases ({", ".join(HASHED)}, release_hash) VALUES ({", ".join(f":{name}" for name in HASHED)}, :release_hash)
        RETURNING workload, release_id
    )
    SELECT release_id, pg_notify(:channel, workload || ' ' || release_id) FROM written
""")


@dataclass(frozen=True)
class NewRelease:
    """What somebody wants the ledger to say; `who` None is whoever started the run."""

    run_id: str
    kind: str
    who: str | None
    why: str


def append(connection: sa.Connection, entry: NewRelease) -> int:
    """Release a run: write the next row of the ledger, tell the servers, return the release id.

    Raises UsageError when the run has no complete set of published predictions, or stands below the release that answers
    (simulated below demo, demo below real).
    """
    workload = runs.get(connection, entry.run_id)["workload"]
    instant = lock(connection, workload)
    return _write(connection, entry, live(connection, workload), instant)


def publish(connection: sa.Connection, workload: str, entry: NewRelease) -> int | None:
    """Release a run as `append` does, unless the workload is on hold; then return None.

    A hold is about versions: an incremental run of the version that answers goes on answering.
    """
    # A rollback under way is waited for, since it puts the workload on hold.
    instant = lock(connection, workload)
    current = live(connection, workload)
    if is_on_hold(connection, workload) and not _continues(connection, entry.run_id, current):
        return None
    return _write(connection, entry, current, instant)


def lock(connection: sa.Connection, workload: str) -> datetime:
    """Let one transaction at a time change what a workload releases or keeps; return the instant at which it was let in."""
    query = sa.text(
        "SELECT pg_advisory_xact_lock(hashtext('almanac ledger ' || :workload)), clock_timestamp()"
    )
    instant: datetime = connection.execute(query, {"workload": workload}).one()[1]
    return instant


def release_hash(row: sa.RowMapping | dict[str, object], previous: sa.RowMapping | None) -> str:
    """Return the SHA-256 that links a ledger row to the row before it."""
    content = canonical_json({name: row[name] for name in HASHED})
    return combined_hash([previous["release_hash"] if previous else "", content])


def refuse_downgrade(connection: sa.Connection, workload: str, *, demo: bool, simulated: bool) -> None:
    """Raise UsageError for demo or simulated predictions while the workload is answered from something closer to life."""
    _refuse_lower(live(connection, workload), demo=demo, simulated=simulated)


def live(connection: sa.Connection, workload: str, as_of: datetime | None = None) -> ReleaseRow | None:
    """Return the release that answers now, or answered at the instant `as_of`, with `demo` and `simulated` of its run."""
    return connection.execute(LIVE, {"workload": workload, "as_of": as_of}).mappings().first()


def releases(connection: sa.Connection, workload: str | None = None, *, limit: int = 20) -> list[ReleaseRow]:
    """Return the newest rows of the ledger first."""
    query = sa.select(tables.releases).order_by(tables.releases.c.release_id.desc()).limit(limit)
    if workload:
        query = query.where(tables.releases.c.workload == workload)
    return list(connection.execute(query).mappings().all())


def releases_of_run(connection: sa.Connection, run_id: str) -> list[tuple[ReleaseRow, ReleaseRow | None]]:
    """Return every release of a run, each with the release before it."""
    columns = tables.releases.c
    found = (
        connection.execute(
            sa.select(tables.releases).where(columns.run_id == run_id).order_by(columns.release_id)
        )
        .mappings()
        .all()
    )
    previous = sa.select(tables.releases).where(columns.release_id == sa.bindparam("previous"))
    return [
        (row, connection.execute(previous, {"previous": row["previous_release_id"]}).mappings().first())
        for row in found
    ]


def rollback(connection: sa.Connection, workload: str, *, who: str, to: str | None = None) -> int:
    """Release an older run again (the one before, unless `to` names a run) and put the workload on hold."""
    instant = lock(connection, workload)
    current = live(connection, workload)
    if current is None:
        raise NotFound(f"'{workload}' has no release yet, so there is nothing to roll back.")
    target = _wanted(connection, to) if to else previous_run(connection, current)
    if target is None:
        raise NotFound(
            f"Release {current['release_id']} of '{workload}' is the first that is kept; there is no earlier run to go back to."
        )
    entry = NewRelease(target, "rollback", who, f"rolled back from release {current['release_id']}")
    release_id = _write(connection, entry, current, instant)
    set_hold(connection, workload, on_hold=True)
    return release_id


def _wanted(connection: sa.Connection, run_id: str) -> str:
    """Return the run that a rollback names, or the newest of its version where later ones have taken over or continued its rows."""
    run = connection.execute(CANDIDATE, {"run_id": runs.get(connection, run_id)["run_id"]}).mappings().one()
    if not run["incremental"] or run["model_version"] is None:
        return str(run["run_id"])
    newest = runs.newest_of_version(connection, run["workload"], run["model_version"])
    return str(newest["run_id"] if newest else run["run_id"])


def set_hold(connection: sa.Connection, workload: str, *, on_hold: bool) -> None:
    """Say whether later runs of the workload publish without releasing."""
    connection.execute(
        sa.update(tables.workloads).where(tables.workloads.c.workload == workload).values(on_hold=on_hold)
    )


def is_on_hold(connection: sa.Connection, workload: str) -> bool:
    """Tell whether the workload is on hold after a rollback."""
    query = sa.select(tables.workloads.c.on_hold).where(tables.workloads.c.workload == workload)
    return bool(connection.execute(query).scalar())


def previous_run(connection: sa.Connection, current: ReleaseRow) -> str | None:
    """Return the run to which a rollback goes: the newest other one released earlier whose rows are kept.

    An incremental workload goes back to the newest run of the version released before, whichever runs that consists of by now.
    """
    found: str | None = connection.execute(BEFORE, dict(current)).scalar()
    return found


def version_on_hold(connection: sa.Connection, workload: str) -> int | None:
    """Return the version that a rollback holds, with which an incremental workload goes on answering."""
    current = live(connection, workload)
    return current["model_version"] if current and is_on_hold(connection, workload) else None


def previous_version(connection: sa.Connection, workload: str) -> int | None:
    """Return the version to which a rollback would go."""
    current = live(connection, workload)
    run_id = previous_run(connection, current) if current else None
    return runs.get(connection, run_id)["model_version"] if run_id else None


def _write(
    connection: sa.Connection, entry: NewRelease, current: ReleaseRow | None, instant: datetime
) -> int:
    run = connection.execute(CANDIDATE, {"run_id": entry.run_id}).mappings().one()
    if current and current["workload"] != run["workload"]:
        raise UsageError(
            f"Run {run['run_id']} belongs to '{run['workload']}', not to '{current['workload']}'."
        )
    _refuse_incomplete(run)
    _refuse_lower(current, demo=run["demo"], simulated=run["simulated"])
    _refuse_gaps(run, current)
    row = {
        "workload": run["workload"],
        "run_id": run["run_id"],
        "run_ids": _answering(connection, run),
        "model_version": run["model_version"],
        "kind": entry.kind,
        "previous_release_id": current["release_id"] if current else None,
        "who": entry.who or run["actor"],
        "why": entry.why,
        "run_hash": run["run_hash"],
        "released_at": instant,
    }
    row["release_hash"] = release_hash(row, current)
    release_id: int = connection.execute(INSERT, row | {"channel": CHANNEL}).one()[0]
    return release_id


def _continues(connection: sa.Connection, run_id: str, current: ReleaseRow | None) -> bool:
    run = connection.execute(CANDIDATE, {"run_id": run_id}).mappings().one()
    return bool(current and run["incremental"] and run["model_version"] == current["model_version"])


def _refuse_incomplete(run: sa.RowMapping) -> None:
    """Raise UsageError unless a run is succeeded, has rows and was not pruned."""
    if run["status"] != "succeeded" or run["rows"] is None:
        raise UsageError(
            f"Run {run['run_id']} ({run['status']}, {run['rows'] or 0} rows) has no complete set of predictions and cannot be released."
        )
    if run["pruned_at"]:
        raise UsageError(
            f"The predictions of run {run['run_id']} were pruned at {run['pruned_at']:%Y-%m-%d %H:%M} UTC and cannot be released again."
        )


def _refuse_gaps(run: sa.RowMapping, current: ReleaseRow | None) -> None:
    """Raise IncompleteVersion where an incremental run's version covers less of the entries than what answers now."""
    if (
        not run["incremental"]
        or current is None
        or (run["covered_until"] or 0) >= (current["covered_until"] or 0)
    ):
        return
    covered, wanted = run["covered_until"], current["covered_until"]
    told = {"version": run["model_version"], "workload": run["workload"], "release": current["release_id"]}
    raise IncompleteVersion(LACKING.format(covered=covered, wanted=wanted, **told))


def _answering(connection: sa.Connection, run: sa.RowMapping) -> list[str]:
    """Return the runs that answer together: all of the version, where the workload is incremental."""
    if not run["incremental"]:
        return [run["run_id"]]
    return [made["run_id"] for made in runs.of_version(connection, run["workload"], run["model_version"])]


def _refuse_lower(current: ReleaseRow | None, *, demo: bool, simulated: bool) -> None:
    rank = _rank(demo=demo, simulated=simulated)
    if current and rank < (answering := _rank(demo=current["demo"], simulated=current["simulated"])):
        raise UsageError(
            f"'{current['workload']}' is answered from {RANKS[answering]} release {current['release_id']}; a {RANKS[rank]} run never replaces it. "
            "The old release answers."
        )


def _rank(*, demo: bool, simulated: bool) -> int:
    return 0 if simulated else 1 if demo else 2
