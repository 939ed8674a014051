"""Model versions, registered without pickle and loaded only with the recorded hash, and their aliases."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.errors import ModelTampered, RegistryError
from almanac.registry import locations, trust
from almanac.registry.files import folder_hash
from almanac.registry.tracking import Tracking
from almanac.settings import Settings

CHAMPION, CHALLENGER = "champion", "challenger"
# MLflow's codes for an alias, or a model, that does not exist.
NO_ALIAS_CODES = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
TAMPERED = (
    "Version {version} of '{workload}' has files with hash {actual:.12}, recorded was {expected:.12}. "
    "It is not loaded; restore the artifact or promote another version."
)
GONE = (
    "Files of version {version} of '{workload}' are gone at {place}: {missing}. "
    "Restore them from a copy, or promote another version."
)
NO_SUCH_NAME = (
    "MLflow cannot open {database}, since a path of SQLite may have no question mark. Rename the folder."
)
# What each version consists of, whatever else was saved with it.
MODEL_FILES = ("MLmodel", "model.skops", "requirements.txt")


@dataclass(frozen=True)
class Version:
    """A registered model version: its number, the MLflow run that made it, the SHA-256 of its files."""

    number: int
    mlflow_run_id: str
    artifact_hash: str


@dataclass(frozen=True)
class Submission:
    """What is registered: a fitted pipeline with its parameters and metrics.

    `example` is a few rows of its input.
    """

    pipeline: Any
    example: pd.DataFrame
    trusted_types: Iterable[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Registry(Tracking):
    """One MLflow store with its runs and model versions; nothing is contacted before the first call."""

    def register(self, workload: str, run_id: str, submission: Submission) -> Version:
        """Save the pipeline without pickle, register it as the next version and return it with its hash.

        Raises RegistryError, which names all types that are not trusted.
        """
        try:
            number = self._log_model(workload, run_id, submission)
        except RegistryError:
            # What MLflow says of a model that cannot be saved is cut, and names other ways out than ours.
            trust.check_saving(workload, submission.pipeline, submission.trusted_types)
            raise
        for name, value in submission.tags.items():
            self.client.set_model_version_tag(workload, str(number), name, value)
        return Version(number, run_id, self.version_hash(workload, number))

    def load(self, workload: str, version: int, *, artifact_hash: str, trusted_types: Iterable[str]) -> Any:
        """Return the pipeline of a version; raises ModelTampered unless its files have the recorded hash.

        Trusted types come from the caller's code, never from the model.
        """
        with self._downloaded(workload, version) as folder:
            actual = folder_hash(folder)
            if actual != artifact_hash:
                names = {"version": version, "workload": workload}
                raise ModelTampered(TAMPERED.format(actual=actual, expected=artifact_hash, **names))
            return trust.load(folder, workload, version, trusted_types)

    def version_hash(self, workload: str, version: int) -> str:
        """Return the hash of a version's files as they are now."""
        with self._downloaded(workload, version) as folder:
            return folder_hash(folder)

    def alias(self, workload: str, alias: str) -> int | None:
        """Return the version an alias points at, or None."""
        from mlflow.exceptions import MlflowException

        try:
            with self.explained():
                return int(self.client.get_model_version_by_alias(workload, alias).version)
        except RegistryError as error:
            cause = error.__cause__
            if isinstance(cause, MlflowException) and cause.error_code in NO_ALIAS_CODES:
                return None
            raise

    def set_alias(self, workload: str, alias: str, version: int | None) -> None:
        """Point an alias at a version; None deletes the alias."""
        with self.explained():
            if version is None:
                self.client.delete_registered_model_alias(workload, alias)
            else:
                self.client.set_registered_model_alias(workload, alias, str(version))

    def _log_model(self, workload: str, run_id: str, submission: Submission) -> int:
        """Save the pipeline with a run, register it, and return the number of the version."""
        import mlflow
        from mlflow.models import infer_signature

        signature = infer_signature(submission.example, _output(submission))
        with self.explained(), mlflow.start_run(run_id=run_id, log_system_metrics=False):
            self.log(run_id, parameters=submission.parameters, metrics=submission.metrics)
            info = mlflow.sklearn.log_model(
                submission.pipeline,
                name="model",
                serialization_format="skops",
                skops_trusted_types=trust.trusted(submission.trusted_types),
                registered_model_name=workload,
                signature=signature,
                input_example=submission.example,
                pip_requirements=["scikit-learn", "skops"],
                tags=dict(submission.tags),
            )
        return int(info.registered_model_version)

    @contextmanager
    def _downloaded(self, workload: str, version: int) -> Iterator[Path]:
        """Yield a folder with a copy of a version's files; raises RegistryError where some are gone."""
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            copy = folder
            with self.explained():
                self.client.get_model_version(workload, str(version))
                place = self.client.get_model_version_download_uri(workload, str(version))
                if not locations.is_gone(place):
                    uri = f"models:/{workload}/{version}"
                    copy = mlflow.artifacts.download_artifacts(uri, dst_path=folder)
            missing = [name for name in MODEL_FILES if not Path(copy, name).exists()]
            if missing:
                names = {"version": version, "workload": workload, "missing": ", ".join(missing)}
                raise RegistryError(GONE.format(place=locations.readable(place), **names))
            yield Path(copy)


def _output(submission: Submission) -> Any:
    """Return what the pipeline answers for the example: chances, or values where it has none."""
    pipeline = submission.pipeline
    answer = getattr(pipeline, "predict_proba", pipeline.predict)
    return answer(submission.example)


def open_registry(settings: Settings) -> Registry:
    """Return the registry of these settings: MLFLOW_TRACKING_URI, or SQLite and files under mlruns/.

    An SQLite file has its artifacts beside it, unless ALMANAC_ARTIFACT_ROOT names another place. Raises
    RegistryError for a path that MLflow cannot open.
    """
    if settings.mlflow_tracking_uri is None:
        database = settings.home / "mlruns" / "mlflow.db"
    else:
        uri = settings.mlflow_tracking_uri.get_secret_value()
        own = locations.database_file(uri)
        if own is None:
            return Registry(uri, settings.artifact_root)
        # Notebooks run in folders of their own, so a relative path counts from the project.
        database = settings.home / own
    if "?" in str(database):
        raise RegistryError(NO_SUCH_NAME.format(database=database))
    database.parent.mkdir(parents=True, exist_ok=True)
    artifact_root = settings.artifact_root or (database.resolve().parent / "artifacts").as_uri()
    return Registry(f"{locations.SQLITE}{database}", artifact_root)
