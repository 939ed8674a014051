"""Make a run's predictions again from its record and compare their hashes."""

import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from almanac import discovery, provenance
from almanac.errors import BrokenChain, NotFound, UsageError
from almanac.project import Project
from almanac.registry import file_hash
from almanac.store.publishing.incremental import erasures, kept_inputs
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.records import run_steps, runs, versions
from almanac.store.rows.hashes import frame_hash


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


@dataclass(frozen=True)
class Recorded:
    """What is recorded of a run: its own row, that of the run that made it (another one for a shadow), its version, what its step told."""

    run: runs.RunRow
    maker: runs.RunRow
    version: versions.VersionRow
    staged: Mapping[str, Any]
    hashes: Mapping[str, str]


def reproduce(project: Project, run_id: str, *, anyway: bool = False) -> Reproduction:
    """Run predict again from a run's record: its kept rows or entries, its model version.

    Raises UsageError naming commit, lock file or Python where they differ, unless `anyway`; BrokenChain where the kept rows or
    entries of a run, or what it knew beside them, were changed; ModelTampered, NotFound.
    """
    recorded = _recorded(project, run_id)
    run, version = recorded.run, recorded.version
    differences = _differences(project, recorded.maker)
    if differences and not anyway:
        raise UsageError(
            f"Run {run['run_id']} was made by another program: {'; '.join(differences)}. Check out that state, or compare --anyway."
        )
    model: Any = discovery.module(run["workload"], "model")
    pipeline = project.registry.load(
        run["workload"],
        version["version"],
        artifact_hash=version["artifact_hash"],
        trusted_types=model.TRUSTED_TYPES,
    )
    table = discovery.contract(run["workload"]).predictions
    is_increment = run["covered_until"] is not None
    again = (
        _increment(project, recorded, pipeline)
        if is_increment
        else model.predict(pipeline, _scored(project, run))
    )
    return Reproduction(recorded.hashes[table.name], frame_hash(table, again), differences)


def _recorded(project: Project, run_id: str) -> Recorded:
    with project.database.engine.begin() as connection:
        run = runs.get(connection, run_id)
        if not run["input_hash"]:
            raise NotFound(
                f"Run {run['run_id']} ({run['status']}) kept no scored rows, so its predictions cannot be made again."
            )
        is_shadow = run["kind"] == "shadow"
        maker = runs.notebook_run(connection, run)
        told = run_steps.results(connection, run["run_id"], "predict")
        version = versions.get(connection, run["workload"], run["model_version"])
    staged, hashes = (
        (told["shadow"], told["shadow_hashes"]) if is_shadow else (told.get("staged", {}), told["hashes"])
    )
    return Recorded(run, maker, version, staged, hashes)


def _increment(project: Project, recorded: Recorded, pipeline: Any) -> pd.DataFrame:
    """Score the entries of an increment again, with what was known before it."""
    run, staged = recorded.run, recorded.staged
    contract = discovery.contract(run["workload"])
    replay: Any = discovery.module(run["workload"], "reproduction")
    with project.database.engine.begin() as connection:
        past = kept_inputs.load(connection, contract, run["run_id"], staged.get("known", {}))
    entries = UnscoredEntries(
        project.database, contract, EntryRange(staged["covered_after"], staged["covered_until"])
    )
    again: pd.DataFrame = replay.rescore(
        pipeline, entries, past, version=run["model_version"], predicted_at=run["slot"]
    )
    if entries.input_hash == run["input_hash"]:
        return again
    if erasures.explains_missing_entries(project.database, run, entries):
        raise NotFound(
            f"Of the entries of run {run['run_id']} {entries.rows} are kept; the others went by retention or were deleted. "
            "Its predictions cannot be made again."
        )
    raise BrokenChain(
        f"The entries {entries.span.after + 1} to {entries.span.until} that run {run['run_id']} has read were changed."
    )


def _differences(project: Project, run: runs.RunRow) -> tuple[str, ...]:
    now = provenance.origin(project.settings, run["workload"])
    pairs = {
        "commit": (run["git_commit"], now.git_commit),
        "code": (run["code_hash"], now.code_hash),
        "lock file": (run["lock_hash"], now.lock_hash),
        "Python": (run["python"], platform.python_version()),
    }
    return tuple(
        f"{name} was {str(then)[:12]}, is {here[:12]}" for name, (then, here) in pairs.items() if then != here
    )


def _scored(project: Project, run: runs.RunRow) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = project.registry.fetch(f"runs:/{run['mlflow_run_id']}/data/scored.parquet", Path(folder))
        found = file_hash(path)
        if found != run["input_hash"]:
            raise BrokenChain(
                f"The kept rows of run {run['run_id']} have hash {found[:12]}, recorded was {run['input_hash'][:12]}; they were changed."
            )
        return pd.read_parquet(path)
