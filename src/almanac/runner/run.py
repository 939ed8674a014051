"""One run: take the slot, execute the steps, act on what they report, publish or fail with a reason."""

import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import psycopg
import structlog

from almanac import discovery
from almanac.errors import AlmanacError, DatabaseError, RegistryError, StepFailed
from almanac.project import Project
from almanac.runner import environment, logs, notebooks, slots, upkeep
from almanac.runner.attempt import Attempt, OnProgress, RunRequest, no_progress
from almanac.runner.effects import apply_results, release
from almanac.runner.job import Job, Limits, Outcome, Terminated
from almanac.runner.notebooks import Notebook
from almanac.store.connections.database import driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.publishing import prune, publish, staging_tables
from almanac.store.records import run_steps, runs
from almanac.store.schema import ensure

log = structlog.get_logger("almanac")


@dataclass(frozen=True)
class Result:
    """How a run ended. `was_done` means that its slot had been finished before and nothing was changed."""

    run_id: str
    status: str
    reason: str | None
    was_done: bool = False
    release_id: int | None = None
    exit_code: int = 0


def run(project: Project, request: RunRequest, *, on_progress: OnProgress = no_progress) -> Result:
    """Execute one run and return how it ended.

    Raises UsageError before anything has been touched, RunBusy while another run of the workload is under way.
    """
    contract = discovery.contract(request.workload)
    found = notebooks.find(project.settings.notebooks_folder, request.workload)
    chosen = notebooks.choose(found, only=request.only, start=request.start)
    notebooks.parameters(chosen, request.parameters)
    slot = slots.due(request, contract, predicts=chosen[-1].step == "predict")
    retry_on_lock(project.database, partial(ensure.ensure, contract=contract))
    with runs.exclusive(project.database, request.workload):
        with project.database.engine.begin() as connection:
            staging_tables.sweep(driver_connection(connection), contract)
            done = runs.in_slot(connection, request.workload, slot)
            if done:
                return Result(done["run_id"], done["status"], done["reason"], was_done=True)
            parent, request = slots.continued(connection, request, slot)
            given = notebooks.parameters(found, request.parameters)
            steps = [notebook.step for notebook in chosen]
            run_id = slots.take(
                connection, slots.described(project.settings, request, slot=slot, steps=steps, parent=parent)
            )
        attempt = Attempt(run_id, request, contract, project, slot, time.monotonic(), on_progress)
        with (
            _termination(),
            logs.to_file(attempt.folder / "run.log", secrets=environment.secrets(project.settings)),
        ):
            return _guarded(attempt, chosen, given)


def _guarded(attempt: Attempt, chosen: list[Notebook], given: Mapping[str, Any]) -> Result:
    """Work through the run; whatever goes wrong is written into its record before it is passed on."""
    try:
        result = _work(attempt, chosen, given)
    except AlmanacError as error:
        reason = _fail(attempt, str(error))
        return Result(attempt.run_id, "failed", reason, exit_code=error.exit_code)
    except Terminated as error:
        _fail(attempt, str(error))
        raise
    except BaseException as error:
        _fail(attempt, f"unexpected {type(error).__name__}: {error}")
        raise
    _tend(attempt)
    _prune(attempt)
    return result


def _work(attempt: Attempt, chosen: list[Notebook], given: Mapping[str, Any]) -> Result:
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(_open_mlflow_run, attempt)
        outcomes = [_step(attempt, notebook, given, opened) for notebook in chosen]
    facts = _usage(attempt, outcomes)
    publication = release(attempt, facts) if chosen[-1].step == "predict" else _finish(attempt, facts)
    _end_mlflow_run(attempt, opened.result(), succeeded=True)
    log.info("run ended", run=attempt.run_id, release=publication.release_id, reason=publication.reason)
    return Result(attempt.run_id, "succeeded", publication.reason, release_id=publication.release_id)


def _open_mlflow_run(attempt: Attempt) -> str:
    """Open the run's MLflow run beside the first step, since importing MLflow takes seconds."""
    tags = {"almanac.kind": "run", "almanac.run": attempt.run_id, "almanac.slot": attempt.slot.isoformat()}
    mlflow_run_id = attempt.project.registry.start_run(attempt.request.workload, attempt.run_id, tags=tags)
    with attempt.project.database.engine.begin() as connection:
        runs.update(connection, attempt.run_id, runs.RunUpdate(mlflow_run_id=mlflow_run_id))
    return mlflow_run_id


def _step(attempt: Attempt, notebook: Notebook, given: Mapping[str, Any], opened: "Future[str]") -> Outcome:
    # papermill takes a second to load, which a finished slot need not wait for.
    from almanac.runner.execution import execute

    with attempt.project.database.engine.begin() as connection:
        run_steps.start(connection, attempt.run_id, notebook.step)
    log.info("step starts", run=attempt.run_id, step=notebook.step)
    outcome = execute(_job(attempt, notebook, given))
    reason = outcome.reason or _unreported(attempt, notebook.step)
    _record(attempt, notebook, outcome, {"reason": reason, "status": "failed" if reason else "succeeded"})
    kept = attempt.project.registry.log_file(
        opened.result(), attempt.folder / notebook.path.name, "notebooks"
    )
    with attempt.project.database.engine.begin() as connection:
        run_steps.finish(connection, attempt.run_id, notebook.step, {"notebook_uri": kept})
    if outcome.stopped:
        raise Terminated(reason)
    if reason:
        raise StepFailed(
            f"{notebook.step}: {reason.rstrip('.')}. The notebook is kept at {attempt.folder / notebook.path.name}"
        )
    apply_results(attempt, notebook.step)
    return outcome


