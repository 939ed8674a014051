"""One run: take the slot, execute the steps, apply their results, publish or fail with a reason."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Thread

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import AlmanacError
from almanac.log_lines import fields
from almanac.project import Project
from almanac.runner import aliases, end, notebook_pages, pages, run_log, slots
from almanac.runner.attempt import Attempt, OnProgress, RunRequest, no_progress
from almanac.runner.effects import publish_results
from almanac.runner.notebooks.job import Terminated
from almanac.runner.notebooks.plan import Plan, check_parameters, make_plan
from almanac.runner.signals import raise_terminated
from almanac.runner.slots import Start
from almanac.runner.step import open_mlflow_run, run_step
from almanac.store.connections.database import driver_connection
from almanac.store.connections.locks import retry_on_lock
from almanac.store.publishing import staging_tables
from almanac.store.records import runs
from almanac.store.schema.ensure import ensure

log = logging.getLogger("almanac")


@dataclass(frozen=True)
class Result:
    """How a run ended. `was_done` means that its slot had been finished before and nothing was changed."""

    run_id: str
    status: str
    reason: str | None
    was_done: bool = False
    release_id: int | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class Order:
    """A request with its contract, the notebooks that it runs, and its slot."""

    request: RunRequest
    contract: Contract
    plan: Plan
    slot: datetime


def run(project: Project, request: RunRequest, *, on_progress: OnProgress = no_progress) -> Result:
    """Execute one run and return how it ended.

    Raises UsageError before anything is touched, RunBusy while another run of the workload is under way.
    """
    order = _order(project, request)
    retry_on_lock(project.database, partial(ensure, contract=order.contract))
    with runs.exclusive(project.database, request.workload):
        aliases.carry(project, request.workload)
        attempt = _take_slot(project, order, on_progress)
        if isinstance(attempt, Result):
            return attempt
        with raise_terminated(), run_log.to_file(attempt.folder / "run.log", project.settings):
            return _execute(attempt, order.plan)


def finished(project: Project, request: RunRequest) -> Result | None:
    """Return the run that has finished the slot of a request, or None where there is something to run.

    Raises UsageError as `run` does.
    """
    order = _order(project, request)
    with project.database.engine.begin() as connection:
        row = runs.in_slot(connection, request.workload, order.slot, request.schedule)
    return _result_of(row) if row and row["status"] == "succeeded" else None


def _order(project: Project, request: RunRequest) -> Order:
    contract = discovery.contract(request.workload)
    plan = make_plan(project.settings.notebooks_folder, request)
    slot = slots.requested_slot(request, contract, predicts=plan.predicts)
    return Order(request, contract, plan, slot)


def _take_slot(project: Project, order: Order, on_progress: OnProgress) -> Attempt | Result:
    """Write the record of a new run, or return the run that has finished the slot before."""
    with project.database.engine.begin() as connection:
        staging_tables.sweep(driver_connection(connection), order.contract)
        row = runs.in_slot(connection, order.request.workload, order.slot, order.request.schedule)
        if row:
            return _result_of(row)
        start = slots.continue_attempt(connection, Start(order.request, order.slot, order.plan.steps))
        check_parameters(order.plan.notebooks, start.request.parameters)
        run_id = slots.take(connection, project.settings, start)
    return Attempt(
        run_id=run_id,
        request=start.request,
        contract=order.contract,
        project=project,
        slot=order.slot,
        started=time.monotonic(),
        on_progress=on_progress,
    )


def _result_of(row: runs.RunRow) -> Result:
    return Result(row["run_id"], row["status"], row["reason"], was_done=True)


def _execute(attempt: Attempt, plan: Plan) -> Result:
    """Work through the run; whatever goes wrong is written into its record before it is passed on."""
    try:
        result = _work(attempt, plan)
    except AlmanacError as error:
        reason = end.fail(attempt, str(error))
        notebook_pages.store(attempt)
        return Result(attempt.run_id, "failed", reason, exit_code=error.exit_code)
    except Terminated as error:
        end.fail(attempt, str(error))
        raise
    except BaseException as error:
        end.fail(attempt, f"unexpected {type(error).__name__}: {error}")
        raise
    notebook_pages.store(attempt)
    end.tidy(attempt)
    return result


def _work(attempt: Attempt, plan: Plan) -> Result:
    mlflow_run = _beside(open_mlflow_run, attempt)
    results = [run_step(attempt, notebook, mlflow_run) for notebook in plan.selected]
    usage = end.usage(attempt, results)
    publication = publish_results(attempt, usage) if plan.predicts else end.finish(attempt, usage)
    end.end_mlflow_run(attempt, mlflow_run.result(), succeeded=True)
    pages.write(attempt, mlflow_run.result(), publication)
    facts = fields(run=attempt.run_id, release=publication.release_id, reason=publication.reason)
    log.info("run ended", extra=facts)
    return Result(attempt.run_id, "succeeded", publication.reason, release_id=publication.release_id)


def _beside(work: Callable[[Attempt], str], attempt: Attempt) -> "Future[str]":
    """Start work in a thread that does not keep a stopped program alive: a registry may be away."""
    future: Future[str] = Future()

    def fill() -> None:
        try:
            future.set_result(work(attempt))
        except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=fill, name="mlflow", daemon=True).start()
    return future
