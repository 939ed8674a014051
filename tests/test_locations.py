"""Files of a local MLflow store: they follow a folder that is moved or copied; what is gone is called so."""

import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from almanac.errors import RegistryError
from almanac.registry import Registry, Submission, file_hash, locations, open_registry
from almanac.settings import Settings
from tests.installation import WORKLOAD, Installation, build

pytestmark = [
    pytest.mark.slow,
    # MLflow warns of its own types and of its use of pandas.
    pytest.mark.filterwarnings("ignore"),
]
FRAME = pd.DataFrame({"effort": [0.1, 0.5, 0.7, 0.9]})
NAMES = ("plain", "with a space", "it's $HOME", "50% of #1", "Zürich; a&b", 'a "quoted" \\ name')


def opened(home: Path, **settings: str) -> Registry:
    """Open the registry of an installation in a folder, as a new process would."""
    import_module("mlflow.tracking._tracking_service.utils")._artifact_repos_cache.clear()
    return open_registry(Settings(home=home, **settings))


def registered(registry: Registry) -> str:
    """Register a version with its data and return its MLflow run."""
    run_id = registry.start_run(WORKLOAD, "first")
    registry.log_frame(run_id, FRAME, "training")
    model = LogisticRegression().fit(FRAME, [0, 0, 1, 1])
    registry.register(WORKLOAD, run_id, Submission(model, FRAME, ()))
    return run_id


