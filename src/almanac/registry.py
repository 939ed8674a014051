"""The only home of MLflow: runs to compare, model versions, aliases, and loading that checks the hash."""

import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from almanac.errors import ModelTampered, RegistryError
from almanac.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

CHAMPION, CHALLENGER = "champion", "challenger"
URI_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
# User and password inside a URL.
CREDENTIALS = re.compile(r"://[^/@\s]*@")
# A registry that is away answers in seconds, not in the four minutes of MLflow's defaults.
CLIENT_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class Version:
    """A registered model version: its number, the MLflow run that made it, the SHA-256 of its files."""

    number: int
    mlflow_run_id: str
    artifact_hash: str


@dataclass(frozen=True)
class Submission:
    """What is registered: a fitted pipeline with all that is known about it. `example` is a few rows of its input."""

    pipeline: Any
    example: pd.DataFrame
    trusted_types: Iterable[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Registry:
    """One MLflow store; nothing is contacted before the first call."""

    uri: str
    artifact_root: str

    def __post_init__(self) -> None:
        """Set the defaults, which MLflow reads when it is imported and whose place is therefore here."""
        for name, value in CLIENT_DEFAULTS.items():
            os.environ.setdefault(name, value)

    @cached_property
    def client(self) -> "MlflowClient":
        """The MLflow client of this store."""
        import mlflow

        given = {name: value for name, value in os.environ.items() if name in URI_VARIABLES}
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        # MLflow also writes the environment, which our kernels and commands would take for the user's own wish.
        for name in URI_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(given)
        with _alone(self.uri) as is_local, _explained(self):
            client = mlflow.MlflowClient(self.uri, self.uri)
            if is_local:
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
        return client

    def experiment(self, workload: str) -> str:
        """Return the id of the workload's experiment, made if needed."""
        with _explained(self):
            found = self.client.get_experiment_by_name(workload)
            if found is not None:
                return str(found.experiment_id)
            return str(
                self.client.create_experiment(
                    workload,
                    artifact_location=f"{self.artifact_root}/{workload}" if self.artifact_root else None,
                )
            )

    def start_run(
        self, workload: str, name: str, *, tags: Mapping[str, str] | None = None, parent: str | None = None
    ) -> str:
        """Start an MLflow run, as a child of `parent` where given, and return its id."""
        experiment = self.experiment(workload)
        nested = {"mlflow.parentRunId": parent} if parent else {}
        with _explained(self):
            return str(
                self.client.create_run(experiment, run_name=name, tags={**(tags or {}), **nested}).info.run_id
            )

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
        given = [Param(name, str(value)) for name, value in (parameters or {}).items()]
        with _explained(self):
            self.client.log_batch(run_id, metrics=values, params=given)

    def log_figure(self, run_id: str, figure: "Figure", name: str) -> None:
        """Keep a plot with a run as `plots/<name>.png`."""
        with _explained(self):
            self.client.log_figure(run_id, figure, f"plots/{name}.png")

    def log_file(self, run_id: str, path: Path, folder: str) -> str:
        """Keep a file with a run; return its artifact URI `runs:/<run>/<folder>/<name>`."""
        with _explained(self):
            self.client.log_artifact(run_id, str(path), folder)
        return f"runs:/{run_id}/{folder}/{path.name}"

    def log_frame(self, run_id: str, frame: pd.DataFrame, name: str) -> tuple[str, str]:
        """Keep a frame with a run as `data/<name>.parquet`; return its URI and SHA-256."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.parquet")
            path.write_bytes(frame_bytes(frame))
            return self.log_file(run_id, path, "data"), file_hash(path)

    def fetch(self, uri: str, folder: Path) -> Path:
        """Download one artifact `runs:/<run>/<path>` into `folder` and return its path."""
        run_id, _, path = uri.removeprefix("runs:/").partition("/")
        with _explained(self):
            return Path(self.client.download_artifacts(run_id, path, str(folder)))

    def fetch_frame(self, uri: str, expected: str) -> pd.DataFrame:
        """Return a frame that was kept; raises RegistryError unless the file has the recorded hash."""
        with tempfile.TemporaryDirectory() as folder:
            path = self.fetch(uri, Path(folder))
            if file_hash(path) != expected:
                raise RegistryError(
                    f"{uri} has hash {file_hash(path)[:12]}, recorded was {expected[:12]}. It was changed; run all steps again."
                )
            return pd.read_parquet(path)

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        """End an MLflow run."""
        with _explained(self):
            self.client.set_terminated(run_id, "FINISHED" if succeeded else "FAILED")

    def register(self, workload: str, run_id: str, submission: Submission) -> Version:
        """Save the pipeline without pickle, register it as the next version and return it with its hash."""
        import mlflow
        from mlflow.models import infer_signature

        # A model that tells no chances tells values.
        tell = getattr(submission.pipeline, "predict_proba", submission.pipeline.predict)
        output = tell(submission.example)
        with _explained(self), mlflow.start_run(run_id=run_id, log_system_metrics=False):
            self.log(run_id, parameters=submission.parameters, metrics=submission.metrics)
            info = mlflow.sklearn.log_model(
                submission.pipeline,
                name="model",
                serialization_format="skops",
                skops_trusted_types=list(submission.trusted_types),
                registered_model_name=workload,
                signature=infer_signature(submission.example, output),
                input_example=submission.example,
                pip_requirements=["scikit-learn", "skops"],
                tags=dict(submission.tags),
            )
        number = int(info.registered_model_version)
        for name, value in submission.tags.items():
            self.client.set_model_version_tag(workload, str(number), name, value)
        with self._downloaded(workload, number) as folder:
            return Version(number, run_id, folder_hash(folder))

    def load(self, workload: str, version: int, *, artifact_hash: str, trusted_types: Iterable[str]) -> Any:
        """Return the pipeline of a version; raises ModelTampered unless its files have the recorded hash.

        Trusted types come from the caller's code, never from the model.
        """
        import skops.io

        with self._downloaded(workload, version) as folder:
            found = folder_hash(folder)
            if found != artifact_hash:
                raise ModelTampered(
                    f"Version {version} of '{workload}' has files with hash {found[:12]}, recorded was {artifact_hash[:12]}. "
                    "It is not loaded; restore the artifact or promote another version."
                )
            return skops.io.load(folder / "model.skops", trusted=list(trusted_types))

    def version_hash(self, workload: str, version: int) -> str:
        """Return the hash of a version's files as they are now."""
        with self._downloaded(workload, version) as folder:
            return folder_hash(folder)

    def alias(self, workload: str, alias: str) -> int | None:
        """Return the version an alias points at, or None."""
        from mlflow.exceptions import MlflowException

        try:
            with _explained(self):
                return int(self.client.get_model_version_by_alias(workload, alias).version)
        except RegistryError as error:
            cause = error.__cause__
            if isinstance(cause, MlflowException) and cause.error_code in (
                "RESOURCE_DOES_NOT_EXIST",
                "INVALID_PARAMETER_VALUE",
            ):
                return None
            raise

    def set_alias(self, workload: str, alias: str, version: int | None) -> None:
        """Point an alias at a version, or with None at nothing any more."""
        with _explained(self):
            if version is None:
                self.client.delete_registered_model_alias(workload, alias)
            else:
                self.client.set_registered_model_alias(workload, alias, str(version))

    @contextmanager
    def _downloaded(self, workload: str, version: int) -> Iterator[Path]:
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            with _explained(self):
                self.client.get_model_version(workload, str(version))
                path = mlflow.artifacts.download_artifacts(f"models:/{workload}/{version}", dst_path=folder)
            yield Path(path)


@contextmanager
def _alone(uri: str) -> Iterator[bool]:
    """Let one process at a time open an SQLite store, where two that make its tables stumble over each other; yield whether it is one."""
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        yield False
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield True


def open_registry(settings: Settings) -> Registry:
    """Return the registry of these settings: MLFLOW_TRACKING_URI, or SQLite and files under mlruns/."""
    local = settings.home / "mlruns"
    if settings.mlflow_tracking_uri:
        uri = settings.mlflow_tracking_uri.get_secret_value()
        return Registry(uri, settings.artifact_root)
    local.mkdir(parents=True, exist_ok=True)
    return Registry(
        f"sqlite:///{local / 'mlflow.db'}", settings.artifact_root or (local / "artifacts").as_uri()
    )


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame as Parquet; the same frame gives the same bytes."""
    return frame.reset_index(drop=True).to_parquet(index=False, compression="zstd")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """Return one SHA-256 over the names and contents of all files below a folder.

    MLflow writes `registered_model_meta` while downloading; it is not part of the model.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "registered_model_meta":
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


@contextmanager
def _explained(registry: Registry) -> Iterator[None]:
    """Turn MLflow's errors into one that names the store and the way out, but no password."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        said = str(error).splitlines()[0][:300].rstrip(".")
        told = (
            f"MLflow at {registry.uri} said: {said}. Check MLFLOW_TRACKING_URI, or unset it to use mlruns/."
        )
        raise RegistryError(CREDENTIALS.sub("://", told)) from error
    except OSError as error:
        told = f"MLflow at {registry.uri} cannot read or write its files: {error}. See to its rights and space, then try again."
        raise RegistryError(CREDENTIALS.sub("://", told)) from error
