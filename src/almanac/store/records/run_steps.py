"""The steps of a run: how each ended and what it reported."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from almanac.errors import NotFound
from almanac.store.connections.rows import all_rows
from almanac.store.records import runs
from almanac.store.schema.tables import run_steps

StepRow = sa.RowMapping
COLUMNS = run_steps.c
NOT_RUNNING = "Step '{step}' of run '{run_id}' is not running, so it cannot report."
NOT_FINISHED = (
    "Neither run '{run_id}' nor the attempts it continues have finished the step '{step}'. "
    "Use --from {step}, or run all steps."
)


def start(
    connection: sa.Connection, run_id: str, step: str, *, packages: Mapping[str, str] | None = None
) -> None:
    """Record that a step of a run begins, with the versions of `packages` for the first one."""
    results = {"packages": dict(packages)} if packages else {}
    connection.execute(sa.insert(run_steps).values(run_id=run_id, step=step, results=results))


def packages(connection: sa.Connection, run_id: str) -> dict[str, str]:
    """Return the package versions with which a run was made; earlier programs recorded none."""
    recorded = [row["results"].get("packages") for row in of_run(connection, run_id)]
    return dict(next(filter(None, recorded), {}))


def report(connection: sa.Connection, run_id: str, step: str, results: Mapping[str, Any]) -> None:
    """Add results to a running step and mark it as reported; raises NotFound where it is not running."""
    is_running = _is_step(run_id, step) & (COLUMNS.status == "running")
    merged = COLUMNS.results.op("||")(dict(results))
    statement = sa.update(run_steps).where(is_running).values(results=merged, reported=True)
    if connection.execute(statement).rowcount != 1:
        raise NotFound(NOT_RUNNING.format(step=step, run_id=run_id))


def finish(connection: sa.Connection, run_id: str, step: str, values: Mapping[str, Any]) -> None:
    """Record how a step ended."""
    connection.execute(sa.update(run_steps).where(_is_step(run_id, step)).values(dict(values)))


def of_run(connection: sa.Connection, run_id: str) -> list[StepRow]:
    """Return the steps of a run in the order in which they started."""
    query = sa.select(run_steps).where(COLUMNS.run_id == run_id).order_by(COLUMNS.started_at)
    return all_rows(connection, query)


def results(connection: sa.Connection, run_id: str, step: str) -> dict[str, Any]:
    """Return what a step of this run reported, or of the attempt that it continues; raises NotFound."""
    attempt: str | None = run_id
    while attempt:
        for row in of_run(connection, attempt):
            if row["step"] == step and row["status"] == "succeeded":
                return dict(row["results"])
        attempt = runs.get(connection, attempt)["parent_run_id"]
    raise NotFound(NOT_FINISHED.format(step=step, run_id=run_id))


def saved_frame(
    connection: sa.Connection, run_id: str, earlier_steps: Sequence[str], name: str
) -> dict[str, str] | None:
    """Return `uri` and `hash` of the frame that an earlier step of a run has saved as `name`, or None."""
    for step in earlier_steps:
        try:
            place: dict[str, str] = results(connection, run_id, step)["kept"][name]
        except (NotFound, KeyError):
            continue
        return place
    return None


def _is_step(run_id: str, step: str) -> sa.ColumnElement[bool]:
    return (COLUMNS.run_id == run_id) & (COLUMNS.step == step)