@pytest.fixture(scope="module")
def store(registry_loaded: None) -> Iterator[tuple[Path, str]]:
    """A home with one registered version, which tests copy, and the MLflow run of the version."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        home = Path(folder, "home")
        yield home, registered(opened(home))


def files(home: Path) -> dict[str, str]:
    """Return the hash of each file below a folder."""
    artifacts = home / "mlruns" / "artifacts"
    return {str(path.relative_to(home)): file_hash(path) for path in artifacts.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_reads_and_writes_its_own_files(store: tuple[Path, str], tmp_path: Path, name: str) -> None:
    home, run_id = store
    before, copy = files(home), tmp_path / name
    shutil.copytree(home, copy)
    registry = opened(copy)
    digest = registry.version_hash(WORKLOAD, 1)
    registry.log_frame(registry.start_run(WORKLOAD, "second"), FRAME, "training")
    assert files(home) == before
    assert len(files(copy)) == len(before) + 1
    assert (
        locations.local_path(registry.place(run_id))
        == copy / "mlruns/artifacts" / WORKLOAD / run_id / "artifacts"
    )
    for path in (copy / "mlruns" / "artifacts").rglob("model.skops"):
        path.write_bytes(path.read_bytes() + b"!")
    assert registry.version_hash(WORKLOAD, 1) != digest
    assert files(home) == before


def test_a_question_mark_is_refused_before_another_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"may have no question mark\. Rename the folder"):
        opened(tmp_path / "what?")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_moved_twice_does_not_make_its_old_places_again(
    store: tuple[Path, str], tmp_path: Path
) -> None:
    home, run_id = store
    places = [tmp_path / name for name in ("first", "second", "third")]
    shutil.copytree(home, places[0])
    hashes = [opened(places[0]).version_hash(WORKLOAD, 1)]
    for old, new in pairwise(places):
        old.rename(new)
        registry = opened(new)
        hashes.append(registry.version_hash(WORKLOAD, 1))
        registry.log_frame(run_id, FRAME, f"more_{new.name}")
    assert len(set(hashes)) == 1
    assert [place.exists() for place in places] == [False, False, True]
    assert {"more_second.parquet", "more_third.parquet"} <= {Path(name).name for name in files(places[-1])}


def test_files_that_stayed_in_a_place_of_their_own_are_read_there(
    registry_loaded: None, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    first = opened(tmp_path / "here", artifact_root=own.as_uri())
    run_id = registered(first)
    again = opened(tmp_path / "here")
    assert locations.readable(again.place(run_id)).startswith(str(own))
    assert again.version_hash(WORKLOAD, 1)


def test_runs_whose_files_are_in_the_old_place_only_keep_it(store: tuple[Path, str], tmp_path: Path) -> None:
    home, run_id = store
    old, copy = tmp_path / "old", tmp_path / "copy"
    shutil.copytree(home, old)
    opened(old).version_hash(WORKLOAD, 1)
    shutil.copytree(old, copy)
    # The earlier program let the copy write into the old folder.
    shutil.rmtree(copy / "mlruns" / "artifacts" / WORKLOAD / run_id)
    registry = opened(copy)
    assert locations.readable(registry.place(run_id)).startswith(str(old))
    later = registry.start_run(WORKLOAD, "later")
    assert locations.readable(registry.place(later)).startswith(str(copy))


def test_the_experiment_of_mlflow_itself_has_its_place_here_too(store: tuple[Path, str]) -> None:
    home, _ = store
    location = opened(home).client.get_experiment("0").artifact_location
    assert locations.local_path(location) == home / "mlruns" / "artifacts" / "Default"


def test_a_relative_database_of_ones_own_counts_from_the_project(
    registry_loaded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    registry = opened(tmp_path / "home", mlflow_tracking_uri="sqlite:///own/mlflow.db")
    run_id = registry.start_run(WORKLOAD, "first")
    assert locations.readable(registry.place(run_id)).startswith(str(tmp_path / "home" / "own" / "artifacts"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


LOST = {
    "everything": ["."],
    "the model": ["model.skops"],
    "its description": ["MLmodel"],
    "model and description": ["MLmodel", "model.skops"],
}


@pytest.mark.parametrize("what", LOST)
def test_missing_files_of_a_model_are_gone_and_nothing_is_made_again(
    store: tuple[Path, str], tmp_path: Path, what: str
) -> None:
    shutil.copytree(store[0], tmp_path / "home")
    registry = opened(tmp_path / "home")
    registry.version_hash(WORKLOAD, 1)
    (folder,) = (path.parent for path in tmp_path.rglob("MLmodel"))
    for name in LOST[what]:
        shutil.rmtree(folder) if name == "." else (folder / name).unlink()
    left = sorted(tmp_path.rglob("*"))
    refusal = rf"Files of version 1 of '{WORKLOAD}' are gone at {folder}: .+ promote another version"
    with pytest.raises(RegistryError, match=refusal):
        registry.version_hash(WORKLOAD, 1)
    with pytest.raises(RegistryError, match=refusal):
        registry.load(WORKLOAD, 1, artifact_hash="0" * 64, trusted_types=())
    assert sorted(tmp_path.rglob("*")) == left


def test_a_missing_file_of_a_run_is_gone(store: tuple[Path, str], tmp_path: Path) -> None:
    shutil.copytree(store[0], tmp_path / "home")
    registry = opened(tmp_path / "home")
    for uri in (f"runs:/{store[1]}/data/training.parquet", f"runs:/{store[1]}/notebooks/1_collect.ipynb"):
        place = tmp_path / "home" / "mlruns" / "artifacts" / WORKLOAD / store[1] / "artifacts"
        shutil.rmtree(place / "data", ignore_errors=True)
        with pytest.raises(RegistryError, match=rf"{uri} is gone at {place}/"):
            registry.fetch(uri, tmp_path)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1))
def test_every_path_is_read_back_from_its_location(name: str) -> None:
    path = Path("/data", name)
    assert locations.local_path(path.as_uri()) == path
    assert locations.local_path(str(path)) == path


@pytest.mark.parametrize(
    "location", ["s3://b/a", "gs://b/a", "mlflow-artifacts:/1", "https://me:pw@host/a", ""]
)
def test_places_elsewhere_are_no_paths_and_never_gone(location: str) -> None:
    assert locations.local_path(location) is None
    assert not locations.is_gone(location)
    assert "me:pw" not in locations.readable(location)


def test_a_whole_installation_is_copied_then_moved_and_each_runs_on_its_own() -> None:
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        first, copy, moved = (Installation(Path(folder, name)) for name in ("a", "b", "c"))
        first.home.mkdir()
        build(first.home)
        run(first)
        shutil.copytree(first.home, copy.home)
        before = files(first.home)
        run(copy)
        assert files(first.home) == before
        assert len(files(copy.home)) > len(before)
        first.home.rename(moved.home)
        run(moved)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["b", "c"]
        for installation in (copy, moved):
            for record in installation.ask("runs"):
                links = {link["link"]: link for link in installation.ask("verify", record["run_id"])}
                assert {link["state"] for link in links.values()} <= {"ok", "none"}
                assert links["artifacts"]["detail"].startswith(str(installation.home))
            details = [
                finding["detail"] for finding in installation.ask("doctor") if finding["what"] == "mlflow"
            ]
            assert details == [f"local store in mlruns/, artifacts: {installation.home}/mlruns/artifacts"]


def run(installation: Installation) -> None:
    """Run the workload of an installation once."""
    ran = installation.almanac("run", WORKLOAD, "--sample", "mock", "--slot", "now", "--quiet")
    assert ran.returncode == 0, ran.stderr
