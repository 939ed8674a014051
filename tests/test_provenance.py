"""The origin of a run: commit, code, lock file and Python."""

import platform
import subprocess
from pathlib import Path

import pytest

from almanac import provenance
from almanac.settings import Settings

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
OWN_MODULES = ("workloads/football/model.py", "workloads/football/sources/odds.py")
SHARED_MODULES = (
    "contract.py",
    "discovery.py",
    "judging/scores.py",
    "registry/models.py",
    "steps/predictions.py",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project of three files with one commit."""
    for name in ("src/model.py", "notebooks/football/1_collect.ipynb", "requirements/lab.txt", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*GIT, "-C", tmp_path, *words], check=True)
    return tmp_path


def head(checkout: Path) -> str:
    command = [*GIT, "-C", checkout, "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_origin_names_commit_and_python(checkout: Path) -> None:
    origin = provenance.origin(Settings(home=checkout), "football")
    assert (origin.git_commit, origin.python) == (head(checkout), platform.python_version())
    assert provenance.commit_exists(checkout, origin.git_commit)


@pytest.mark.parametrize(
    "name", ["src/model.py", "src/new.py", "notebooks/football/1_collect.ipynb", "requirements/lab.txt"]
)
def test_a_change_of_sources_notebooks_or_lock_files_marks_the_commit(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed")
    assert provenance.git_commit(checkout) == f"{head(checkout)}+changes"
    assert provenance.commit_exists(checkout, f"{head(checkout)}+changes")


def test_a_change_of_any_other_file_does_not_mark_the_commit(checkout: Path) -> None:
    (checkout / "README.md").write_text("changed")
    assert provenance.git_commit(checkout) == head(checkout)


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path) -> None:
    assert provenance.git_commit(tmp_path) == "unknown"
    assert provenance.git_commit(tmp_path, stated="4f2c1d0") == "4f2c1d0"
    assert not provenance.commit_exists(tmp_path, "0" * 40)


def test_the_code_hash_changes_with_a_notebook(checkout: Path) -> None:
    before = provenance.code_hash(checkout, "football")
    (checkout / "notebooks/football/1_collect.ipynb").write_text("changed")
    assert provenance.code_hash(checkout, "football") != before


def test_the_lock_hash_changes_with_the_lock_file(checkout: Path) -> None:
    before = provenance.lock_hash(checkout)
    (checkout / "requirements/lab.txt").write_text("changed")
    changed = provenance.lock_hash(checkout)
    (checkout / "requirements/lab.txt").unlink()
    assert len({before, changed, provenance.lock_hash(checkout)}) == 3
    assert provenance.lock_hash(checkout) == "none"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two workloads and the code that they share."""
    package = tmp_path / "src" / "almanac"
    for name in (*OWN_MODULES, "workloads/games/model.py", *SHARED_MODULES):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    return package


@pytest.mark.parametrize("name", [*OWN_MODULES, *SHARED_MODULES])
def test_the_code_hash_changes_with_the_modules_of_the_workload_and_with_shared_ones(
    checkout: Path, package: Path, name: str
) -> None:
    before = provenance.code_hash(checkout, "football")
    (package / name).write_text("changed")
    assert provenance.code_hash(checkout, "football") != before


def test_the_code_hash_does_not_change_with_the_modules_of_another_workload(
    checkout: Path, package: Path
) -> None:
    before = provenance.code_hash(checkout, "football")
    (package / "workloads/games/model.py").write_text("changed")
    assert provenance.code_hash(checkout, "football") == before


def test_all_shared_code_exists() -> None:
    assert all((provenance.PACKAGE / name).exists() for name in provenance.SHARED_CODE)