def _record(attempt: Attempt, notebook: Notebook, outcome: Outcome, ending: Mapping[str, Any]) -> None:
    """Write how a step ended, before its notebook goes to a registry that may be away."""
    figures = {
        name: getattr(outcome, name)
        for name in ("notebook_hash", "seconds", "cell_seconds", "cpu_seconds", "peak_memory_mb")
    }
    with attempt.project.database.engine.begin() as connection:
        run_steps.finish(connection, attempt.run_id, notebook.step, {**ending, **figures})
    log.info(
        "step ended",
        run=attempt.run_id,
        step=notebook.step,
        seconds=round(outcome.seconds, 1),
        reason=ending["reason"],
    )


def _job(attempt: Attempt, notebook: Notebook, given: Mapping[str, Any]) -> Job:
    request, contract = attempt.request, attempt.contract
    own = {
        "RUN_ID": attempt.run_id,
        "SLOT": attempt.slot.isoformat(),
        "SAMPLE": request.sample or attempt.project.settings.sample,
        "DATA_AS_OF": str(request.data_as_of or ""),
    }
    return Job(
        path=notebook.path,
        output=attempt.folder / notebook.path.name,
        parameters=own | notebooks.for_notebook(notebook, given),
        environment=environment.kernel_environment(attempt.project.settings, attempt.project.worker),
        limits=Limits(
            contract.cell_timeout.total_seconds(), attempt.started + contract.run_deadline.total_seconds()
        ),
        secrets=environment.secrets(attempt.project.settings),
        on_cell=lambda cell, cells: attempt.on_progress(notebook.step, cell, cells),
    )


def _unreported(attempt: Attempt, step: str) -> str | None:
    with attempt.project.database.engine.begin() as connection:
        reported = any(
            record["reported"]
            for record in run_steps.of_run(connection, attempt.run_id)
            if record["step"] == step
        )
    return None if reported else "the notebook ended without reporting any result"


def _usage(attempt: Attempt, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "seconds": round(time.monotonic() - attempt.started, 3),
        "cpu_seconds": round(sum(outcome.cpu_seconds for outcome in outcomes), 3),
        "peak_memory_mb": round(max(outcome.peak_memory_mb for outcome in outcomes), 1),
    }


def _finish(attempt: Attempt, usage: Mapping[str, Any]) -> publish.Publication:
    with attempt.project.database.engine.begin() as connection:
        runs.finish(connection, attempt.run_id, "succeeded", update=runs.RunUpdate(**usage))
    return publish.Publication(None, "no predict step, so nothing to release")


def _fail(attempt: Attempt, told: str) -> str:
    """Write why the run failed into its record, without secrets, and return it."""
    reason = environment.redact(told, environment.secrets(attempt.project.settings))
    log.error("run failed", run=attempt.run_id, reason=reason)
    facts = runs.RunUpdate(seconds=round(time.monotonic() - attempt.started, 3))
    with attempt.project.database.engine.begin() as connection:
        for record in run_steps.of_run(connection, attempt.run_id):
            if record["status"] == "running":
                run_steps.finish(
                    connection, attempt.run_id, record["step"], {"status": "failed", "reason": reason}
                )
        runs.finish(connection, attempt.run_id, "failed", reason, facts)
        mlflow_run_id = runs.get(connection, attempt.run_id)["mlflow_run_id"]
    staging_tables.discard(attempt.project.database, attempt.contract, attempt.run_id)
    if mlflow_run_id:
        _end_mlflow_run(attempt, mlflow_run_id, succeeded=False)
    return reason


def _end_mlflow_run(attempt: Attempt, mlflow_run_id: str, *, succeeded: bool) -> None:
    """Tell the registry how the run ended; what has been published is not undone because the registry is away."""
    try:
        attempt.project.registry.end_run(mlflow_run_id, succeeded=succeeded)
    except RegistryError as error:
        log.warning("the registry was not told how the run ended", run=attempt.run_id, reason=str(error))


def _tend(attempt: Attempt) -> None:
    """Do what a workload brings to be done after each run; where that fails, the next run does it."""
    try:
        upkeep.tend(attempt.project.database, attempt.contract)
    except (psycopg.Error, DatabaseError) as error:
        log.warning(
            "upkeep is left to the next run", workload=attempt.request.workload, reason=str(error).strip()
        )


def _prune(attempt: Attempt) -> None:
    """Drop what is past retention; where readers are in the way, the next run does it."""
    try:
        pruned = prune.prune(attempt.project.database, attempt.contract)
    except (psycopg.Error, DatabaseError) as error:
        log.warning(
            "pruning is left to the next run", workload=attempt.request.workload, reason=str(error).strip()
        )
        return
    if pruned:
        log.info("pruned", workload=attempt.request.workload, runs=pruned)


@contextmanager
def _termination() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into Terminated while a run is under way."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Terminated(f"stopped by {signal.Signals(number).name}")

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:
        # Not the main thread, which alone may handle signals.
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
