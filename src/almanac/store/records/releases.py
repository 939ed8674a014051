"""What the ledger of releases says: which release answers, which came before, where a rollback would go."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from almanac.store.connections.rows import all_rows, first_row
from almanac.store.records import runs
from almanac.store.rows.hashes import combined_hash
from almanac.store.rows.json_values import canonical_json
from almanac.store.schema import tables

ReleaseRow = sa.RowMapping
TABLE = tables.releases
COLUMNS = TABLE.c
HASHED_COLUMNS = (
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
# Fixed texts, because a rollback is to take milliseconds: SQLAlchemy would build a query as long as
# PostgreSQL runs it.
# A live release whose run was pruned answers nobody: its workload was retired, or began anew. A past one is
# found all the same, so that its reader hears that its rows are gone.
LIVE = sa.text("""
    SELECT * FROM (
        SELECT l.*, r.pruned_at, r.demo, r.simulated, r.covered_until, least(r.slot, l.released_at) AS slot,
               least(r.data_as_of, (l.released_at AT TIME ZONE 'UTC')::date + 1) AS data_as_of
        FROM almanac.releases AS l JOIN almanac.runs AS r USING (run_id)
        WHERE l.workload = :workload AND l.released_at <= coalesce(CAST(:as_of AS timestamptz), 'infinity')
        ORDER BY l.release_id DESC LIMIT 1
    ) AS newest WHERE pruned_at IS NULL OR CAST(:as_of AS timestamptz) IS NOT NULL
""")
PREVIOUS_RUN = sa.text("""
    SELECT newest.run_id FROM almanac.releases AS l
    LEFT JOIN almanac.workloads AS w USING (workload)
    CROSS JOIN LATERAL (
        SELECT r.run_id FROM almanac.runs AS r
        WHERE r.pruned_at IS NULL AND r.rows IS NOT NULL AND CASE
            WHEN (w.contract ->> 'incremental')::boolean
            THEN l.model_version <> :model_version AND r.workload = l.workload
                AND r.model_version = l.model_version AND r.status = 'succeeded'
            ELSE r.run_id = l.run_id AND l.run_id <> :run_id END
        ORDER BY r.finished_at DESC LIMIT 1
    ) AS newest
    WHERE l.workload = :workload AND l.release_id < :release_id ORDER BY l.release_id DESC LIMIT 1
""")


def live(connection: sa.Connection, workload: str, as_of: datetime | None = None) -> ReleaseRow | None:
    """Return the release that answers now, or answered at `as_of`, with `demo` and `simulated` of its run.

    `slot` and `data_as_of` of its run come with it, neither later than the release: earlier programs took
    slots in the future.
    """
    return connection.execute(LIVE, {"workload": workload, "as_of": as_of}).mappings().first()


def newest(connection: sa.Connection, workload: str | None = None, *, limit: int = 20) -> list[ReleaseRow]:
    """Return the newest releases first, of one workload or of all."""
    query = sa.select(TABLE).order_by(COLUMNS.release_id.desc()).limit(limit)
    if workload:
        query = query.where(COLUMNS.workload == workload)
    return all_rows(connection, query)


def of_run(connection: sa.Connection, run_id: str) -> list[tuple[ReleaseRow, ReleaseRow | None]]:
    """Return every release of a run, each with the release before it."""
    query = sa.select(TABLE).where(COLUMNS.run_id == run_id).order_by(COLUMNS.release_id)
    rows = all_rows(connection, query)
    return [(row, _by_id(connection, row["previous_release_id"])) for row in rows]


def release_hash(row: ReleaseRow | dict[str, Any], previous: ReleaseRow | None) -> str:
    """Return the SHA-256 that links a release to the release before it."""
    content = canonical_json({name: row[name] for name in HASHED_COLUMNS})
    return combined_hash([previous["release_hash"] if previous else "", content])


def is_on_hold(connection: sa.Connection, workload: str) -> bool:
    """Tell whether the workload is on hold after a rollback."""
    query = sa.select(tables.workloads.c.on_hold).where(tables.workloads.c.workload == workload)
    return bool(connection.execute(query).scalar())


def version_on_hold(connection: sa.Connection, workload: str) -> int | None:
    """Return the version that a rollback keeps live, with which an incremental workload goes on answering."""
    current = live(connection, workload)
    return current["model_version"] if current and is_on_hold(connection, workload) else None


def previous_run(connection: sa.Connection, current: ReleaseRow) -> str | None:
    """Return the run to which a rollback goes: the newest other one released earlier that was not pruned.

    An incremental workload goes back to the newest run of the version released before, whichever runs that
    version consists of now.
    """
    run_id: str | None = connection.execute(PREVIOUS_RUN, dict(current)).scalar()
    return run_id


def previous_version(connection: sa.Connection, workload: str) -> int | None:
    """Return the version to which a rollback would go."""
    current = live(connection, workload)
    run_id = previous_run(connection, current) if current else None
    return runs.get(connection, run_id)["model_version"] if run_id else None


def _by_id(connection: sa.Connection, release_id: int | None) -> ReleaseRow | None:
    return first_row(connection, sa.select(TABLE).where(COLUMNS.release_id == release_id))
