"""What a person sees at the end of a run: predictions, how good the model is, where the notebooks are, what to type next."""

from typing import Any

import pandas as pd

from almanac import discovery
from almanac.cli import show
from almanac.project import Project
from almanac.runner.attempt import run_folder
from almanac.runner.run import Result
from almanac.store.publishing import published
from almanac.store.records import releases, run_steps, runs, versions

ROWS = 12


def print_run(project: Project, workload: str, result: Result, *, seconds: float) -> None:
    """Print how a run ended, and what readers get from it."""
    if result.status == "failed":
        return
    if result.was_done:
        show.line(
            f"[bold]{workload}[/]: this slot was finished by run {result.run_id}; nothing was changed. `--slot now` forces a new run."
        )
    print_live(project, workload)
    if result.release_id is None and not result.was_done:
        show.line(f"Run {result.run_id} was kept, not released: {show.escape(result.reason or '')}.")
    print_next(project, seconds=seconds)


def print_live(project: Project, workload: str) -> None:
    """Print the live release of a workload: some predictions, the model's figures, the notebooks."""
    with project.database.engine.begin() as connection:
        release = releases.live(connection, workload)
        if release is None:
            show.line(f"[bold]{workload}[/] has no release yet.")
            return
        run = runs.get(connection, release["run_id"])
        steps = run_steps.of_run(connection, run["run_id"])
        version = versions.get(connection, workload, run["model_version"]) if run["model_version"] else None
    _print_predictions(project, workload, run)
    show.line("")
    _print_facts(workload, release, run, version)
    _print_notebooks(project, run, steps)


def print_next(project: Project, *, seconds: float) -> None:
    """Print how long it took and the next commands."""
    show.line(
        f"\nTook {seconds:.0f} s. Next: [bold]make serve[/] (http://{project.settings.host}:{project.settings.port}/docs) · ",
    )
    show.line("      [bold]make lab[/] (explore in JupyterLab) · [bold]make mlflow[/] (compare runs)")


def _print_predictions(project: Project, workload: str, run: runs.RunRow) -> None:
    contract = discovery.contract(workload)
    frame = published.read_run(project.database, contract, contract.predictions.name, run["run_id"])
    own = discovery.module(workload, "summary")
    columns, rows = own.headline(frame, rows=ROWS) if own else _headline(frame)
    kind = "SIMULATED, " if run["simulated"] else "demo, " if run["demo"] else ""
    show.table(
        f"{contract.title}: {kind}as of {run['data_as_of']}, {min(ROWS, len(frame))} of {len(frame)}",
        columns,
        rows,
    )


def _headline(frame: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    return list(frame.columns), frame.head(ROWS).to_numpy().tolist()


def _print_facts(
    workload: str, release: releases.ReleaseRow, run: runs.RunRow, version: versions.VersionRow | None
) -> None:
    made_by = f"run {run['run_id']}, model version {run['model_version']}"
    show.line(
        f"Release {release['release_id']} of [bold]{workload}[/]: {made_by}, {run['rows']} predictions saved."
    )
    metrics = dict(version["metrics"]) if version is not None else {}
    own = discovery.module(workload, "summary")
    if own is not None:
        show.line(own.facts(metrics))
    elif metrics:
        show.line(
            "Held-out figures: "
            + " · ".join(
                f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, int | float)
            )
        )


def _print_notebooks(project: Project, run: runs.RunRow, steps: list[runs.RunRow]) -> None:
    folder = run_folder(project.settings, run["workload"], run["run_id"])
    took = ", ".join(f"{step['step']} {step['seconds'] or 0:.0f} s" for step in steps)
    show.line(f"Executed notebooks ({took}): {folder}")
