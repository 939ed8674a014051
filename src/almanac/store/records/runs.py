"""Runs: who tries which slot, how it went, and everything recorded about it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from psycopg.rows import TupleRow
from sqlalchemy.dialects.postgresql import insert

from almanac.errors import NotFound, RunBusy
from almanac.store.connections.database import Database
from almanac.store.connections.rows import all_rows, first_row
from almanac.store.schema.tables import runs

RunRow = sa.RowMapping
COLUMNS = runs.c
MLFLOW_WAIT_SECONDS = 120
LOCK_SPACE = 0x414C4D
# The schedule of runs that name none.
DEFAULT = "default"
# The hash of run `r` and its steps. A value that is NULL does not count, nor does what happens to the rows
# later.
RECORD_HASH = """
    encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(r) - 'pruned_at' - 'absorbed_by')::text || coalesce((
        SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) ORDER BY s.started_at, s.step)::text
        FROM almanac.run_steps AS s WHERE s.run_id = r.run_id
    ), ''), 'UTF8')), 'hex')
"""
ABANDONED = "abandoned: its process ended without a word"
ABANDON = """
    WITH lost AS (
        UPDATE almanac.runs SET status = 'failed', reason = %(reason)s, finished_at = clock_timestamp()
        WHERE workload = %(workload)s AND status = 'running' RETURNING run_id
    )
    UPDATE almanac.run_steps AS s SET status = 'failed', reason = %(reason)s
    FROM lost WHERE s.run_id = lost.run_id AND s.status = 'running'
"""
RUNNING = """
    SELECT run_id, started_at FROM almanac.runs WHERE workload = %s AND status = 'running' AND kind = 'run'
"""
BUSY = (
    "Another run of '{workload}' is under way{run}. "
    "Wait for it to end; two runs of one workload never overlap."
)
NO_MLFLOW_RUN = (
    "Run '{run_id}' has no MLflow run after {seconds} s. Is the registry reachable? `almanac doctor` tells."
)
NO_MLFLOW_RUN_FOR = "Run '{run_id}' has no MLflow run: {reason}"
NO_FAILED_ATTEMPT = "Slot {slot:%Y-%m-%dT%H:%MZ} of '{workload}' has no failed attempt to continue. {way_out}"


@dataclass(frozen=True)
class NewRun:
    """The columns of a run that are written when it starts."""

    workload: str
    slot: datetime
    steps: tuple[str, ...]
    sample: str
    actor: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parent_run_id: str | None = None
    kind: str = "run"
    git_commit: str | None = None
    code_hash: str | None = None
    lock_hash: str | None = None
    python: str | None = None
    schedule: str | None = None


@dataclass(frozen=True)
class RunUpdate:
    """The columns of a run that are written later; None leaves what was recorded before."""

    data_as_of: date | None = None
    demo: bool | None = None
    simulated: bool | None = None
    source: str | None = None
    data_hash: str | None = None
    input_hash: str | None = None
    model_version: int | None = None
    model_hash: str | None = None
    prediction_hash: str | None = None
    rows: int | None = None
    covered_until: int | None = None
    mlflow_run_id: str | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    newest_data: date | None = None

    def values(self) -> dict[str, Any]:
        """Return the columns to write with their values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@contextmanager
def exclusive(database: Database, workload: str) -> Iterator[None]:
    """Hold the workload's advisory lock, and mark the runs as failed whose process has lost it.

    Raises RunBusy that names the run under way.
    """
    with database.connect(autocommit=True) as connection:
        key = [LOCK_SPACE, workload]
        row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone()
        if row != (True,):
            raise RunBusy(BUSY.format(workload=workload, run=_running_run(connection, workload)))
        connection.execute(ABANDON, {"workload": workload, "reason": ABANDONED})
        try:
            yield
        finally:
            # A closed connection gives its locks back a moment later, too late for a run that follows at
            # once.
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


def _running_run(connection: psycopg.Connection[TupleRow], workload: str) -> str:
    row = connection.execute(RUNNING, [workload]).fetchone()
    return f" (run {row[0]}, since {row[1]:%Y-%m-%d %H:%M:%S} UTC)" if row else ""


def new_id(slot: datetime, kind: str = "run") -> str:
    """Return a new run id: the slot in UTC and a random part, for example 20250415t060000-1f2e3d4c."""
    suffix = "" if kind == "run" else f"-{kind}"
    return f"{slot.astimezone(UTC):%Y%m%dt%H%M%S}-{uuid4().hex[:8]}{suffix}"


def start(connection: sa.Connection, run: NewRun, run_id: str = "") -> str | None:
    """Insert a running run and return its id (by default a new one), or None where its slot is taken."""
    own_id = run_id or new_id(run.slot, run.kind)
    values = asdict(run) | {"steps": list(run.steps), "run_id": own_id}
    statement = insert(runs).values(values).on_conflict_do_nothing().returning(COLUMNS.run_id)
    return connection.execute(statement).scalar()


def update(connection: sa.Connection, run_id: str, update: RunUpdate) -> None:
    """Write columns of a running run."""
    values = update.values()
    if values:
        connection.execute(sa.update(runs).where(_is_running(run_id)).values(values))


def finish(
    connection: sa.Connection,
    run_id: str,
    status: str,
    reason: str | None = None,
    update: RunUpdate | None = None,
) -> bool:
    """End a running run; return False where it was no longer running."""
    ending = {"status": status, "reason": reason, "finished_at": sa.func.clock_timestamp()}
    values = ending | (update.values() if update else {})
    return connection.execute(sa.update(runs).where(_is_running(run_id)).values(values)).rowcount == 1


