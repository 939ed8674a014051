"""What a person sees at the end of a run: predictions, figures of the model, notebooks, the next commands."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac import discovery
from almanac.cli import show
from almanac.cli.decisions import sentence
from almanac.errors import RegistryError
from almanac.project import Project
from almanac.registry import pages
from almanac.runner.attempt import run_folder
from almanac.runner.run import Result
from almanac.store.publishing import published
from almanac.store.records import decisions, releases, run_steps, runs, versions

ROWS = 12
FINISHED_BEFORE = (
    "[bold]{workload}[/]: this slot was finished by run {run_id}; nothing was changed. "
    "`--slot now` forces a new run."
)
NEXT = """
Took {seconds}. Now look at it:
  [bold]make serve[/]    see the pages: http://{host}:{port}, and ask the API: http://{host}:{port}/docs
  [bold]make lab[/]      explore the notebooks in JupyterLab
  [bold]make mlflow[/]   compare runs and models: {pages}"""


def print_run(project: Project, workload: str, result: Result, *, seconds: float) -> None:
    """Print how a run ended, and what readers get from it."""
    if result.status == "failed":
        return
    if result.was_done:
        print_finished(workload, result)
    print_live(project, workload)
    if result.release_id is None:
        _print_decision(project, result.run_id)
    if result.release_id is None and not result.was_done:
        show.line(f"Run {result.run_id} was kept, not released: {show.escape(result.reason or '')}.")
    print_next(project, seconds=seconds, workload="" if result.was_done else workload)


def print_finished(workload: str, result: Result) -> None:
    """Print which run has finished the slot before."""
    show.line(FINISHED_BEFORE.format(workload=workload, run_id=result.run_id))


def print_live(project: Project, workload: str) -> None:
    """Print the live release of a workload: some predictions, the model's figures, the notebooks."""
    with project.database.engine.begin() as connection:
        release = releases.live(connection, workload)
        if release is None:
            show.line(f"[bold]{workload}[/] has no release yet.")
            return
        run = runs.get(connection, release["run_id"])
        steps = run_steps.of_run(connection, run["run_id"])
        number = run["model_version"]
        version = versions.get(connection, workload, number) if number else None
        decision = decisions.of_run(connection, run["run_id"])
    _print_predictions(project, workload, run)
    show.line("")
    _print_release(workload, release, run)
    if old_data := discovery.contract(workload).old_data(run["data_as_of"], run["newest_data"]):
        show.line(show.escape(f"STALE DATA: {old_data}"))
    if decision:
        show.line(show.escape(sentence(decision)))
    _print_metrics(workload, dict(version["metrics"]) if version else {})
    _print_notebooks(project, run, steps)


def print_next(project: Project, *, seconds: float, workload: str = "") -> None:
    """Print how long it took and the next commands; with `workload` the address of its runs in MLflow."""
    settings = project.settings
    address = _address(project, workload) if workload else pages.LOCAL_PAGES
    text = NEXT.format(seconds=duration(seconds), host=settings.host, port=settings.port, pages=address)
    show.line(text)


def _address(project: Project, workload: str) -> str:
    try:
        return pages.address(project.registry, workload)
    except RegistryError:
        return pages.LOCAL_PAGES


def duration(seconds: float) -> str:
    """Return a duration as people read it.

    >>> duration(9.6), duration(185)
    ('10 s', '3 min 5 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _print_decision(project: Project, run_id: str) -> None:
    """Print what a run decided, unless it is the run that readers get."""
    with project.database.engine.begin() as connection:
        decision = decisions.of_run(connection, run_id)
        live = releases.live(connection, decision["workload"]) if decision else None
    if decision and (live is None or live["run_id"] != run_id):
        show.line(show.escape(sentence(decision)))


def _print_predictions(project: Project, workload: str, run: runs.RunRow) -> None:
    contract = discovery.contract(workload)
    frame = published.read_run(project.database, contract, contract.predictions.name, run["run_id"])
    hook = discovery.module(workload, "summary")
    columns, rows = hook.headline(frame, rows=ROWS) if hook else _headline(frame)
    kind = "SIMULATED, " if run["simulated"] else "demo, " if run["demo"] else ""
    count = f"{min(ROWS, len(frame))} of {len(frame)}"
    show.table(f"{contract.title}: {kind}as of {run['data_as_of']}, {count}", columns, rows)


def _headline(frame: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    return list(frame.columns), frame.head(ROWS).to_numpy().tolist()


def _print_release(workload: str, release: releases.ReleaseRow, run: runs.RunRow) -> None:
    origin = f"run {run['run_id']}, model version {run['model_version']}"
    number = release["release_id"]
    show.line(f"Release {number} of [bold]{workload}[/]: {origin}, {run['rows']} predictions saved.")


def _print_metrics(workload: str, metrics: Mapping[str, Any]) -> None:
    hook = discovery.module(workload, "summary")
    if hook is not None:
        show.line(hook.facts(metrics))
        return
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    if metrics:
        figures = " · ".join(f"{name} {show.number(value)}" for name, value in numbers.items())
        show.line(f"Held-out figures: {figures}")


def _print_notebooks(project: Project, run: runs.RunRow, steps: list[run_steps.StepRow]) -> None:
    folder = run_folder(project.settings, run["workload"], run["run_id"])
    seconds = ", ".join(f"{step['step']} {step['seconds'] or 0:.0f} s" for step in steps)
    show.line(f"Executed notebooks ({seconds}): {folder}")
