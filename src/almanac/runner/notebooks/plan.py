"""The notebooks of a workload: one for each step, found on disk by name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almanac.errors import BadNotebook, UsageError
from almanac.runner.attempt import RunRequest
from almanac.runner.notebooks import parameters
from almanac.steps import STEPS

FILE_NAME = re.compile(r"^\d_([a-z]+)\.ipynb$")


@dataclass(frozen=True)
class Notebook:
    """One step's notebook and the defaults of its parameters cell."""

    step: str
    path: Path
    defaults: Mapping[str, Any]

    def typed(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Return those of the texts that this notebook declares, as values of the types of its defaults."""
        own = {name: text for name, text in texts.items() if name in self.defaults}
        return parameters.typed(self.defaults, own)


@dataclass(frozen=True)
class Plan:
    """All notebooks of a workload, and those that a request runs, both in the order of the steps."""

    notebooks: list[Notebook]
    selected: list[Notebook]

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that run."""
        return tuple(notebook.step for notebook in self.selected)

    @property
    def predicts(self) -> bool:
        """Whether the run ends with predictions to publish."""
        return self.selected[-1].step == "predict"


def make_plan(folder: Path, request: RunRequest) -> Plan:
    """Return what a request runs; raises BadNotebook, UsageError or BadParameter and changes nothing."""
    notebooks = find(folder, request.workload)
    selected = select(notebooks, only=request.only, start=request.start)
    check_parameters(selected, request.parameters)
    return Plan(notebooks, selected)


def find(folder: Path, workload: str) -> list[Notebook]:
    """Return the notebooks of a workload in the order of the steps.

    Raises BadNotebook for a missing or unreadable one.
    """
    files = sorted((folder / workload).glob("*.ipynb"))
    matches = {path: FILE_NAME.match(path.name) for path in files}
    paths = {match[1]: path for path, match in matches.items() if match}
    missing = [step for step in STEPS if step not in paths]
    if missing:
        raise BadNotebook(
            f"'{workload}' lacks the notebooks {missing} in {folder / workload}. "
            "They are called 1_collect.ipynb to 4_predict.ipynb."
        )
    return [Notebook(step, paths[step], parameters.defaults(paths[step])) for step in STEPS]


def select(notebooks: Iterable[Notebook], *, only: str = "", start: str = "") -> list[Notebook]:
    """Return the notebooks named in `only` (comma separated), or those from `start` on; raises UsageError."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted({*names, start} - {*STEPS, ""})
    if unknown:
        raise UsageError(f"Unknown step '{unknown[0]}'. Steps: {', '.join(STEPS)}.")
    if only and start:
        raise UsageError(
            "--only and --from exclude each other. "
            "--only names steps, --from continues an attempt that failed."
        )
    if start:
        return list(notebooks)[STEPS.index(start) :]
    return [notebook for notebook in notebooks if not names or notebook.step in names]


def check_parameters(notebooks: Iterable[Notebook], texts: Mapping[str, str]) -> None:
    """Raise BadParameter for a text that no notebook declares, or that does not fit one which does."""
    notebooks = list(notebooks)
    every = {name: value for notebook in notebooks for name, value in notebook.defaults.items()}
    parameters.check_names(every, texts)
    for notebook in notebooks:
        notebook.typed(texts)
