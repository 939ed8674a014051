"""Model versions, registered without pickle and loaded only with the recorded hash, and their aliases."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.errors import ModelTampered, RegistryError
from almanac.registry import locations, trust
from almanac.registry.client import nobody
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

    def register(self, workload: str, run_id: str, submission: Submission, *, beyond: int = 0) -> Version:
        """Save the pipeline without pickle, register it as the next version and return it with its hash.

        Its number is larger than `beyond`, also where MLflow has forgotten the versions up to that one.
        Raises RegistryError, which names all types that are not trusted.
        """
        try:
            number = self._renumbered(workload, self._log_model(workload, run_id, submission), beyond)
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

    def has_version(self, workload: str, version: int) -> bool:
        """Return whether a version is still registered."""
        try:
            with self.explained():
                self.client.get_model_version(workload, str(version))
        except RegistryError as error:
            if _is_not_there(error):
                return False
            raise
        return True

    def alias(self, workload: str, alias: str) -> int | None:
        """Return the version an alias points at, or None.

        Raises RegistryError where the workload's experiment belongs to another database.
        """
        self.refuse_other_database(workload)
        try:
            with self.explained():
                return int(self.client.get_model_version_by_alias(workload, alias).version)
        except RegistryError as error:
            if _is_not_there(error):
                return None
            raise

    def set_alias(self, workload: str, alias: str, version: int | None) -> None:
        """Point an alias at a version; None deletes the alias.

        Raises RegistryError for a version that is no longer registered.
        """
        self.refuse_other_database(workload)
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

    def _renumbered(self, workload: str, number: int, beyond: int) -> int:
        """Return the number of a version that is registered again until its number is larger than `beyond`.

        Where somebody has deleted the registered model, MLflow begins anew at 1.
        """
        with self.explained():
            while number <= beyond:
                before = self.client.get_model_version(workload, str(number))
                self.client.delete_model_version(workload, str(number))
                again = self.client.create_model_version(
                    workload,
                    str(before.source),
                    before.run_id,
                    tags=before.tags,
                    await_creation_for=0,
                    model_id=before.model_id,
                )
                number = int(again.version)
        return number

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


def _is_not_there(error: RegistryError) -> bool:
    """Return whether MLflow has said that an alias, a version or a model does not exist."""
    return getattr(error.__cause__, "error_code", "") in NO_ALIAS_CODES


def _output(submission: Submission) -> Any:
    """Return what the pipeline answers for the example: chances, or values where it has none."""
    pipeline = submission.pipeline
    answer = getattr(pipeline, "predict_proba", pipeline.predict)
    return answer(submission.example)


def open_registry(settings: Settings, owner: Callable[[], str] = nobody) -> Registry:
    """Return the registry of these settings: MLFLOW_TRACKING_URI, or SQLite and files under mlruns/.

    `owner` returns the name of the database to which it belongs. An SQLite file has its artifacts beside it,
    unless ALMANAC_ARTIFACT_ROOT names another place. Raises RegistryError for a path that MLflow cannot open.
    """
    if settings.mlflow_tracking_uri is None:
        database = settings.home / "mlruns" / "mlflow.db"
    else:
        uri = settings.mlflow_tracking_uri.get_secret_value()
        own = locations.database_file(uri)
        if own is None:
            return Registry(uri, settings.artifact_root, owner)
        # Notebooks run in folders of their own, so a relative path counts from the project.
        database = settings.home / own
    if "?" in str(database):
        raise RegistryError(NO_SUCH_NAME.format(database=database))
    database.parent.mkdir(parents=True, exist_ok=True)
    artifact_root = settings.artifact_root or (database.resolve().parent / "artifacts").as_uri()
    return Registry(f"{locations.SQLITE}{database}", artifact_root, owner)
