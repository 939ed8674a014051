"""The origin of a run: commit, code, lock file and Python, as hashes that can be compared."""

import hashlib
import platform
import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from almanac.settings import Settings

PACKAGE = Path(__file__).parent
# Folders of the project whose changes change a run. A change of README or tests does not.
RUN_FOLDERS = ("src", "notebooks", "requirements")
# Modules and folders of the package that shape the predictions of every workload.
SHARED_CODE = ("contract.py", "discovery.py", "judging", "registry", "steps")
# Recorded where the project has no list of its own: packages that shape predictions and saved models.
SHAPING = ("joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops", "threadpoolctl")
# A requirement such as numpy==2.4.6; python_version < '3.12'.
PINNED = re.compile(r"\s*([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)")
GIT_TIMEOUT_SECONDS = 20
CHANGES = "+changes"


@dataclass(frozen=True)
class Origin:
    """The program that makes a run.

    `git_commit` ends in "+changes" where sources, notebooks or lock files differ from the commit.
    """

    git_commit: str
    code_hash: str
    lock_hash: str
    python: str


def origin(settings: Settings, workload: str) -> Origin:
    """Return the origin of a run of `workload` that starts now from the project of `settings`."""
    home = settings.home
    commit = git_commit(home, stated=settings.commit)
    return Origin(commit, code_hash(home, workload), lock_hash(home), platform.python_version())


def git_commit(home: Path, *, stated: str = "") -> str:
    """Return the commit of the project; outside a checkout, as in an image, the `stated` one or "unknown"."""
    commit = _git(home, "rev-parse", "HEAD")
    if not commit:
        return stated or "unknown"
    # A new file that was not committed counts as a change as well.
    has_changes = bool(_git(home, "status", "--porcelain", "--", *RUN_FOLDERS))
    return f"{commit}{CHANGES}" if has_changes else commit


def commit_exists(home: Path, commit: str) -> bool:
    """Tell whether a commit is part of the project's history."""
    return _git(home, "cat-file", "-t", commit.removesuffix(CHANGES)) == "commit"


def code_hash(home: Path, workload: str) -> str:
    """Return the hash of the workload's modules and notebooks and of SHARED_CODE."""
    modules = _modules(PACKAGE / "workloads" / workload)
    notebooks = (home / "notebooks" / workload).glob("*.ipynb")
    shared = [module for name in SHARED_CODE for module in _modules(PACKAGE / name)]
    return files_hash([*modules, *notebooks, *shared])


def lock_hash(home: Path) -> str:
    """Return the hash of the lock file, or "none" where the project runs without one."""
    lock = home / "requirements" / "lab.txt"
    return files_hash([lock]) if lock.exists() else "none"


def pinned(home: Path) -> dict[str, set[str]]:
    """Return the packages of the laboratory that the project pins, each with every version that it allows."""
    try:
        project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = [*project.get("dependencies", ()), *project["optional-dependencies"]["lab"]]
    except (OSError, KeyError, ValueError):
        return {}
    versions: dict[str, set[str]] = {}
    for name, number in (match.groups() for match in map(PINNED.match, lines) if match):
        versions.setdefault(name, set()).add(number)
    return versions


def packages(home: Path) -> dict[str, str]:
    """Return the installed versions of the packages that the project pins; one that is away is left out."""
    installed = {name: _installed(name) for name in sorted({*SHAPING, *pinned(home)})}
    return {name: number for name, number in installed.items() if number is not None}


def drift(then: Mapping[str, str]) -> tuple[str, ...]:
    """Return which packages have other versions here than `then`, as `name was 1.0, is 2.0`."""
    here = {name: _installed(name) or "not installed" for name in then}
    others = [name for name in sorted(then) if here[name] != then[name]]
    return tuple(f"{name} was {then[name]}, is {here[name]}" for name in others)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def files_hash(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        content_hash = hashlib.sha256(path.read_bytes()).digest()
        digest.update(path.name.encode() + b"\0" + content_hash)
    return digest.hexdigest()


def _modules(path: Path) -> list[Path]:
    """Return the module itself, or all modules below a folder."""
    return [path] if path.suffix == ".py" else list(path.rglob("*.py"))


def _git(home: Path, *arguments: str) -> str:
    """Return what git prints, or nothing where it fails or is not installed."""
    command = ["git", "-C", str(home), *arguments]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
