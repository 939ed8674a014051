"""Models of scikit-learn register and load as they are; other types are named, and where to trust them."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import (
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from almanac.errors import RegistryError
from almanac.registry import Registry, Submission, trust

ROWS = np.random.default_rng(7).gamma(2.0, size=(80, 3))
CLASSES, AMOUNTS = (ROWS[:, 0] > 2).astype(int) + (ROWS[:, 1] > 2), ROWS[:, 2] + 0.1
CLASSIFIERS: list[Any] = [
    HistGradientBoostingClassifier(max_iter=5),
    HistGradientBoostingClassifier(max_iter=5, early_stopping=True, class_weight="balanced"),
    make_pipeline(
        FunctionTransformer(np.floor),
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]),
    ),
    GradientBoostingClassifier(n_estimators=5),
    RandomForestClassifier(5),
    ExtraTreesClassifier(5),
    DecisionTreeClassifier(),
    AdaBoostClassifier(n_estimators=5),
    BaggingClassifier(DecisionTreeClassifier(), 5),
    LogisticRegression(),
    LogisticRegressionCV(cv=2, l1_ratios=(0,), use_legacy_attributes=False),
    SGDClassifier(loss="log_loss"),
    SGDClassifier(loss="modified_huber"),
    StackingClassifier(
        [("a", HistGradientBoostingClassifier(max_iter=5)), ("b", LogisticRegression())], cv=2
    ),
    VotingClassifier([("a", RandomForestClassifier(5)), ("b", LogisticRegression())], voting="soft"),
    *(
        CalibratedClassifierCV(model, method=method, cv=2)
        for method in ("sigmoid", "isotonic", "temperature")
        for model in (LogisticRegression(), HistGradientBoostingClassifier(max_iter=5))
    ),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(5)),
]
REGRESSORS: list[Any] = [
    *(
        HistGradientBoostingRegressor(loss=loss, quantile=0.5 if loss == "quantile" else None, max_iter=5)
        for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
    ),
    *(
        GradientBoostingRegressor(loss=loss, n_estimators=5)
        for loss in ("squared_error", "absolute_error", "huber", "quantile")
    ),
    HistGradientBoostingRegressor(max_iter=5, monotonic_cst=[0, 1, 0]),
    RandomForestRegressor(5, criterion="absolute_error"),
    DecisionTreeRegressor(criterion="poisson"),
    *(model() for model in (LinearRegression, Ridge, Lasso, HuberRegressor, QuantileRegressor)),
    ElasticNetCV(cv=2, alphas=5),
    PoissonRegressor(),
    GammaRegressor(),
    *(TweedieRegressor(power=power) for power in (0, 1, 1.5, 2, 3)),
    TweedieRegressor(power=1.5, link="log"),
    SGDRegressor(loss="huber"),
]


def saved(model: Any, folder: Path) -> Path:
    """Save a model as a version has it, said to be of this scikit-learn."""
    skops.io.dump(model, folder / "model.skops")
    describe(folder, "1.9.1")
    return folder


def describe(folder: Path, version: str) -> None:
    text = yaml.safe_dump({"flavors": {"sklearn": {"sklearn_version": version}}})
    (folder / "MLmodel").write_text(text)


def fitted(model: Any, target: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(ROWS, target)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: str(model)[:60])
def test_a_classifier_of_scikit_learn_is_trusted_as_it_is(model: Any, tmp_path: Path) -> None:
    model = fitted(model, CLASSES)
    trust.check_saving("shop", model, ())
    again = trust.load(saved(model, tmp_path), "shop", 1, ())
    np.testing.assert_array_equal(again.predict_proba(ROWS), model.predict_proba(ROWS))


@pytest.mark.parametrize("model", [*REGRESSORS, IsolationForest()], ids=lambda model: str(model)[:60])
def test_a_regressor_of_scikit_learn_is_trusted_as_it_is(model: Any, tmp_path: Path) -> None:
    model = fitted(model, AMOUNTS)
    trust.check_saving("shop", model, ())
    again = trust.load(saved(model, tmp_path), "shop", 1, ())
    np.testing.assert_array_equal(again.predict(ROWS), model.predict(ROWS))


def test_a_pipeline_over_columns_of_a_frame_is_trusted(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(d=["u", "v"] * 40)
    columns = make_column_transformer(
        (StandardScaler(), ["a"]), (OneHotEncoder(handle_unknown="ignore"), ["d"])
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=5)).fit(frame, CLASSES)
    again = trust.load(saved(model, tmp_path), "shop", 1, ())
    assert (again.predict(frame) == model.predict(frame)).all()


class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn comes without types
    """A model of somebody's own."""

    def fit(self, _rows: Any, target: Any) -> "Majority":
        self.rule_ = Rule(int(np.bincount(target).argmax()))
        return self


class Rule:
    """A part of a model of somebody's own."""

    def __init__(self, answer: int) -> None:
        self.answer = answer


