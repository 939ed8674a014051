"""Check the files behind a run, which the registry keeps: executed notebooks, training data, model."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from almanac.errors import RegistryError
from almanac.operations.chain import Chain, Link, compared
from almanac.registry import file_hash, locations
from almanac.store.records.versions import VersionRow

MOST_CHARACTERS = 500


def check_notebooks(chain: Chain) -> list[Link]:
    """Compare the executed notebook of each step with its recorded hash."""
    return [
        check_file(chain, f"notebook {step['step']}", step["notebook_uri"], step["notebook_hash"])
        for step in chain.steps
    ]


def check_place(chain: Chain) -> Link:
    """Name the place where the registry keeps the files of a run; broken where it is gone."""
    mlflow_run_id = chain.maker["mlflow_run_id"]
    if not mlflow_run_id:
        return Link("artifacts", "none", "nothing was kept")

    def look() -> Link:
        place = chain.project.registry.place(mlflow_run_id)
        detail = locations.readable(place)
        return compared("artifacts", not locations.is_gone(place), detail, f"gone at {detail}")

    return _reached("artifacts", look)


def check_training_data(chain: Chain) -> Link:
    """Compare the training data with the hash that both the run and its version recorded."""
    if chain.version is None:
        return Link("training data", "none", "no model version")
    of_run, of_version = chain.run["data_hash"], chain.version["data_hash"]
    if of_run != of_version:
        difference = f"the run recorded {str(of_run)[:12]}, its model version {of_version[:12]}"
        return Link("training data", "broken", difference)
    uri = f"runs:/{chain.version['mlflow_run_id']}/data/training.parquet"
    return check_file(chain, "training data", uri, of_run)


def check_model(chain: Chain) -> Link:
    """Compare the files of the model version with the hashes that the version and the run recorded."""
    version = chain.version
    if version is None:
        return Link("model", "none", "no model version")
    return _reached("model", lambda: _compare_model(chain, version))


def check_file(chain: Chain, name: str, uri: str | None, recorded: str | None) -> Link:
    """Compare a file in the registry with its recorded hash."""
    if not uri or not recorded:
        return Link(name, "none", "nothing was kept")

    def compare() -> Link:
        with tempfile.TemporaryDirectory() as folder:
            actual = file_hash(chain.project.registry.fetch(uri, Path(folder)))
        difference = f"{uri} has hash {actual[:12]}, recorded was {recorded[:12]}"
        return compared(name, actual == recorded, recorded[:12], difference)

    return _reached(name, compare)


def _compare_model(chain: Chain, version: VersionRow) -> Link:
    actual = chain.project.registry.version_hash(chain.run["workload"], version["version"])
    of_version, of_run = version["artifact_hash"], chain.run["model_hash"]
    # Shadows of earlier programs recorded no hash of their own.
    recorded = {digest for digest in (of_version, of_run) if digest}
    both = f"{of_version[:12]} and {str(of_run)[:12]}"
    difference = f"its files have hash {actual[:12]}, recorded were {both}"
    name = f"model version {version['version']}"
    return compared(name, recorded == {actual}, actual[:12], difference)


def _reached(name: str, check: Callable[[], Link]) -> Link:
    """Return the link that a check returns; a file that cannot be read breaks the link."""
    try:
        return check()
    except (RegistryError, OSError) as error:
        return Link(name, "broken", f"cannot be read: {error}"[:MOST_CHARACTERS])
