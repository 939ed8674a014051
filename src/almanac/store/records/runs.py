"""Runs and their steps: who tries which slot, how it went, and everything known about it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from almanac.store.schema import tables

MLFLOW_WAIT_SECONDS = 120
LOCK_SPACE = 0x414C4D
# Of the run `r`; what is NULL does not count.
RECORD_HASH = """
    encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(r) - 'pruned_at' - 'absorbed_by')::text || coalesce((
        SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) ORDER BY s.started_at, s.step)::text FROM almanac.run_steps AS s WHERE s.run_id = r.run_id
    ), ''), 'UTF8')), 'hex')
"""
ABANDONED = "abandoned: its process ended without a word"
ABANDON = """
    WITH lost AS (
        UPDATE almanac.runs SET status = 'failed', reason = %(reason)s, finished_at = clock_timestamp()
        WHERE workload = %(workload)s AND status = 'running' RETURNING run_id
    )
    UPDATE almanac.run_steps AS s SET status = 'failed', reason = %(reason)s FROM lost WHERE s.run_id = lost.run_id AND s.status = 'running'
"""


@dataclass(frozen=True)
class NewRun:
    """What is known about a run before it starts."""

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


@dataclass(frozen=True)
class RunUpdate:
    """What is known about a run once its steps have ended; None leaves what was recorded before."""

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

    def values(self) -> dict[str, Any]:
        """Return the facts that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


RunRow = sa.RowMapping


@contextmanager
def exclusive(database: Database, workload: str) -> Iterator[None]:
    """Hold the workload's advisory lock; runs that lost theirs become failed. Raises RunBusy naming the run under way."""
    with database.connect(autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(%s, hashtext(%s))", [LOCK_SPACE, workload]
        ).fetchone()
        if not (row and row[0]):
            raise RunBusy(_under_way(connection, workload))
        connection.execute(ABANDON, {"workload": workload, "reason": ABANDONED})
        yield


def _under_way(connection: psycopg.Connection[TupleRow], workload: str) -> str:
    query = "SELECT run_id, started_at FROM almanac.runs WHERE workload = %s AND status = 'running' AND kind = 'run'"
    found = connection.execute(query, [workload]).fetchone()
    which = f" (run {found[0]}, since {found[1]:%Y-%m-%d %H:%M:%S} UTC)" if found else ""
    return f"Another run of '{workload}' is under way{which}. Wait for it to end; two runs of one workload never overlap."


def new_id(slot: datetime, kind: str = "run") -> str:
    """Return a new run id: the slot in UTC and a random part, for example 20250415t060000-1f2e3d4c."""
    return f"{slot.astimezone(UTC):%Y%m%dt%H%M%S}-{uuid4().hex[:8]}{'' if kind == 'run' else '-' + kind}"


def start(connection: sa.Connection, opening: NewRun, run_id: str = "") -> str | None:
    """Insert a run that is running and return its id (a new one unless given), or None where its slot is taken."""
    run_id = run_id or new_id(opening.slot, opening.kind)
    values = asdict(opening) | {"steps": list(opening.steps), "run_id": run_id}
    from_insert = insert(tables.runs).values(values).on_conflict_do_nothing().returning(tables.runs.c.run_id)
    return connection.execute(from_insert).scalar()


def get(connection: sa.Connection, run_id: str) -> RunRow:
    """Return the record of one run; a unique beginning of the id is enough. Raises NotFound."""
    query = sa.select(tables.runs)
    exact = connection.execute(query.where(tables.runs.c.run_id == run_id)).mappings().first()
    if exact:
        return exact
    found = (
        connection.execute(query.where(tables.runs.c.run_id.startswith(run_id, autoescape=True)).limit(2))
        .mappings()
        .all()
    )
    if len(found) != 1 or not run_id:
        what = "is the beginning of several runs" if found and run_id else "is not a run"
        raise NotFound(f"'{run_id}' {what}. `almanac runs` lists them.")
    return found[0]


