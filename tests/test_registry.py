"""The registry: candidates as child runs, versions with their records, models loaded only unchanged."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from almanac.errors import ModelTampered, RegistryError
from almanac.registry import CHAMPION, Registry, file_hash, folder_hash, frame_bytes, pages
from almanac.store.records import versions
from tests.installation import WORKLOAD, Installation


@contextmanager
def one_byte_changed(path: Path) -> Iterator[None]:
    """Change one byte of a file, and change it back at the end."""
    before = path.read_bytes()
    path.write_bytes(before[:100] + bytes([before[100] ^ 1]) + before[101:])
    try:
        yield
    finally:
        path.write_bytes(before)


def test_a_version_has_signature_example_parameters_metrics_and_hash(
    loaded_installation: Installation,
) -> None:
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            record = versions.get(connection, WORKLOAD, 1)
        run = project.registry.client.get_run(record["mlflow_run_id"])
    model = loaded_installation.artifact("MLmodel").parent
    example = json.loads((model / "input_example.json").read_text())
    assert run.data.params == {"candidate": "logit", "seed": "7", "strength": "1.0"}
    assert {"log_loss", "accuracy", "calibration_error", "n"} <= set(run.data.metrics)
    assert {"signature:", "saved_input_example_info:"} <= set((model / "MLmodel").read_text().split())
    assert set(example["columns"]) == {"effort", "success_rate_before"}
    assert record["artifact_hash"] == folder_hash(model)
    assert record["data_hash"] == file_hash(loaded_installation.artifact("training.parquet"))
    assert record["parameters"] == {"candidate": "logit", "seed": 7, "strength": 1.0}
    assert record["simulated"]


def test_no_model_is_saved_as_pickle(installation: Installation) -> None:
    names = {path.suffix for path in (installation.home / "mlruns" / "artifacts").rglob("*")}
    assert ".skops" in names
    assert {".pkl", ".pickle", ".joblib", ".cloudpickle"} & names == set()


def test_the_candidates_of_a_training_are_children_of_its_run(loaded_installation: Installation) -> None:
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            parent = versions.get(connection, WORKLOAD, 1)["mlflow_run_id"]
        experiments = [project.registry.experiment(WORKLOAD)]
        is_child = f"tags.mlflow.parentRunId = '{parent}'"
        children = project.registry.client.search_runs(experiments, is_child)
    assert sorted(child.info.run_name for child in children) == ["base_rate", "logit"]
    assert all({"log_loss", "accuracy"} <= set(child.data.metrics) for child in children)
    assert {child.info.status for child in children} == {"FINISHED"}


def test_a_model_with_a_changed_byte_is_not_loaded(loaded_installation: Installation) -> None:
    path = loaded_installation.artifact("model.skops")
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            recorded = versions.get(connection, WORKLOAD, 1)["artifact_hash"]
        model = project.registry.load(WORKLOAD, 1, artifact_hash=recorded, trusted_types=())
        assert model.predict_proba(pd.DataFrame(ROWS)).shape == (2, 2)
        refusal = f"Version 1 of '{WORKLOAD}' has files with hash .+ It is not loaded"
        with one_byte_changed(path), pytest.raises(ModelTampered, match=refusal):
            project.registry.load(WORKLOAD, 1, artifact_hash=recorded, trusted_types=())


def test_predictions_of_a_changed_model_are_never_released(loaded_installation: Installation) -> None:
    live = loaded_installation.live()
    options = ("--sample", "mock", "--slot", "now", "--only", "predict", "--json")
    with one_byte_changed(loaded_installation.artifact("model.skops")):
        ran = loaded_installation.almanac("run", WORKLOAD, *options)
    assert (ran.returncode, loaded_installation.live()) == (5, live)
    assert "ModelTampered" in json.loads(ran.stdout)["reason"]


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            lambda: OSError(errno.ENOSPC, "No space left on device"),
            r"cannot read or write its files: \[Errno 28\] No space left on device\. See to",
        ),
        (
            lambda: mlflow_error("https://me:hunter22@bucket is away."),
            r"said: https://bucket is away\. Check",
        ),
    ],
    ids=["the disk", "the bucket"],
)
def test_a_model_that_cannot_be_downloaded_is_a_registry_error(
    cause: Callable[[], Exception],
    message: str,
    loaded_installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise cause()

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", fail)
    with loaded_installation.project() as project, pytest.raises(RegistryError, match=message):
        project.registry.version_hash(WORKLOAD, 1)


def mlflow_error(text: str) -> Exception:
    error: Exception = import_module("mlflow.exceptions").MlflowException(text)
    return error


def test_an_alias_is_moved_and_deleted(loaded_installation: Installation) -> None:
    with loaded_installation.project() as project:
        project.registry.set_alias(WORKLOAD, "guest", 1)
        assert project.registry.alias(WORKLOAD, "guest") == 1
        project.registry.set_alias(WORKLOAD, "guest", None)
        assert project.registry.alias(WORKLOAD, "guest") is None


def test_an_alias_that_points_nowhere_is_none_and_an_unknown_version_is_named(
    loaded_installation: Installation,
) -> None:
    with loaded_installation.project() as project:
        assert project.registry.alias(WORKLOAD, "nobody") is None
        assert project.registry.alias("nothing", CHAMPION) is None
        with pytest.raises(RegistryError, match=r"MLflow at sqlite:.+ said: "):
            project.registry.set_alias(WORKLOAD, CHAMPION, 999)


def test_a_registry_that_is_away_is_named_without_its_password(
    registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Registry("http://me:hunter22@127.0.0.1:9", "")
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 said: ") as caught:
        away.experiment("stub")
    assert "hunter22" not in str(caught.value)


def test_opening_a_registry_leaves_the_environment_as_it_was(
    registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Registry("http://127.0.0.1:9", "").client
    unset = os.environ.get("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow")
    assert Registry("http://127.0.0.1:10", "").client
    assert (unset, os.environ["MLFLOW_TRACKING_URI"]) == (None, "http://mlflow")


def test_the_hash_of_a_folder_covers_names_and_contents_but_no_file_of_the_download(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = folder_hash(tmp_path)
    (tmp_path / "registered_model_meta").write_text("now")
    assert folder_hash(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = folder_hash(tmp_path)
    (tmp_path / "b").write_text("2")
    changed = folder_hash(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_text("1")
    assert len({first, renamed, changed, folder_hash(tmp_path)}) == 4


def test_a_saved_frame_with_a_changed_byte_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, uri = tmp_path / "training.parquet", "runs:/a/data/training.parquet"
    path.write_bytes(frame_bytes(pd.DataFrame(ROWS)))
    recorded = file_hash(path)
    registry = Registry("http://127.0.0.1:9", "")
    monkeypatch.setattr(Registry, "fetch", lambda *_: path)
    pd.testing.assert_frame_equal(registry.fetch_frame(uri, recorded), pd.DataFrame(ROWS))
    path.write_bytes(frame_bytes(pd.DataFrame(ROWS).assign(effort=0.2)))
    hashes = f"has hash {file_hash(path)[:12]}, recorded was {recorded[:12]}"
    with pytest.raises(RegistryError, match=rf"training\.parquet {hashes}\. It was changed"):
        registry.fetch_frame(uri, recorded)


def test_the_same_frame_gives_the_same_bytes() -> None:
    frame = pd.DataFrame(ROWS)
    assert frame_bytes(frame) == frame_bytes(frame.set_axis([5, 9]))
    assert frame_bytes(frame) != frame_bytes(frame.assign(effort=0.2))


OPEN_STORE = """
import sys
from almanac.registry import Registry

