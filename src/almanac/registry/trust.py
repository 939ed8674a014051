"""Which types a saved model may contain, and why a model is not saved or loaded."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml

from almanac.errors import RegistryError

# What scikit-learn's own trees, boosting, linear models and calibration consist of inside. Files are read
# with the recorded hash only, since a made-up tree could crash the process.
SCIKIT_LEARN_TYPES = (
    # Applies a function, which has to be trusted itself; boosting with categories checks its input so.
    "functools.partial",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
)
UNTRUSTED = (
    "{what} contains types that are not trusted: {types}. Review them; if they are yours, or of a library "
    "that you trust, add them to TRUSTED_TYPES in src/almanac/workloads/{workload}/model.py."
)
NOT_SAVED = (
    "The model of '{workload}' cannot be saved without pickle: {reason}. "
    "Use estimators and functions that have a name in a module; see `make` in "
    "src/almanac/workloads/{workload}/model.py."
)
NOT_LOADED = "Version {version} of '{workload}' cannot be loaded: {reason}."
OTHER_VERSION = (
    " It was saved with scikit-learn {saved}, here is {here}. Install that version, "
    "or train anew with this one: almanac run {workload} --slot now."
)
MOST_CHARACTERS = 500


def trusted(own: Iterable[str]) -> list[str]:
    """Return the types that a model of a workload may contain: its own and scikit-learn's."""
    return sorted({*own, *SCIKIT_LEARN_TYPES})


def check_saving(workload: str, pipeline: Any, own: Iterable[str]) -> None:
    """Raise RegistryError for a pipeline that cannot be saved, or with types that are not trusted."""
    import skops.io

    try:
        content = skops.io.dumps(pipeline)
    except Exception as error:  # objects raise what they like while they are taken apart
        reason = _first_line(error)
        raise RegistryError(NOT_SAVED.format(workload=workload, reason=reason)) from error
    types = set(skops.io.get_untrusted_types(data=content)) - set(trusted(own))
    nameless = [name for name in sorted(types) if "<" in name]
    if nameless:
        reason = f"{nameless[0]} cannot be found again by its name"
        raise RegistryError(NOT_SAVED.format(workload=workload, reason=reason))
    if types:
        raise RegistryError(_untrusted(f"The model of '{workload}'", workload, types))


def load(folder: Path, workload: str, version: int, own: Iterable[str]) -> Any:
    """Return the pipeline in the folder of a version.

    Raises RegistryError, which names all types that are not trusted, and both versions of scikit-learn where
    they differ.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = folder / "model.skops"
    try:
        return skops.io.load(file, trusted=trusted(own))
    except UntrustedTypesFoundException as error:
        types = set(skops.io.get_untrusted_types(file=file)) - set(trusted(own))
        message = _untrusted(f"Version {version} of '{workload}'", workload, types)
        raise RegistryError(message + _other_version(folder, workload)) from error
    except Exception as error:  # another version of a library raises what it likes
        reason = f"{type(error).__name__}: {_first_line(error)}"
        message = NOT_LOADED.format(workload=workload, version=version, reason=reason)
        raise RegistryError(message + _other_version(folder, workload)) from error


def saved_with(folder: Path) -> str | None:
    """Return the version of scikit-learn that saved the model in a folder, or None where it is not said."""
    try:
        description = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        return str(description["flavors"]["sklearn"]["sklearn_version"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _untrusted(what: str, workload: str, types: Collection[str]) -> str:
    return UNTRUSTED.format(what=what, workload=workload, types=", ".join(sorted(types)))


def _other_version(folder: Path, workload: str) -> str:
    """Return what to do where the model was saved with another scikit-learn, else nothing."""
    from importlib.metadata import version

    saved, here = saved_with(folder), version("scikit-learn")
    if saved in (None, here):
        return ""
    return OTHER_VERSION.format(saved=saved, here=here, workload=workload)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")[:MOST_CHARACTERS]