def absorb(connection: sa.Connection, run_id: str, absorbed: Sequence[str]) -> bool:
    """Record that a run has taken over the rows of others.

    Return False where one of them has no rows any more.
    """
    is_there = COLUMNS.run_id.in_(absorbed) & COLUMNS.absorbed_by.is_(None) & COLUMNS.pruned_at.is_(None)
    statement = sa.update(runs).where(is_there).values(absorbed_by=run_id)
    return connection.execute(statement).rowcount == len(absorbed)


def get(connection: sa.Connection, run_id: str) -> RunRow:
    """Return the record of one run; a unique beginning of the id is enough. Raises NotFound."""
    exact = first_row(connection, sa.select(runs).where(COLUMNS.run_id == run_id))
    if exact:
        return exact
    begins_so = COLUMNS.run_id.startswith(run_id, autoescape=True)
    matches = all_rows(connection, sa.select(runs).where(begins_so).limit(2))
    if run_id and len(matches) == 1:
        return matches[0]
    what = "is the beginning of several runs" if matches and run_id else "is not a run"
    raise NotFound(f"'{run_id}' {what}. `almanac runs` lists them.")


def notebook_run(connection: sa.Connection, run: RunRow) -> RunRow:
    """Return the run whose notebooks made the rows of a run: for a shadow, the run that it stands beside."""
    is_shadow = run["kind"] == "shadow" and run["parent_run_id"]
    return get(connection, run["parent_run_id"]) if is_shadow else run


def in_slot(
    connection: sa.Connection, workload: str, slot: datetime, schedule: str | None = None
) -> RunRow | None:
    """Return the running or succeeded run of a slot of a schedule (by default `default`), or None."""
    is_of_schedule = sa.func.coalesce(COLUMNS.schedule, DEFAULT) == (schedule or DEFAULT)
    is_of_slot = (COLUMNS.workload == workload) & (COLUMNS.slot == slot) & (COLUMNS.kind == "run")
    holds_slot = COLUMNS.status.in_(["running", "succeeded"])
    return first_row(connection, sa.select(runs).where(is_of_slot, is_of_schedule, holds_slot))


def mlflow_run(database: Database, run_id: str) -> str:
    """Wait for the MLflow run of a run, which the runner opens while the first cells work, or fails to open.

    Raises NotFound.
    """
    for _ in range(MLFLOW_WAIT_SECONDS * 10):
        with database.engine.begin() as connection:
            run = get(connection, run_id)
        if run["mlflow_run_id"]:
            return str(run["mlflow_run_id"])
        if run["status"] != "running":
            raise NotFound(NO_MLFLOW_RUN_FOR.format(run_id=run_id, reason=run["reason"]))
        time.sleep(0.1)
    raise NotFound(NO_MLFLOW_RUN.format(run_id=run_id, seconds=MLFLOW_WAIT_SECONDS))


def newest(
    connection: sa.Connection, workload: str | None = None, *, limit: int = 20, **equal: Any
) -> list[RunRow]:
    """Return the newest runs first, of one workload or of all; `equal` compares columns."""
    conditions = [COLUMNS[name] == value for name, value in equal.items()]
    if workload:
        conditions.append(COLUMNS.workload == workload)
    order = (COLUMNS.started_at.desc(), COLUMNS.run_id.desc())
    query = sa.select(runs).where(*conditions).order_by(*order).limit(limit)
    return all_rows(connection, query)


def last_failed(connection: sa.Connection, workload: str, slot: datetime) -> RunRow:
    """Return the newest failed attempt at a slot.

    Raises NotFound, which names the newest failed attempt at another slot where there is one.
    """
    attempts = newest(connection, workload, limit=1, slot=slot, kind="run", status="failed")
    if attempts:
        return attempts[0]
    way_out = "Run all its steps."
    for other in newest(connection, workload, limit=1, kind="run", status="failed"):
        way_out = (
            f"Run all its steps, or continue run {other['run_id']} with --slot {other['slot'].isoformat()}."
        )
    raise NotFound(NO_FAILED_ATTEMPT.format(slot=slot, workload=workload, way_out=way_out))


def newest_of_version(connection: sa.Connection, workload: str, version: int) -> RunRow | None:
    """Return the newest run (also a shadow) with rows of a model version that were not pruned."""
    query = sa.select(runs).where(_has_rows_of(workload, version)).order_by(COLUMNS.finished_at.desc())
    return first_row(connection, query.limit(1))


def of_version(connection: sa.Connection, workload: str, version: int) -> list[RunRow]:
    """Return the runs that make up an incremental workload's version, oldest first.

    Leaves out the runs that were pruned and those whose rows a later run has taken over.
    """
    query = sa.select(runs).where(_has_rows_of(workload, version), COLUMNS.absorbed_by.is_(None))
    return all_rows(connection, query.order_by(COLUMNS.finished_at))


def record_hash(connection: sa.Connection, run_id: str) -> str:
    """Return the SHA-256 over the whole record of a run and its steps.

    Neither pruning changes it, nor a column that is added later.
    """
    query = sa.text(f"SELECT {RECORD_HASH} FROM almanac.runs AS r WHERE r.run_id = :run_id")
    return str(connection.execute(query, {"run_id": run_id}).scalar_one())


def _is_running(run_id: str) -> sa.ColumnElement[bool]:
    return (COLUMNS.run_id == run_id) & (COLUMNS.status == "running")


def _has_rows_of(workload: str, version: int) -> sa.ColumnElement[bool]:
    is_version = (COLUMNS.workload == workload) & (COLUMNS.model_version == version)
    has_rows = (COLUMNS.status == "succeeded") & COLUMNS.rows.is_not(None) & COLUMNS.pruned_at.is_(None)
    return is_version & has_rows
