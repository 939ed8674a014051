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

OTHER_PROGRAM = (
    "Run {run_id} was made by another program: {differences}. Check out that state, or compare --anyway."
)
NO_ROWS = "Run {run_id} ({status}) kept no scored rows, so its predictions cannot be made again."
CHANGED_ROWS = (
    "The kept rows of run {run_id} have hash {actual:.12}, recorded was {recorded:.12}; they were changed."
)
MISSING_ENTRIES = (
    "Of the entries of run {run_id} {rows} are kept; the others went by retention or were deleted. "
    "Its predictions cannot be made again."
)
CHANGED_ENTRIES = "The entries {first} to {last} that run {run_id} has read were changed."


@dataclass(frozen=True)
class Reproduction:
    """The recorded and the new hash of a run's predictions (floats rounded to six decimals)."""

    recorded: str
    repeated: str
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether the predictions are the same."""
        return self.recorded == self.repeated


@dataclass(frozen=True)
class Recorded:
    """The records of a run.

    `maker` is the run whose notebooks made its rows: another one for a shadow. `staged` and `hashes` are what
    the predict step reported of its rows.
    """

    run: runs.RunRow
    maker: runs.RunRow
    version: versions.VersionRow
    staged: Mapping[str, Any]
    hashes: Mapping[str, str]


def reproduce(project: Project, run_id: str, *, anyway: bool = False) -> Reproduction:
    """Run predict again from a run's record: its kept rows or entries, its model version.

    Raises UsageError naming commit, lock file or Python where they differ, unless `anyway`; BrokenChain where
    the kept rows or entries of a run, or the state before them, were changed; ModelTampered, NotFound.
    """
    recorded = _recorded(project, run_id)
    differences = _differences(project, recorded.maker)
    if differences and not anyway:
        text = "; ".join(differences)
        raise UsageError(OTHER_PROGRAM.format(run_id=recorded.run["run_id"], differences=text))
    table = discovery.contract(recorded.run["workload"]).predictions
    predictions = _predict(project, recorded)
    return Reproduction(recorded.hashes[table.name], frame_hash(table, predictions), differences)


def _recorded(project: Project, run_id: str) -> Recorded:
    with project.database.engine.begin() as connection:
        run = runs.get(connection, run_id)
        if not run["input_hash"]:
            raise NotFound(NO_ROWS.format(run_id=run["run_id"], status=run["status"]))
        maker = runs.notebook_run(connection, run)
        results = run_steps.results(connection, run["run_id"], "predict")
        version = versions.get(connection, run["workload"], run["model_version"])
    if run["kind"] == "shadow":
        return Recorded(run, maker, version, results["shadow"], results["shadow_hashes"])
    return Recorded(run, maker, version, results.get("staged", {}), results["hashes"])


def _differences(project: Project, run: runs.RunRow) -> tuple[str, ...]:
    """Return what differs between the program that made a run and this one."""
    now = provenance.origin(project.settings, run["workload"])
    with project.database.engine.begin() as connection:
        packages = run_steps.packages(connection, run["run_id"])
    pairs = {
        "commit": (run["git_commit"], now.git_commit),
        "code": (run["code_hash"], now.code_hash),
        "lock file": (run["lock_hash"], now.lock_hash),
        "Python": (run["python"], platform.python_version()),
    }
    origins = (_difference(name, str(then), here) for name, (then, here) in pairs.items() if then != here)
    return (*origins, *provenance.drift(packages))


def _difference(name: str, then: str, here: str) -> str:
    """Return what differs, as short as two different texts stay different.

    >>> _difference("commit", "cbd09f8a8c3d01234", "cbd09f8a8c3d01234+changes")
    'commit was cbd09f8a8c3d, is cbd09f8a8c3d+changes'
    """
    before, after = _short(then), _short(here)
    if before == after:
        before, after = then, here
    return f"{name} was {before}, is {after}"


def _short(text: str) -> str:
    """Return the beginning of a hash or commit, and whether it had changes."""
    start, plus, changes = text.partition("+")
    return start[:12] + plus + changes


def _predict(project: Project, recorded: Recorded) -> pd.DataFrame:
    run, version = recorded.run, recorded.version
    model: Any = discovery.module(run["workload"], "model")
    pipeline = project.registry.load(
        run["workload"],
        version["version"],
        artifact_hash=version["artifact_hash"],
        trusted_types=model.TRUSTED_TYPES,
    )
    if run["covered_until"] is not None:
        return _predict_increment(project, recorded, pipeline)
    predictions: pd.DataFrame = model.predict(pipeline, _scored_rows(project, run))
    return predictions


def _predict_increment(project: Project, recorded: Recorded, pipeline: Any) -> pd.DataFrame:
    """Score the entries of an incremental run again, with the state before them."""
    run, staged = recorded.run, recorded.staged
    contract = discovery.contract(run["workload"])
    hook: Any = discovery.module(run["workload"], "reproduction")
    with project.database.engine.begin() as connection:
        past = kept_inputs.load(connection, contract, run["run_id"], staged.get("known", {}))
    span = EntryRange(staged["covered_after"], staged["covered_until"])
    entries = UnscoredEntries(project.database, contract, span)
    predictions: pd.DataFrame = hook.rescore(
        pipeline, entries, past, version=run["model_version"], predicted_at=run["slot"]
    )
    _refuse_other_entries(project, run, entries)
    return predictions


def _refuse_other_entries(project: Project, run: runs.RunRow, entries: UnscoredEntries) -> None:
    """Raise NotFound where entries went by retention or deletion, BrokenChain where they were changed."""
    if entries.input_hash == run["input_hash"]:
        return
    if erasures.explains_missing_entries(project.database, run, entries):
        raise NotFound(MISSING_ENTRIES.format(run_id=run["run_id"], rows=entries.rows))
    span = entries.span
    raise BrokenChain(CHANGED_ENTRIES.format(first=span.after + 1, last=span.until, run_id=run["run_id"]))


def _scored_rows(project: Project, run: runs.RunRow) -> pd.DataFrame:
    uri = f"runs:/{run['mlflow_run_id']}/data/scored.parquet"
    with tempfile.TemporaryDirectory() as folder:
        path = project.registry.fetch(uri, Path(folder))
        actual, recorded = file_hash(path), run["input_hash"]
        if actual != recorded:
            text = CHANGED_ROWS.format(run_id=run["run_id"], actual=actual, recorded=recorded)
            raise BrokenChain(text)
        return pd.read_parquet(path)
