"""One step of a run: execute its notebook, record how it ended, save the notebook, apply its results."""

import logging
from collections.abc import Callable
from concurrent.futures import Future

from almanac import provenance
from almanac.errors import RegistryError, StepFailed
from almanac.log_lines import fields
from almanac.runner import environment
from almanac.runner.attempt import Attempt
from almanac.runner.effects import apply_results
from almanac.runner.notebooks.imports import without_iri_grammar
from almanac.runner.notebooks.job import Job, Limits, NotebookResult, Terminated
from almanac.runner.notebooks.plan import Notebook
from almanac.store.records import run_steps, runs

FIGURES = ("notebook_hash", "seconds", "cell_seconds", "cpu_seconds", "peak_memory_mb")
UNREPORTED = "the notebook ended without reporting any result"
log = logging.getLogger("almanac")


def open_mlflow_run(attempt: Attempt) -> str:
    """Open the MLflow run of a run and return its id.

    A thread does so beside the first step, since MLflow takes seconds to import. Where it fails, the run is
    marked as failed at once, so that no notebook waits for it.
    """
    tags = {"almanac.kind": "run", "almanac.run": attempt.run_id, "almanac.slot": attempt.slot.isoformat()}
    try:
        mlflow_run_id = attempt.project.registry.start_run(attempt.workload, attempt.run_id, tags=tags)
    except RegistryError as error:
        reason = environment.redact(str(error), environment.secrets(attempt.project.settings))
        with attempt.project.database.engine.begin() as connection:
            runs.finish(connection, attempt.run_id, "failed", reason)
        raise
    with attempt.project.database.engine.begin() as connection:
        runs.update(connection, attempt.run_id, runs.RunUpdate(mlflow_run_id=mlflow_run_id))
    return mlflow_run_id


def run_step(attempt: Attempt, notebook: Notebook, mlflow_run: "Future[str]") -> NotebookResult:
    """Run one step and return how its notebook ended; raises StepFailed, or Terminated after a signal."""
    step = notebook.step
    _start(attempt, step)
    log.info("step starts", extra=fields(run=attempt.run_id, step=step))
    result = _executor()(_job(attempt, notebook))
    reason = result.reason or _missing_report(attempt, step)
    _record(attempt, step, result, reason)
    if result.stopped and not mlflow_run.done():
        # Who stops a run does not wait for a registry that is slow or away; the notebook is kept here.
        raise Terminated(reason)
    _save_notebook(attempt, notebook, mlflow_run.result())
    if result.stopped:
        raise Terminated(reason)
    if reason:
        place = attempt.folder / notebook.path.name
        raise StepFailed(f"{step}: {reason.rstrip('.')}. The notebook is kept at {place}")
    apply_results(attempt, step)
    return result


def _start(attempt: Attempt, step: str) -> None:
    """Record that a step begins; the first one of a run carries the versions of the packages."""
    with attempt.project.database.engine.begin() as connection:
        is_first = not run_steps.of_run(connection, attempt.run_id)
        packages = provenance.packages(attempt.project.settings.home) if is_first else None
        run_steps.start(connection, attempt.run_id, step, packages=packages)


def _executor() -> Callable[[Job], NotebookResult]:
    """Import papermill, which takes a second that a finished slot need not wait for."""
    with without_iri_grammar():
        from almanac.runner.notebooks.execution import execute
    return execute


def _job(attempt: Attempt, notebook: Notebook) -> Job:
    settings = attempt.project.settings

    def on_cell(cell: int, cells: int) -> None:
        attempt.on_progress(notebook.step, cell, cells)

    return Job(
        path=notebook.path,
        output=attempt.folder / notebook.path.name,
        parameters=_own_parameters(attempt) | notebook.typed(attempt.request.parameters),
        environment=environment.kernel_environment(
            settings, attempt.project.worker, attempt.contract.environment
        ),
        limits=_limits(attempt),
        secrets=environment.secrets(settings),
        on_cell=on_cell,
    )


def _own_parameters(attempt: Attempt) -> dict[str, str]:
    """Return the parameters that the runner sets in every notebook."""
    request = attempt.request
    return {
        "RUN_ID": attempt.run_id,
        "SLOT": attempt.slot.isoformat(),
        "SAMPLE": request.sample or attempt.project.settings.sample,
        "DATA_AS_OF": str(request.data_as_of or ""),
    }


def _limits(attempt: Attempt) -> Limits:
    contract = attempt.contract
    deadline = attempt.started + contract.run_deadline.total_seconds()
    return Limits(contract.cell_timeout.total_seconds(), deadline)


def _missing_report(attempt: Attempt, step: str) -> str | None:
    """Return why a step that raised nothing has failed all the same, or None."""
    with attempt.project.database.engine.begin() as connection:
        rows = run_steps.of_run(connection, attempt.run_id)
    reported = any(row["reported"] for row in rows if row["step"] == step)
    return None if reported else UNREPORTED


def _record(attempt: Attempt, step: str, result: NotebookResult, reason: str | None) -> None:
    """Write how a step ended, before its notebook goes to a registry that may be away."""
    values = {name: getattr(result, name) for name in FIGURES}
    values |= {"reason": reason, "status": "failed" if reason else "succeeded"}
    with attempt.project.database.engine.begin() as connection:
        run_steps.finish(connection, attempt.run_id, step, values)
    facts = fields(run=attempt.run_id, step=step, seconds=round(result.seconds, 1), reason=reason)
    log.info("step ended", extra=facts)


def _save_notebook(attempt: Attempt, notebook: Notebook, mlflow_run_id: str) -> None:
    """Save the executed notebook with the MLflow run and record its address."""
    path = attempt.folder / notebook.path.name
    uri = attempt.project.registry.log_file(mlflow_run_id, path, "notebooks")
    with attempt.project.database.engine.begin() as connection:
        run_steps.finish(connection, attempt.run_id, notebook.step, {"notebook_uri": uri})