_, uri, experiment = sys.argv
Registry(uri, "").experiment(experiment)
"""
ROWS = {"effort": [0.1, 0.5], "success_rate_before": [0.5, 0.25]}


@pytest.mark.slow
def test_several_programs_may_open_an_empty_store_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", OPEN_STORE, f"sqlite:///{tmp_path}/mlflow.db"]
    processes = [
        subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in ("a", "b", "c")
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors


def test_the_pages_of_mlflow_describe_workload_run_and_version(loaded_installation: Installation) -> None:
    release_id = str(loaded_installation.ask("releases", WORKLOAD, "--limit", "1000")[-1]["release_id"])
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            record = versions.get(connection, WORKLOAD, 1)
        client, experiment = project.registry.client, project.registry.experiment(WORKLOAD)
        described = client.get_experiment(experiment).tags["mlflow.note.content"]
        run = client.get_run(record["mlflow_run_id"]).data.tags
        version = client.get_model_version(WORKLOAD, "1")
        model = client.get_registered_model(WORKLOAD)
        names = {item.path for item in client.list_artifacts(record["mlflow_run_id"], "notebooks")}
        address = pages.address(project.registry, WORKLOAD)
    first = loaded_installation.first_run
    assert described == model.description != ""
    assert (run["almanac.run"], run["almanac.release"]) == (first, release_id)
    assert f"Run {first} for slot " in run["mlflow.note.content"]
    assert {"almanac.run", "almanac.release"} <= set(version.tags)
    assert "Predicts in run " in version.description
    steps = ("1_collect", "2_train", "3_evaluate", "4_predict")
    assert names == {f"notebooks/{name}.{kind}" for name in steps for kind in ("ipynb", "html")}
    assert address == f"http://127.0.0.1:5000/#/experiments/{experiment}/runs"
    assert address in (loaded_installation.home / "first_run.txt").read_text()
    page = loaded_installation.artifact("2_train.html").read_text()
    assert page.lower().startswith("<!doctype html")


@pytest.mark.parametrize("uri", ["https://mlflow.example.org", "https://mlflow.example.org/"])
def test_the_address_of_a_server_of_ones_own_is_its_page_of_runs(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(uri, "")
    monkeypatch.setattr(Registry, "experiment", lambda *_: "7")
    assert pages.address(registry, "shop") == "https://mlflow.example.org/#/experiments/7/runs"
