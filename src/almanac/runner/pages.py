"""What a run leaves on MLflow's pages: descriptions, tags to run and release, notebooks as HTML."""

import logging
import tempfile
from pathlib import Path

from almanac.errors import RegistryError
from almanac.log_lines import fields
from almanac.registry import pages
from almanac.runner.attempt import Attempt
from almanac.runner.notebooks.report import write_page
from almanac.store.publishing.publish import Publication
from almanac.store.records import decisions, runs

NOT_DESCRIBED = "the pages of MLflow were not written in full"
log = logging.getLogger("almanac")


def write(attempt: Attempt, mlflow_run_id: str, publication: Publication) -> None:
    """Describe a run that has ended well; what was published stays, also where the registry is away."""
    try:
        pages.describe(attempt.project.registry, _words(attempt, mlflow_run_id, publication))
        _add_html(attempt, mlflow_run_id)
    except (RegistryError, OSError) as error:
        log.warning(NOT_DESCRIBED, extra=fields(run=attempt.run_id, reason=str(error)))


def _words(attempt: Attempt, mlflow_run_id: str, publication: Publication) -> pages.Words:
    with attempt.project.database.engine.begin() as connection:
        run = runs.get(connection, attempt.run_id)
        decision = decisions.of_run(connection, attempt.run_id)
    released = f"release {publication.release_id}" if publication.release_id else publication.reason
    about_run = f"Run {attempt.run_id} for slot {attempt.slot:%Y-%m-%d %H:%M} UTC: {released}."
    reason = f" {decision['reason']}." if decision else ""
    tags = {"almanac.run": attempt.run_id}
    if publication.release_id:
        tags["almanac.release"] = str(publication.release_id)
    return pages.Words(
        workload=attempt.workload,
        mlflow_run_id=mlflow_run_id,
        about_workload=f"{attempt.contract.title}. {attempt.contract.doc}",
        about_run=about_run + reason,
        version=run["model_version"],
        about_version=f"Predicts in run {attempt.run_id} ({released}).{reason}",
        tags=tags,
    )


def _add_html(attempt: Attempt, mlflow_run_id: str) -> None:
    """Put a page beside each executed notebook, which MLflow shows as raw JSON."""
    with tempfile.TemporaryDirectory() as folder:
        for notebook in sorted(attempt.folder.glob("*.ipynb")):
            page = write_page(notebook, Path(folder))
            attempt.project.registry.log_file(mlflow_run_id, page, "notebooks")