def notebook_run(connection: sa.Connection, run: RunRow) -> RunRow:
    """Return the run whose notebooks made the rows of a run: for a shadow the one beside which it was scored."""
    return get(connection, run["parent_run_id"]) if run["kind"] == "shadow" and run["parent_run_id"] else run


def in_slot(connection: sa.Connection, workload: str, slot: datetime) -> RunRow | None:
    """Return the running or succeeded run of a slot, if there is one."""
    columns = tables.runs.c
    query = sa.select(tables.runs).where(
        columns.workload == workload,
        columns.slot == slot,
        columns.kind == "run",
        columns.status.in_(["running", "succeeded"]),
    )
    return connection.execute(query).mappings().first()


def mlflow_run(database: Database, run_id: str) -> str:
    """Wait for the MLflow run of a run, which the runner opens while the first cells already work; raises NotFound."""
    for _ in range(MLFLOW_WAIT_SECONDS * 10):
        with database.engine.begin() as connection:
            recorded = get(connection, run_id)["mlflow_run_id"]
        if recorded:
            return str(recorded)
        time.sleep(0.1)
    raise NotFound(
        f"Run '{run_id}' has no MLflow run after {MLFLOW_WAIT_SECONDS} s. Is the registry reachable? `almanac doctor` tells."
    )


def newest(
    connection: sa.Connection, workload: str | None = None, *, limit: int = 20, **equal: Any
) -> list[RunRow]:
    """Return the newest runs first, of one workload or of all; `equal` compares columns."""
    query = (
        sa.select(tables.runs)
        .order_by(tables.runs.c.started_at.desc(), tables.runs.c.run_id.desc())
        .limit(limit)
    )
    if workload:
        query = query.where(tables.runs.c.workload == workload)
    for name, value in equal.items():
        query = query.where(tables.runs.c[name] == value)
    return list(connection.execute(query).mappings().all())


def last_failed(connection: sa.Connection, workload: str, slot: datetime) -> RunRow:
    """Return the newest failed attempt at a slot; raises NotFound, which names the slot of another one where there is one."""
    found = newest(connection, workload, limit=1, slot=slot, kind="run", status="failed")
    if found:
        return found[0]
    others = newest(connection, workload, limit=1, kind="run", status="failed")
    way = (
        f"Run all its steps, or continue run {others[0]['run_id']} with --slot {others[0]['slot'].isoformat()}."
        if others
        else "Run all its steps."
    )
    raise NotFound(f"Slot {slot:%Y-%m-%dT%H:%MZ} of '{workload}' has no failed attempt to continue. {way}")


