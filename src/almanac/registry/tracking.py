"""MLflow runs: parameters, metrics, figures, files and frames that belong to a run."""

import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from almanac.errors import RegistryError
from almanac.registry import locations
from almanac.registry.client import Store
from almanac.registry.files import file_hash, frame_bytes
from almanac.writing import naming

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Experiment

RUN_URI = "runs:/"
GONE = "{uri} is gone at {place}. Restore the file from a copy, or run all steps again."
FILE_CHANGED = (
    "{uri} has hash {actual:.12}, recorded was {expected:.12}. It was changed; run all steps again."
)

# The tag of an experiment that says to which database it belongs.
MARK = "almanac.database"
OTHER_DATABASE = (
    "The experiment '{workload}' in MLflow at {uri} belongs to another database; "
    "aliases would move under the releases of that one. "
    "Give each database a store of its own (MLFLOW_TRACKING_URI, or another ALMANAC_HOME). "
    "Where that database is gone for good, delete the tag '{mark}' of the experiment."
)
DELETED_EXPERIMENT = (
    "The experiment '{workload}' was deleted in MLflow. Restore it there, or by "
    "`mlflow experiments restore --experiment-id {number}`; then run again."
)


class Tracking(Store):
    """What MLflow records of runs."""

    def experiment(self, workload: str) -> str:
        """Return the id of the workload's experiment, which is made and marked as this database's if needed.

        Raises RegistryError for an experiment that was deleted, or belongs to another database.
        """
        self.refuse_other_database(workload)
        with self.explained():
            experiment = self.client.get_experiment_by_name(workload)
            if experiment is None:
                location = f"{self.artifact_root}/{workload}" if self.artifact_root else None
                number = self.client.create_experiment(workload, artifact_location=location)
            else:
                _refuse_deleted(workload, experiment)
                number = experiment.experiment_id
            if self._owner_id and (experiment is None or MARK not in experiment.tags):
                self.client.set_experiment_tag(number, MARK, self._owner_id)
        return str(number)

    def refuse_other_database(self, workload: str) -> None:
        """Raise RegistryError where the workload's experiment belongs to another database."""
        if workload in self._own_workloads:
            return
        with self.explained():
            experiment = self.client.get_experiment_by_name(workload)
        mark = experiment.tags.get(MARK) if experiment else None
        if mark and self._owner_id and mark != self._owner_id:
            place = locations.CREDENTIALS.sub("://", self.uri)
            raise RegistryError(OTHER_DATABASE.format(uri=place, workload=workload, mark=MARK))
        self._own_workloads.add(workload)

    @cached_property
    def _owner_id(self) -> str:
        return self.owner()

    @cached_property
    def _own_workloads(self) -> set[str]:
        """The workloads whose experiment was seen to belong to this database, or to none yet."""
        return set()

    def start_run(
        self, workload: str, name: str, *, tags: Mapping[str, str] | None = None, parent: str | None = None
    ) -> str:
        """Start an MLflow run, by default without a parent, and return its id."""
        experiment = self.experiment(workload)
        nested = {"mlflow.parentRunId": parent} if parent else {}
        with self.explained():
            run = self.client.create_run(experiment, run_name=name, tags={**(tags or {}), **nested})
            return str(run.info.run_id)

    def log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Log parameters and metrics to a run in one call."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        values = [Metric(name, float(value), now, 0) for name, value in (metrics or {}).items()]
        texts = [Param(name, str(value)) for name, value in (parameters or {}).items()]
        with self.explained():
            self.client.log_batch(run_id, metrics=values, params=texts)

    def log_figure(self, run_id: str, figure: "Figure", name: str) -> None:
        """Save a plot with a run as `plots/<name>.png`."""
        with self.explained():
            self.client.log_figure(run_id, figure, f"plots/{name}.png")

    def log_file(self, run_id: str, path: Path, folder: str) -> str:
        """Save a file with a run; return its artifact URI `runs:/<run>/<folder>/<name>`."""
        with self.explained():
            self.client.log_artifact(run_id, str(path), folder)
        return f"{RUN_URI}{run_id}/{folder}/{path.name}"

    def log_frame(self, run_id: str, frame: pd.DataFrame, name: str) -> tuple[str, str]:
        """Save a frame with a run as `data/<name>.parquet`; return its URI and SHA-256."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.parquet")
            with self.explained(), naming(path):
                path.write_bytes(frame_bytes(frame))
            return self.log_file(run_id, path, "data"), file_hash(path)

    def fetch(self, uri: str, folder: Path) -> Path:
        """Download one artifact `runs:/<run>/<path>` into `folder` and return its path.

        Raises RegistryError, which names the place where a file is gone.
        """
        run_id, _, path = uri.removeprefix(RUN_URI).partition("/")
        place = f"{self.place(run_id)}/{path}"
        if locations.is_gone(place):
            raise RegistryError(GONE.format(uri=uri, place=locations.readable(place)))
        with self.explained():
            return Path(self.client.download_artifacts(run_id, path, str(folder)))

    def place(self, run_id: str) -> str:
        """Return the location of the files of an MLflow run."""
        with self.explained():
            return str(self.client.get_run(run_id).info.artifact_uri)

    def fetch_frame(self, uri: str, expected: str) -> pd.DataFrame:
        """Return a frame that was saved; raises RegistryError unless the file has the hash `expected`."""
        with tempfile.TemporaryDirectory() as folder:
            path = self.fetch(uri, Path(folder))
            actual = file_hash(path)
            if actual != expected:
                raise RegistryError(FILE_CHANGED.format(uri=uri, actual=actual, expected=expected))
            return pd.read_parquet(path)

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        """End an MLflow run."""
        with self.explained():
            self.client.set_terminated(run_id, "FINISHED" if succeeded else "FAILED")


def _refuse_deleted(workload: str, experiment: "Experiment") -> None:
    if experiment.lifecycle_stage == "deleted":
        names = {"workload": workload, "number": experiment.experiment_id}
        raise RegistryError(DELETED_EXPERIMENT.format(**names))
