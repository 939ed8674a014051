"""Where a run comes from: commit, code, lock file and Python, as hashes that can be compared."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from almanac.settings import Settings

# What shapes a run, below the project's folder.
SHAPING = ("src", "notebooks", "requirements")
# What shapes the predictions of every workload, below the package's folder; `judging` goes with them.
SHARED_MODULES = ("contract.py", "discovery.py", "registry.py", "steps.py")


@dataclass(frozen=True)
class Origin:
    """The program that makes a run. `git_commit` ends in "+changes" where sources, notebooks or lock files differ from it."""

    git_commit: str
    code_hash: str
    lock_hash: str
    python: str


def origin(settings: Settings, workload: str) -> Origin:
    """Return the origin of a run of `workload` started now from the project of `settings`."""
    home = settings.home
    return Origin(
        git_commit(home, stated=settings.commit),
        code_hash(home, workload),
        lock_hash(home),
        platform.python_version(),
    )


def git_commit(home: Path, *, stated: str = "") -> str:
    """Return the commit of the project; outside a checkout, as in an image, the one that is `stated` or "unknown"."""
    commit = _git(home, "rev-parse", "HEAD")
    if not commit:
        return stated or "unknown"
    # A new file that nobody has committed shapes a run as well; README and tests do not.
    return f"{commit}+changes" if _git(home, "status", "--porcelain", "--", *SHAPING) else commit


def commit_exists(home: Path, commit: str) -> bool:
    """Tell whether a commit is part of the project's history."""
    return _git(home, "cat-file", "-t", commit.removesuffix("+changes")) == "commit"


def code_hash(home: Path, workload: str) -> str:
    """Return the hash of everything that shapes a prediction: the workload's modules and notebooks, and what all workloads share."""
    package = Path(__file__).parent
    own = [
        *(package / "workloads" / workload).rglob("*.py"),
        *(home / "notebooks" / workload).glob("*.ipynb"),
    ]
    return files_hash(
        [*own, *(package / name for name in SHARED_MODULES), *(package / "judging").glob("*.py")]
    )


def lock_hash(home: Path) -> str:
    """Return the hash of the lock file, or "none" where the project runs without one."""
    lock = home / "requirements" / "lab.txt"
    return files_hash([lock]) if lock.exists() else "none"


def files_hash(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda found: (found.name, str(found))):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _git(home: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(home), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