def newest_of_version(connection: sa.Connection, workload: str, version: int) -> RunRow | None:
    """Return the newest run (also a shadow) whose rows were made by a model version and are still kept."""
    columns = tables.runs.c
    made = (
        (columns.workload == workload) & (columns.model_version == version) & (columns.status == "succeeded")
    )
    query = (
        sa.select(tables.runs)
        .where(made, columns.rows.is_not(None), columns.pruned_at.is_(None))
        .order_by(columns.finished_at.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def of_version(connection: sa.Connection, workload: str, version: int) -> list[RunRow]:
    """Return the runs that make up an incremental workload's version, oldest first: kept, and not taken over by a later one."""
    columns = tables.runs.c
    made = (
        (columns.workload == workload)
        & (columns.model_version == version)
        & (columns.status == "succeeded")
        & columns.rows.is_not(None)
    )
    query = sa.select(tables.runs).where(made, columns.pruned_at.is_(None), columns.absorbed_by.is_(None))
    return list(connection.execute(query.order_by(columns.finished_at)).mappings().all())


def absorb(connection: sa.Connection, run_id: str, absorbed: Sequence[str]) -> bool:
    """Note that a run has taken over the rows of others; return False where one of them is no longer there to be taken over."""
    columns = tables.runs.c
    present = columns.run_id.in_(absorbed) & columns.absorbed_by.is_(None) & columns.pruned_at.is_(None)
    return connection.execute(
        sa.update(tables.runs).where(present).values(absorbed_by=run_id)
    ).rowcount == len(absorbed)


def update(connection: sa.Connection, run_id: str, update: RunUpdate) -> None:
    """Write what has become known about a running run."""
    if update.values():
        connection.execute(
            sa.update(tables.runs)
            .where(tables.runs.c.run_id == run_id, tables.runs.c.status == "running")
            .values(update.values())
        )


def finish(
    connection: sa.Connection,
    run_id: str,
    status: str,
    reason: str | None = None,
    update: RunUpdate | None = None,
) -> bool:
    """End a running run; return False where it was no longer running."""
    values = {"status": status, "reason": reason, "finished_at": sa.func.clock_timestamp()} | (
        update.values() if update else {}
    )
    running = (tables.runs.c.run_id == run_id) & (tables.runs.c.status == "running")
    return connection.execute(sa.update(tables.runs).where(running).values(values)).rowcount == 1


def start_step(connection: sa.Connection, run_id: str, step: str) -> None:
    """Record that a step of a run begins."""
    connection.execute(sa.insert(tables.run_steps).values(run_id=run_id, step=step))


def report_step(connection: sa.Connection, run_id: str, step: str, results: Mapping[str, Any]) -> None:
    """Add results to a running step and mark it as reported."""
    columns = tables.run_steps.c
    query = sa.update(tables.run_steps).where(
        columns.run_id == run_id, columns.step == step, columns.status == "running"
    )
    done = connection.execute(query.values(results=columns.results.op("||")(dict(results)), reported=True))
    if done.rowcount != 1:
        raise NotFound(f"Step '{step}' of run '{run_id}' is not running, so it cannot report.")


def finish_step(connection: sa.Connection, run_id: str, step: str, values: Mapping[str, Any]) -> None:
    """Record how a step ended."""
    query = sa.update(tables.run_steps).where(
        tables.run_steps.c.run_id == run_id, tables.run_steps.c.step == step
    )
    connection.execute(query.values(dict(values)))


def steps(connection: sa.Connection, run_id: str) -> list[RunRow]:
    """Return the steps of a run in the order in which they started."""
    query = (
        sa.select(tables.run_steps)
        .where(tables.run_steps.c.run_id == run_id)
        .order_by(tables.run_steps.c.started_at)
    )
    return list(connection.execute(query).mappings().all())


def results(connection: sa.Connection, run_id: str, step: str) -> dict[str, Any]:
    """Return what a step of this run reported, or of the attempt that it continues; raises NotFound."""
    wanted: str | None = run_id
    while wanted:
        for record in steps(connection, wanted):
            if record["step"] == step and record["status"] == "succeeded":
                return dict(record["results"])
        wanted = get(connection, wanted)["parent_run_id"]
    raise NotFound(
        f"Neither run '{run_id}' nor the attempts it continues have finished the step '{step}'. Use --from {step}, or run all steps."
    )


def saved_frame(
    connection: sa.Connection, run_id: str, earlier: Sequence[str], name: str
) -> dict[str, str] | None:
    """Return where an earlier step of a run keeps the frame `name`, and its hash, or None."""
    for step in earlier:
        try:
            found: dict[str, str] = results(connection, run_id, step)["kept"][name]
        except (NotFound, KeyError):
            continue
        return found
    return None


def record_hash(connection: sa.Connection, run_id: str) -> str:
    """Return the SHA-256 over the whole record of a run and its steps; pruning does not change it, nor does a column added later."""
    return str(
        connection.execute(
            sa.text(f"SELECT {RECORD_HASH} FROM almanac.runs AS r WHERE r.run_id = :run_id"),
            {"run_id": run_id},
        ).scalar_one()
    )