OWN = ["tests.test_trust.Majority", "tests.test_trust.Rule"]
STRANGE: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "a class of one's own": (lambda: Majority().fit(ROWS, CLASSES), OWN),
    "a class inside a forest": (lambda: make_pipeline(Majority(), Majority()), OWN[:1]),
    "a function of one's own": (lambda: FunctionTransformer(fitted), ["tests.test_trust.fitted"]),
    "a function of a library": (lambda: FunctionTransformer(yaml.safe_load), ["yaml.safe_load"]),
    "a score of scikit-learn": (
        lambda: SelectKBest(k=1).fit(ROWS, CLASSES),
        ["sklearn.feature_selection._univariate_selection.f_classif"],
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_other_types_are_all_named_with_the_file_that_trusts_them(what: str, tmp_path: Path) -> None:
    make, types = STRANGE[what]
    model = make()
    way_out = r"add them to TRUSTED_TYPES in src/almanac/workloads/shop/model\.py\.$"
    with pytest.raises(RegistryError, match=way_out) as refused:
        trust.check_saving("shop", model, types[1:])
    assert f"not trusted: {types[0]}. " in str(refused.value)
    with pytest.raises(RegistryError, match=way_out) as not_loaded:
        trust.load(saved(model, tmp_path), "shop", 3, ())
    assert f"Version 3 of 'shop' contains types that are not trusted: {', '.join(types)}. " in str(
        not_loaded.value
    )
    trust.check_saving("shop", model, types)
    assert trust.load(tmp_path, "shop", 3, types)


@pytest.mark.parametrize(
    "model",
    [FunctionTransformer(lambda rows: rows), make_pipeline(FunctionTransformer(lambda rows: rows), Ridge())],
    ids=["alone", "in a pipeline"],
)
def test_what_cannot_be_saved_is_refused_with_a_way_out(model: Any) -> None:
    with pytest.raises(RegistryError, match=r"The model of 'shop' cannot be saved without pickle: .+ Use "):
        trust.check_saving("shop", model, ())


def changed_schema(folder: Path, change: Callable[[str], str]) -> None:
    """Change the description inside a saved model, as another version of a library would have written it."""
    with zipfile.ZipFile(folder / "model.skops") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["schema.json"] = change(parts["schema.json"].decode()).encode()
    assert json.loads(parts["schema.json"])
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


OTHER = {
    "an internal type that is new": ("_logistic.LogisticRegression", "_logistic.LogitRegression"),
    "a module that moved": ("sklearn.linear_model._logistic", "sklearn.linear_model._logit"),
    "a class that is away": ('"LogisticRegression"', '"LogisticRegressor"'),
    "a node that skops does not know": ('"__loader__": "DictNode"', '"__loader__": "NewNode"'),
}


@pytest.mark.parametrize("what", OTHER)
def test_a_model_of_another_version_names_both_versions_and_the_way_out(what: str, tmp_path: Path) -> None:
    saved(fitted(LogisticRegression(), CLASSES), tmp_path)
    old, new = OTHER[what]
    changed_schema(tmp_path, lambda text: text.replace(old, new))
    describe(tmp_path, "1.99.0")
    if "_logistic.LogisticRegression" in old:
        changed_schema(tmp_path, lambda text: text.replace('"sklearn.linear_model._logistic"', '"other"'))
    message = r"saved with scikit-learn 1\.99\.0, here is 1\.\d+\.\d+\. Install that version, or train anew"
    with pytest.raises(RegistryError, match=message) as refused:
        trust.load(tmp_path, "shop", 3, ())
    assert "Version 3 of 'shop'" in str(refused.value)
    describe(tmp_path, "1.9.1")
    with pytest.raises(RegistryError) as same:
        trust.load(tmp_path, "shop", 3, ())
    assert "saved with" not in str(same.value)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([RandomForestClassifier, ExtraTreesClassifier, GradientBoostingClassifier]),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_trees_of_any_size_need_no_list(make: Any, depth: int, trees: int) -> None:
    trust.check_saving("shop", fitted(make(n_estimators=trees, max_depth=depth), CLASSES), ())


def test_only_inner_types_of_scikit_learn_are_added() -> None:
    others = {name for name in trust.SCIKIT_LEARN_TYPES if not name.startswith("sklearn.")}
    assert others == {"functools.partial"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_boosting_registers_and_loads_from_mlflow_and_a_stranger_is_named(
    registry_loaded: None, tmp_path: Path
) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", (tmp_path / "artifacts").as_uri())
    run_id = registry.start_run("shop", "first")
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    model = HistGradientBoostingClassifier(max_iter=5).fit(frame, CLASSES)
    version = registry.register("shop", run_id, Submission(model, frame.head(), ()))
    again = registry.load("shop", version.number, artifact_hash=version.artifact_hash, trusted_types=())
    assert (again.predict(frame) == model.predict(frame)).all()
    strange = make_pipeline(SelectKBest(k=1), LogisticRegression()).fit(frame, CLASSES)
    with pytest.raises(RegistryError, match=r"not trusted: sklearn\.feature_selection.+model\.py\.$"):
        registry.register("shop", run_id, Submission(strange, frame.head(), ()))
