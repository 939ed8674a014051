"""The connection to one MLflow store, and its errors in our words."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from almanac.errors import RegistryError
from almanac.registry import locations

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

URI_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
# A registry that is away answers in seconds, not in the four minutes of MLflow's defaults.
CLIENT_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}
MLFLOW_FAILED = "MLflow at {uri} said: {reason}. Check MLFLOW_TRACKING_URI, or unset it to use mlruns/."
MLFLOW_LACKS = (
    "MLflow at {uri} said: {reason}. Somebody may have deleted it there. "
    "Restore it on MLflow's page or from a backup, or train anew: almanac run WORKLOAD --slot now"
)
# What MLflow's messages say of a run or an experiment that was deleted and can be restored.
DELETED_STATE = "must be in the 'active' state"
NOT_THERE_CODE = "RESOURCE_DOES_NOT_EXIST"
FILES_FAILED = (
    "MLflow at {uri} cannot read or write its files: {reason}. See to its rights and space, then try again."
)


def nobody() -> str:
    """Return that a store belongs to no database in particular."""
    return ""


@dataclass(frozen=True)
class Store:
    """One MLflow store; nothing is contacted before the first call.

    `owner` returns the name of the database to which the store belongs, '' for any.
    """

    uri: str
    artifact_root: str
    owner: Callable[[], str] = nobody

    def __post_init__(self) -> None:
        """Set the defaults here, because MLflow reads them when it is imported."""
        for name, value in CLIENT_DEFAULTS.items():
            os.environ.setdefault(name, value)

    @cached_property
    def client(self) -> "MlflowClient":
        """The MLflow client of this store."""
        import mlflow

        with _environment_as_before():
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
        with _sqlite_lock(self.uri) as database, self.explained():
            client = mlflow.MlflowClient(self.uri, self.uri)
            if database is not None:
                # The first query makes MLflow's tables.
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
                locations.follow(database, self.artifact_root)
        return client

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn MLflow's errors into RegistryError, which names the store and the way out, but no password."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            reason = str(error).splitlines()[0][:300].rstrip(".")
            message = MLFLOW_LACKS if _is_missing(error) else MLFLOW_FAILED
            raise _without_password(message.format(uri=self.uri, reason=reason)) from error
        except OSError as error:
            raise _without_password(FILES_FAILED.format(uri=self.uri, reason=error)) from error


def _is_missing(error: "MlflowException") -> bool:
    return error.error_code == NOT_THERE_CODE or DELETED_STATE in str(error)


def _without_password(message: str) -> RegistryError:
    return RegistryError(locations.CREDENTIALS.sub("://", message))


@contextmanager
def _environment_as_before() -> Iterator[None]:
    """Restore the variables that MLflow overwrites: kernels would take its values for the user's settings."""
    before = {name: value for name, value in os.environ.items() if name in URI_VARIABLES}
    yield
    for name in URI_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(before)


@contextmanager
def _sqlite_lock(uri: str) -> Iterator[Path | None]:
    """Let one process at a time open an SQLite store; yield its file, or None for another store."""
    path = locations.database_file(uri)
    if path is None:
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
