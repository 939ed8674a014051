"""requirements/install: uv installs the locked packages, and pip where uv is missing or fails."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A stand-in for Python: it records its arguments; the files no_uv, no_registry and broken_uv let it fail.
PYTHON = """#!/usr/bin/env bash
echo "$*" >> calls
case "$1 $2" in
  "-c import uv") test ! -e no_uv ;;
  "-m pip")
    if grep -q "uv.txt" <<< "$*"; then test ! -e no_registry; exit; fi
    if [ "$3" = config ]; then exit 1; fi ;;
  "-m uv") echo "Downloading numpy (16.1MiB)"; echo " + numpy==2.5.5"; test ! -e broken_uv ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script and a stand-in for .venv/bin/python."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / "requirements").mkdir()
    script = tmp_path / "requirements" / "install"
    script.write_text((ROOT / "requirements" / "install").read_text())
    script.chmod(0o755)
    return tmp_path


def install(checkout: Path) -> tuple[str, list[str]]:
    """Install the lock `lab`; return the output and the calls that installed packages."""
    script = checkout / "requirements" / "install"
    process = subprocess.run([script, "lab"], check=True, capture_output=True, text=True)
    calls = (checkout / "calls").read_text().splitlines()
    return process.stdout, [call for call in calls if " install " in call and "uv.txt" not in call]


def test_uv_installs_the_lock_with_hashes_and_then_the_package(checkout: Path) -> None:
    output, calls = install(checkout)
    assert [call.split()[1] for call in calls] == ["uv", "uv"]
    assert "--require-hashes --requirement requirements/lab.txt" in calls[0]
    assert calls[1].endswith("--no-deps --no-build-isolation --editable .")
    assert output.splitlines() == [
        "Installing the packages of requirements/lab.txt …",
        "Downloading numpy (16.1MiB)",
    ]


def test_uv_is_installed_by_pip_with_hashes_where_it_is_missing(checkout: Path) -> None:
    (checkout / "no_uv").touch()
    install(checkout)
    calls = (checkout / "calls").read_text()
    assert "-m pip install" in calls
    assert "--require-hashes --requirement requirements/uv.txt" in calls


def test_pip_installs_the_same_lock_where_uv_is_not_available(checkout: Path) -> None:
    (checkout / "no_uv").touch()
    (checkout / "no_registry").touch()
    output, calls = install(checkout)
    assert [call.split()[1] for call in calls] == ["pip", "pip"]
    assert "--require-hashes --requirement requirements/lab.txt" in calls[0]
    assert "uv is not available. pip installs the packages" in output


def test_pip_installs_the_same_lock_where_uv_fails(checkout: Path) -> None:
    (checkout / "broken_uv").touch()
    output, calls = install(checkout)
    assert [call.split()[1] for call in calls] == ["uv", "pip", "pip"]
    assert output.count("uv failed. pip installs the packages") == 1
