"""The end of a run: its record, its MLflow run, and what each run does afterwards."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from almanac.errors import DatabaseError, RegistryError
from almanac.log_lines import fields
from almanac.runner import environment, upkeep
from almanac.runner.attempt import Attempt
from almanac.runner.notebooks.job import NotebookResult
from almanac.store.connections.database import Connection
from almanac.store.publishing import prune, publish, staging_tables
from almanac.store.records import run_steps, runs

log = logging.getLogger("almanac")


def usage(attempt: Attempt, results: list[NotebookResult]) -> dict[str, Any]:
    """Return what a run has used so far: seconds, CPU seconds and peak memory of its kernels."""
    return {
        "seconds": _seconds(attempt),
        "cpu_seconds": round(sum(result.cpu_seconds for result in results), 3),
        "peak_memory_mb": round(max(result.peak_memory_mb for result in results), 1),
    }


def finish(attempt: Attempt, usage: Mapping[str, Any]) -> publish.Publication:
    """End a run that does not predict."""
    with attempt.project.database.engine.begin() as connection:
        runs.finish(connection, attempt.run_id, "succeeded", update=runs.RunUpdate(**usage))
    return publish.Publication(None, "no predict step, so nothing to release")


def fail(attempt: Attempt, message: str) -> str:
    """Write why the run failed into its record, without secrets, and return it."""
    reason = environment.redact(message, environment.secrets(attempt.project.settings))
    log.error("run failed", extra=fields(run=attempt.run_id, reason=reason))
    with attempt.project.database.engine.begin() as connection:
        _fail_running_steps(connection, attempt.run_id, reason)
        update = runs.RunUpdate(seconds=_seconds(attempt))
        runs.finish(connection, attempt.run_id, "failed", reason, update)
        mlflow_run_id = runs.get(connection, attempt.run_id)["mlflow_run_id"]
    staging_tables.discard(attempt.project.database, attempt.contract, attempt.run_id)
    if mlflow_run_id:
        end_mlflow_run(attempt, mlflow_run_id, succeeded=False)
    return reason


def end_mlflow_run(attempt: Attempt, mlflow_run_id: str, *, succeeded: bool) -> None:
    """End the MLflow run; what was published stays, also where the registry is away."""
    try:
        attempt.project.registry.end_run(mlflow_run_id, succeeded=succeeded)
    except RegistryError as error:
        facts = fields(run=attempt.run_id, reason=str(error))
        log.warning("the registry was not told how the run ended", extra=facts)


def tidy(attempt: Attempt) -> None:
    """Do the workload's upkeep and drop what is past retention; what fails is left to the next run."""
    _or_next_run(attempt, "upkeep is left to the next run", upkeep.tend)
    pruned = _or_next_run(attempt, "pruning is left to the next run", prune.prune)
    if pruned:
        log.info("pruned", extra=fields(workload=attempt.workload, runs=pruned))


def _or_next_run(attempt: Attempt, event: str, work: Callable[..., Any]) -> Any:
    """Return what `work` returns; where the database refuses it, log `event` and return None."""
    try:
        return work(attempt.project.database, attempt.contract)
    except (psycopg.Error, DatabaseError) as error:
        log.warning(event, extra=fields(workload=attempt.workload, reason=str(error).strip()))
        return None


def _fail_running_steps(connection: Connection, run_id: str, reason: str) -> None:
    for row in run_steps.of_run(connection, run_id):
        if row["status"] == "running":
            run_steps.finish(connection, run_id, row["step"], {"status": "failed", "reason": reason})


def _seconds(attempt: Attempt) -> float:
    return round(time.monotonic() - attempt.started, 3)
