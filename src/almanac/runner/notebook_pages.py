"""The executed notebooks of a run as HTML in the database, also those of a run that failed."""

import logging
from pathlib import Path

from almanac.log_lines import fields
from almanac.runner.attempt import Attempt
from almanac.runner.notebooks.html import page
from almanac.store.records import notebooks

NOT_STORED = "an executed notebook was not stored as a page"
log = logging.getLogger("almanac")


def store(attempt: Attempt) -> None:
    """Store the notebooks that this attempt has executed; a run does not fail where one cannot be shown."""
    for path in sorted(attempt.folder.glob("*.ipynb")):
        try:
            _store(attempt, path)
        except Exception as error:  # noqa: BLE001  # the predictions are published, and the notebook is kept
            log.warning(NOT_STORED, extra=fields(run=attempt.run_id, step=_step(path), reason=str(error)))


def _store(attempt: Attempt, path: Path) -> None:
    content = page(path)
    with attempt.project.database.engine.begin() as connection:
        notebooks.store(connection, attempt.workload, attempt.run_id, _step(path), content)


def _step(path: Path) -> str:
    """Return the step of `1_collect.ipynb`."""
    return path.stem.partition("_")[2]
