"""The repository around the code: layout, lists of packages and variables, hooks, and what git may keep."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from almanac.settings import Settings

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
EXAMPLE = ROOT / ".env.example"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS = sorted(ROOT.glob("requirements/*.txt"))


def tracked() -> list[str]:
    """Return what a fresh clone would hold once the present state is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def requirements_of(extra: str) -> set[Requirement]:
    """Return the requirements of an extra and of the extras it includes; `uv` has a lock of its own."""
    if extra == "uv":
        return {requirement for requirement in requirements_of("dev") if requirement.name == "uv"}
    own = {Requirement(line) for line in EXTRAS[extra]}
    extras = {part for requirement in own if requirement.name == "almanac" for part in requirement.extras}
    others = {requirement for requirement in own if requirement.name != "almanac"}
    return others.union(
        {Requirement(line) for line in PROJECT["dependencies"]}, *(requirements_of(part) for part in extras)
    )


def locked(path: Path) -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==([\w.+]+)", path.read_text(), re.MULTILINE))


def variables(text: str) -> list[str]:
    return re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE)


def test_a_fresh_clone_has_the_folders_and_files_that_the_readme_speaks_of() -> None:
    tops = {name.partition("/")[0] for name in tracked()}
    assert {"notebooks", "src", "mlruns", "serve", ".github", "tests", "environment.yml", "README.md"} <= tops
    assert {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "pyproject.toml",
        ".env.example",
        ".pre-commit-config.yaml",
        ".ci",
        "requirements",
        "benchmarks",
    } <= tops
    assert [name for name in tracked() if name.startswith("mlruns/")] == ["mlruns/README.md"]


def test_conda_asks_for_the_same_set_as_pip() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert (environment["name"], pip, packages) == (PROJECT["name"], "pip", {"pip": ["-e .[dev]"]})
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert requirements_of("dev") >= set().union(
        *(requirements_of(extra) for extra in EXTRAS if extra != "cloud")
    )


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_what_the_project_asks_for(path: Path) -> None:
    pins = {
        (requirement.name.lower(), str(requirement.specifier).removeprefix("=="))
        for requirement in requirements_of(path.stem)
    }
    assert pins
    assert pins - locked(path) == set()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_every_package_and_names_no_server(path: Path) -> None:
    text = path.read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)


def test_the_extras_have_one_lock_each() -> None:
    assert {path.stem for path in LOCKS} == {*EXTRAS, "uv"}


def test_the_environment_example_names_every_setting_in_its_order_and_what_compose_needs_besides() -> None:
    settings = [str(field.alias) for field in Settings.model_fields.values()]
    variables_of_compose = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    listed = variables(EXAMPLE.read_text())
    assert listed[: len(settings)] == settings
    assert set(listed[len(settings) :]) == variables_of_compose - set(settings)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_environment_example_explains_a_setting_and_shows_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    match = re.search(rf"^(# .+)\n# {field.alias}=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert match
    assert re.fullmatch(r"# \S.{20,}\.", match[1])
    if name != "home" and field.default not in (None, ""):
        assert match[2] == str(field.default).replace("True", "true").replace("False", "false")


def test_the_environment_example_sets_nothing_by_itself() -> None:
    assert [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")] == []


def test_no_large_file_no_data_and_no_key_is_kept() -> None:
    checked = subprocess.run(
        [sys.executable, ".github/scripts/check_files.py", *tracked()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("big.bin", "x" * 500_001, "big.bin: 500,001 bytes, at most 500,000 are kept in git."),
        (
            "matches.csv",
            "home,away\n" * 4_000,
            "matches.csv: data stays out of git; let a source fetch it or a test make it.",
        ),
        ("model.skops", "", "model.skops: data stays out of git; let a source fetch it or a test make it."),
        ("server.pem", "", "server.pem: a file of keys; keep it in the environment or a secret store."),
        (
            "a.py",
            "\n# -----BEGIN RSA PRIVATE" + " KEY-----\n",
            "a.py:2: looks like a key. If it is real, revoke it: git remembers.",
        ),
        (
            "b.py",
            'token = "ghp' + '_0123456789abcdefghijABCDEFGHIJ012345"',
            "b.py:1: looks like a key. If it is real, revoke it: git remembers.",
        ),
        (
            "c.sh",
            "\nexport ODDS_API_KEY=" + "0123456789abcdef" * 2,
            "c.sh:2: looks like a key. If it is real, revoke it: git remembers.",
        ),
    ],
)
def test_a_file_that_git_should_not_keep_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str, complaint: str
) -> None:
    (tmp_path / name).write_text(content)
    script = ROOT / ".github/scripts/check_files.py"
    checked = subprocess.run(
        [sys.executable, script, name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (1, complaint + "\n")


def test_a_short_table_is_source_and_may_be_kept(tmp_path: Path) -> None:
    (tmp_path / "clubs.tsv").write_text("code\tname\n")
    subprocess.run(
        [sys.executable, ROOT / ".github/scripts/check_files.py", "clubs.tsv"], cwd=tmp_path, check=True
    )


def test_no_path_of_one_machine_is_kept() -> None:
    machine = re.compile(rb"(?<![\w.~:/-])/(?:work|root|Users/\w+|home/\w+)/[\w.]")
    assert [name for name in tracked() if machine.search((ROOT / name).read_bytes())] == []


def test_the_licence_of_the_package_is_the_licence_in_the_repository() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith(f"{PROJECT['license']} License\n\nCopyright (c) 2026 Almanac contributors\n")
    assert importlib.metadata.metadata("almanac")["License-Expression"] == PROJECT["license"]


def hooks() -> list[dict[str, Any]]:
    return [
        hook
        for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repository["hooks"]
    ]


def test_every_hook_works_without_a_network() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert [hook["id"] for hook in hooks()] == ["ruff-format", "ruff", "nbstripout", "files"]
    assert {hook["language"] for hook in hooks()} == {"unsupported"}


@pytest.mark.slow
def test_the_hooks_empty_a_notebook_keep_its_parameters_and_refuse_a_key(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
    cell = {
        "cell_type": "code",
        "id": "a",
        "execution_count": 1,
        "metadata": {"tags": ["parameters"]},
        "source": ["print(1)"],
        "outputs": [output],
    }
    (tmp_path / "n.ipynb").write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    (tmp_path / "key.txt").write_text("-----BEGIN PRIVATE" + " KEY-----")
    for name in (".pre-commit-config.yaml", ".github/scripts/check_files.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "SKIP": "ruff,ruff-format",
    }
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "n.ipynb", "key.txt", ".pre-commit-config.yaml"], cwd=tmp_path, check=True)
    ran = subprocess.run(
        ["pre-commit", "run", "--all-files"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    emptied = json.loads((tmp_path / "n.ipynb").read_text())["cells"][0]
    assert ran.returncode == 1
    assert "key.txt:1: looks like a key" in ran.stdout
    assert (emptied["outputs"], emptied["execution_count"], emptied["metadata"]) == (
        [],
        None,
        {"tags": ["parameters"]},
    )
