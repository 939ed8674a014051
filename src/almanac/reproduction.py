"""Make a run's predictions again from its record and compare their hashes."""

import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from almanac import provenance, workloads
from almanac.errors import BrokenChain, NotFound, UsageError
from almanac.project import Project
from almanac.registry import file_hash
from almanac.store import frames, runs, versions


@dataclass(frozen=True)
class Reproduction:
    """The recorded and the new hash of a run's predictions (floats rounded to six decimals)."""

    recorded: str
    found: str
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether the predictions are the same."""
        return self.recorded == self.found


def reproduce(project: Project, run_id: str, *, anyway: bool = False) -> Reproduction:
    """Run predict again from a run's record: its kept rows, its model version.

    Raises UsageError naming commit, lock file or Python where they differ, unless `anyway`; BrokenChain where its kept rows
    were changed; ModelTampered, NotFound.
    """
    with project.database.engine.begin() as connection:
        run = runs.get(connection, run_id)
        if not run["input_hash"]:
            raise NotFound(f"Run {run['run_id']} ({run['status']}) kept no scored rows, so its predictions cannot be made again.")
        if run["covered_until"] is not None:
            raise UsageError(
                f"The predictions of run {run['run_id']} follow from those before them and are not made again one run at a time. "
                f"`almanac verify {run['run_id']}` checks what they were made from."
            )
        version = versions.get(connection, run["workload"], run["model_version"])
        recorded = runs.results(connection, run["run_id"], "predict")["hashes"]
    differences = _differences(project, run)
    if differences and not anyway:
        raise UsageError(f"Run {run['run_id']} was made by another program: {'; '.join(differences)}. Check out that state, or compare --anyway.")
    model: Any = workloads.module(run["workload"], "model")
    pipeline = project.registry.load(run["workload"], version["version"], artifact_hash=version["artifact_hash"], trusted_types=model.TRUSTED_TYPES)
    contract = workloads.contract(run["workload"])
    again = frames.frame_hash(contract.predictions, model.predict(pipeline, _scored(project, run)))
    return Reproduction(recorded[contract.predictions.name], again, differences)


def _differences(project: Project, run: runs.Record) -> tuple[str, ...]:
    now = provenance.origin(project.settings, run["workload"])
    pairs = {
        "commit": (run["git_commit"], now.git_commit),
        "code": (run["code_hash"], now.code_hash),
        "lock file": (run["lock_hash"], now.lock_hash),
        "Python": (run["python"], platform.python_version()),
    }
    return tuple(f"{name} was {str(then)[:12]}, is {here[:12]}" for name, (then, here) in pairs.items() if then != here)


def _scored(project: Project, run: runs.Record) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = project.registry.fetch(f"runs:/{run['mlflow_run_id']}/data/scored.parquet", Path(folder))
        found = file_hash(path)
        if found != run["input_hash"]:
            raise BrokenChain(
                f"The kept rows of run {run['run_id']} have hash {found[:12]}, recorded was {run['input_hash'][:12]}; they were changed."
            )
        return pd.read_parquet(path)
